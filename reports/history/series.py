"""Series: the runs of one plan on one machine, and where their numbers changed.

Numbers of another plan or of another machine are another series, and are never compared. Runs that
were disturbed, by other programs that had the CPU for one, stay in the series and are left out
where changes are looked for. A change that lower bounds make uncertain is none, and is told to be
undecided.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from dress_rehearsal.reports.directions import unit_of, worse_when
from dress_rehearsal.reports.doubts import disturbance_words
from dress_rehearsal.reports.history.change_points import Side, change_points
from dress_rehearsal.reports.history.entry import Entry, metric_of
from dress_rehearsal.reports.part import Part
from dress_rehearsal.reports.schema import Number
from dress_rehearsal.reports.words import agreeing, bound_words, counted, quantity

MAX_PVALUE: Final = 0.001
MIN_MAGNITUDE: Final = 0.05
FEWEST: Final = 6
"""Runs below which nothing can be told: three a side are the fewest that a t-test finds anything in
at `MAX_PVALUE`."""
_NAMED: Final = 5
"""Undecided changes that are named in the sentence about them."""


class Change(Part):
    """One number's change of level: between `after_run` and `run`, the first that had it.

    `before` and `after` are the means of the runs since the last change, and from this one on;
    `runs` of these there are so far. `relative`: by how much of `before`, None where that is 0.
    `at_least`: which of both means are lower bounds, as a number is in one of their runs. `worse`:
    None where neither way is.
    """

    metric: str
    after_run: str
    after_build: str
    run: str
    when: str
    build: str
    before: float
    after: float
    at_least: tuple[Side, ...] = ()
    relative: float | None
    worse: bool | None
    p: float
    runs: int

    @property
    def level_words(self) -> tuple[str, str]:
        """The levels before and after, as people read them."""
        unit = unit_of(metric_of(self.metric))
        return (
            bound_words(quantity(self.before, unit), at_least="before" in self.at_least),
            bound_words(quantity(self.after, unit), at_least="after" in self.at_least),
        )

    @property
    def relative_words(self) -> str | None:
        """By how much of the level before it changed, as people read it; None where that is not
        known."""
        if self.relative is None or len(self.at_least) > 1:
            return None
        words = f"{self.relative:+.0%}".replace("-", "−")
        if self.at_least:
            words = f"{'at most' if 'before' in self.at_least else 'at least'} {words}"
        return words


@dataclass(frozen=True, slots=True)
class Series:
    """The runs of one plan on one machine, the oldest first, and the changes, the newest first.

    `undecided` are those that what the numbers really are of which lower bounds are known could
    undo.
    """

    entries: tuple[Entry, ...]
    changes: tuple[Change, ...] = ()
    undecided: tuple[Change, ...] = ()

    @property
    def plan(self) -> str:
        """The plan's name, as its last run has it."""
        return self.entries[-1].plan

    @property
    def metrics(self) -> list[str]:
        """Every number of any run, in the order of the newest."""
        return list(dict.fromkeys(name for entry in self.entries[::-1] for name in entry.numbers))

    @property
    def believed(self) -> int:
        """How many of its runs were undisturbed: in them changes of times are looked for."""
        return sum(not entry.disturbances for entry in self.entries)

    @property
    def left_out_words(self) -> str:
        """How many more runs were disturbed and by what, in brackets; "" without any: a build that
        makes the rehearsal itself late is slower than the runs that are left."""
        words = (disturbance_words(entry.doubts) for entry in self.entries if entry.disturbances)
        why = Counter(words)
        if not why:
            return ""
        number = why.total()
        were, are = (agreeing(number, *each) for each in (("was", "were"), ("is", "are")))
        listed = "; ".join(
            f"in {counted(times, 'run')} {word}" for word, times in why.most_common()
        )
        return f" ({number} more {were} disturbed and {are} left out: {listed})"

    @property
    def undecided_words(self) -> str:
        """Which changes are undecided and why, in a sentence; "" without any."""
        if not self.undecided:
            return ""
        said = [f"{each.metric} with the run {each.run}" for each in self.undecided[:_NAMED]]
        more = len(self.undecided) - len(said)
        others = f" and {more} more" if more else ""
        return (
            f"Undecided is whether a level changed: {'; '.join(said)}{others}. Requests were given "
            f"up there, and only lower bounds are known: have students wait longer "
            f"(students.timeout)."
        )

    def values(self, metric: str) -> list[Number | None]:
        """Return a number of each run, None where it has none."""
        return [entry.numbers.get(metric) for entry in self.entries]

    def shown(self, wanted: Sequence[str] = (), most: int = 6) -> list[str]:
        """Return the numbers to be drawn: those that are wanted, else those that changed or may
        have, and of the others first times and rates, which differ from run to run."""
        if wanted:
            return [metric for metric in wanted if metric in self.metrics]
        changed = dict.fromkeys(each.metric for each in (*self.changes, *self.undecided))
        moving = [name for name in self.metrics if len(set(self.values(name)) - {None}) > 1]
        timed = [name for name in self.metrics if unit_of(metric_of(name))]
        first = [name for name in timed if name in moving]
        return list(dict.fromkeys([*changed, *first, *moving, *timed]))[:most]


def series_of(
    entries: Iterable[Entry],
    *,
    max_pvalue: float = MAX_PVALUE,
    min_magnitude: float = MIN_MAGNITUDE,
    wanted: Sequence[str] = (),
) -> list[Series]:
    """Return the series that runs make, the one with the newest run first.

    Args:
        entries: the oldest first.
        max_pvalue, min_magnitude: as of `change_points`.
        wanted: in which numbers changes are looked for; none: in all.
    """
    groups: dict[tuple[str, str | None], list[Entry]] = {}
    for entry in entries:
        groups.setdefault((entry.plan_digest, entry.fingerprint), []).append(entry)
    made = []
    for group in groups.values():
        group_series = Series(tuple(group))
        names = wanted or group_series.metrics
        found = [
            each
            for metric in names
            for each in _changes(group_series, metric, max_pvalue, min_magnitude)
        ]
        order = {entry.run: place for place, entry in enumerate(group)}
        found.sort(key=lambda each: (-order[each[0].run], each[0].p))
        changes = tuple(change for change, certain in found if certain)
        undecided = tuple(change for change, certain in found if not certain)
        made.append(Series(tuple(group), changes, undecided))
    return sorted(made, key=lambda series: series.entries[-1].when, reverse=True)


def same_series(entries: Iterable[Entry], own: Entry, most: int) -> list[Entry]:
    """Return the last of those entries that one of their own may be compared with, itself included,
    the oldest first: of one that is older than these, the last up to it."""
    key = (own.plan_digest, own.fingerprint)
    alike = {entry.run: entry for entry in entries if (entry.plan_digest, entry.fingerprint) == key}
    alike[own.run] = own
    ordered = sorted(alike.values(), key=lambda entry: (entry.when, entry.run))
    return ordered[-most:] if own in ordered[-most:] else ordered[: ordered.index(own) + 1][-most:]


def _changes(
    series: Series, metric: str, max_pvalue: float, min_magnitude: float
) -> Iterator[tuple[Change, bool]]:
    """Yield the changes of a number, each with whether it is certain."""
    known = [
        (entry, float(value))
        for entry, value in zip(series.entries, series.values(metric), strict=True)
        if value is not None and entry.counts(metric)
    ]
    if len(known) < FEWEST:
        return
    bounds = {place for place, (entry, _) in enumerate(known) if metric in entry.at_least}
    found = change_points(
        [value for _, value in known],
        max_pvalue=max_pvalue,
        min_magnitude=min_magnitude,
        at_least=bounds,
    )
    ends = [*(change.index for change in found[1:]), len(known)]
    for change, end in zip(found, ends, strict=False):  # without a change one end
        last, first = known[change.index - 1][0], known[change.index][0]
        worse = worse_when(metric_of(metric))
        told = Change(
            metric=metric,
            after_run=last.run,
            after_build=last.build,
            run=first.run,
            when=f"{first.when:%Y-%m-%d %H:%M}",
            build=first.build,
            before=change.before,
            after=change.after,
            at_least=change.at_least,
            relative=(change.after - change.before) / abs(change.before) if change.before else None,
            worse=None if worse is None else (change.after > change.before) == (worse == "more"),
            p=change.p,
            runs=end - change.index,
        )
        yield told, change.certain
