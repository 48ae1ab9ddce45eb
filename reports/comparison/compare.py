"""Puts sides beside each other: their numbers, what differs, and whether one is worse."""

import math
import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from dress_rehearsal.plans.visible import visible_line
from dress_rehearsal.reports.alike import differing_facts, differing_keys
from dress_rehearsal.reports.audit import COUNTERS
from dress_rehearsal.reports.comparison.failures import held_failures
from dress_rehearsal.reports.comparison.machine_speed import speed_change
from dress_rehearsal.reports.comparison.numbers import Metric, compared_number, metrics_of
from dress_rehearsal.reports.comparison.regressions import held_regressions
from dress_rehearsal.reports.comparison.schema import (
    ComparedNumber,
    ComparedPool,
    ComparedRun,
    ComparedSide,
    Comparison,
    Differing,
    HeldRegression,
    Outcome,
)
from dress_rehearsal.reports.comparison.sides import Side, one_machine, told_apart
from dress_rehearsal.reports.comparison.words import unseen_words
from dress_rehearsal.reports.doubts import disturbance_words
from dress_rehearsal.reports.errors import ComparisonRefusedError
from dress_rehearsal.reports.evidence.latency import slowest_step
from dress_rehearsal.reports.evidence.purchase_step import purchase_step_of
from dress_rehearsal.reports.history.entry import LABEL, harness_version
from dress_rehearsal.reports.history.intervals import confidence, differences_left_out
from dress_rehearsal.reports.numbers import significant
from dress_rehearsal.reports.pools.diagnosis import is_saturated
from dress_rehearsal.reports.words import (
    agreeing,
    capitalized,
    counted,
    percent,
)

_GRAVEST_FIRST: Final[tuple[Outcome, ...]] = ("worse", "undecided", "no_worse")
_OF_THE_SALE: Final = ("sale.tickets_per_s", "sale.sold_out_after_s")
_NOTHING_HELD: Final = (
    "Nothing was held: no gate of the plan says how much worse its number may become. Give one a "
    'regression, such as regression = "< 10% and < 50 ms".'
)


def check_comparable(sides: Sequence[Side], *, anyway: bool = False) -> None:
    """Refuse what cannot be compared.

    Args:
        anyway: whether runs may be of different machines.

    Raises:
        ComparisonRefusedError: there is one side only, or the runs were not made on one machine, so
            that what differs may be the machines.
    """
    if len(sides) < 2:
        raise ComparisonRefusedError(
            f"There is nothing to compare {visible_line(sides[0].name)} with: give two runs or "
            f"folders of runs, or a folder with runs of several plans."
        )
    if anyway or one_machine(sides):
        return
    said = "; ".join(
        f"{side.name}: {', '.join(sorted(each or 'not known' for each in side.fingerprints))}"
        for side in sides
    )
    raise ComparisonRefusedError(
        f"These runs were not made on one machine (fingerprints of {said}), so what differs may be "
        f"the machines. Rehearse both on one, or compare them --anyway, which decides nothing."
    )


def compare(sides: Sequence[Side], *, anyway: bool = False) -> Comparison:
    """Return what differs between sides; the first of them is the base of all others.

    Args:
        anyway: whether it is decided where the machine's own speed may be why.
    """
    sides = told_apart(sides)
    base, others = sides[0], sides[1:]
    held = [one for side in others for one in held_regressions(base, side, anyway=anyway)]
    told = [one for side in others for one in held_failures(base, side, anyway=anyway)]
    told += [(one.status, one.sentence) for one in held]
    plans = differing_keys([side.plan for side in sides], everything=True)
    facts = differing_facts([[run.environment for run in side.runs] for side in sides])
    scenarios = [", ".join(dict.fromkeys(r.scenario or "—" for r in side.runs)) for side in sides]
    if len(set(scenarios)) > 1:
        plans.append(("scenario.py", tuple(scenarios)))
    bought = _bought(sides)
    purchase = next(iter(bought), None)
    numbers = tuple(compared_number(sides, metric) for metric in metrics_of(sides))
    return Comparison(
        outcome=_gravest(status for status, _ in told),
        reasons=(*_nothing_worse(held, told), *_reasons(sides, told)),
        notes=(*_notes(sides, _gravest(status for status, _ in told)), *_of_intervals(numbers)),
        sides=tuple(map(_side, sides)),
        purchase=purchase,
        overview=tuple(
            compared_number(sides, Metric(path, None)) for path in (*_OF_THE_SALE, *bought)
        ),
        numbers=numbers,
        regressions=tuple(held),
        plans=tuple(Differing(key=key, values=values) for key, values in plans),
        environments=tuple(Differing(key=key, values=values) for key, values in facts),
    )


def _bought(sides: Sequence[Side]) -> tuple[str, ...]:
    """Return the metrics of buying: that of the step which stands for it in the slowest run, and
    after it those of all steps of purchases that are several requests."""
    verdicts = [run.verdict for side in sides for run in side.runs]
    standing = [own for verdict in verdicts if (own := purchase_step_of(verdict)) is not None]
    slowest = slowest_step({place: own.latency for place, own in enumerate(standing)}) or 0
    declared = [step for verdict in verdicts for step in verdict.purchases]
    first = [standing[slowest].step] if standing else declared[:1]
    asked = [step for own in standing if own.which for step in own.asked]
    return tuple(f"latency_ms[{step}].p99" for step in dict.fromkeys([*first, *asked]))


def _gravest(statuses: Iterable[Outcome]) -> Outcome:
    found = set(statuses)
    return next((word for word in _GRAVEST_FIRST if word in found), "undecided")


def _sentences(told: Sequence[tuple[Outcome, str]]) -> Iterator[str]:
    for outcome in _GRAVEST_FIRST:
        yield from (sentence for status, sentence in told if status == outcome)


def _reasons(sides: Sequence[Side], told: Sequence[tuple[Outcome, str]]) -> tuple[str, ...]:
    """Return what came of it, a sentence each; where nothing is decided, disturbed runs first."""
    said = tuple(_sentences(told)) or (_NOTHING_HELD,)
    if _gravest(status for status, _ in told) != "undecided":
        return said
    return (*_disturbed(sides), *said)


def _nothing_worse(
    held: Sequence[HeldRegression], told: Sequence[tuple[Outcome, str]]
) -> Iterator[str]:
    """Yield that nothing became worse, where that is so, and which change could hide still."""
    if _gravest(status for status, _ in told) != "no_worse":
        return
    coarsest: dict[str, HeldRegression] = {}
    for one in held:
        coarsest[one.name] = max(coarsest.get(one.name, one), one, key=_coarseness)
    yield "No number that is held became worse by more than its margin."
    hidden = [unseen_words(one) for one in coarsest.values() if one.seen_from != 0]
    if hidden:
        yield f"These runs would not have shown {'; or '.join(hidden)}."


def _coarseness(held: HeldRegression) -> float:
    return math.inf if held.seen_from is None else held.seen_from


def _disturbed(sides: Sequence[Side]) -> Iterator[str]:
    """Yield of each side whose runs were disturbed what to mend, before its numbers are read."""
    for side in sides:
        why = _why_disturbed(side)
        if not why:
            continue
        them = "its times do" if why.total() == 1 else "their times do"
        yield (
            f"{_disturbed_words(side, why)}, so {them} not tell how fast that build is. Stop what "
            f"disturbs it (`rehearse doctor` names other programs), and rehearse it again."
        )


def _why_disturbed(side: Side) -> Counter[str]:
    """Return how many runs of a side were disturbed by what, in words."""
    words = (disturbance_words(run.verdict.doubts or ()) for run in side.runs)
    return Counter(each for each in words if each)


def _disturbed_words(side: Side, why: Counter[str]) -> str:
    number, runs = why.total(), len(side.runs)
    were = agreeing(number, "was", "were")
    of = "the run was disturbed" if runs == 1 else f"{number} of {runs} runs {were} disturbed"
    listed = "; ".join(
        words if runs == 1 else f"in {counted(times, 'run')} {words}"
        for words, times in why.most_common()
    )
    return f"{side.name}: {of} ({listed})"


def _notes(sides: Sequence[Side], outcome: Outcome) -> Iterator[str]:
    """Yield what is to be known besides; of disturbed runs only where the reasons do not tell."""
    for side in sides:
        if outcome != "undecided" and (why := _why_disturbed(side)):
            them = "its times do" if why.total() == 1 else "their times do"
            yield f"{_disturbed_words(side, why)}, and {them} not count."
    if not one_machine(sides):
        yield (
            "The runs were not made on one machine, and are compared anyway: what differs may be "
            "the machines."
        )
    for side in sides[1:]:
        if (change := speed_change(sides[0].runs, side.runs)) is not None:
            yield f"{capitalized(change.words(side.name))}: times may differ for it."
    if all(len(side.runs) == 1 for side in sides):
        yield (
            "One run a side: what differs between them may be chance, which only repeats tell "
            "(`rehearse run PLAN --repeat 5`)."
        )


def _of_intervals(numbers: Sequence[ComparedNumber]) -> Iterator[str]:
    """Yield what the intervals are of and how sure, by the fewest runs that one is made of."""
    runs = [
        (number.sides[0].counted, side.counted)
        for number in numbers
        for side, change in zip(number.sides[1:], number.changes, strict=True)
        if not change.missing
    ]
    before, after = min(runs, key=sum, default=(0, 0))
    sure = confidence(before, after) if runs else None
    if sure is None:
        return
    ends = counted(differences_left_out(before, after), "difference")
    yield (
        f"Each interval is of the difference between two sides, not of one side's runs, and wide "
        f"because the runs are few: of all {before * after} differences between {before} runs and "
        f"{after}, {ends} at each end may be left out, which holds the true one in {percent(sure)} "
        f"of such comparisons. With one more it would be less than 95%."
    )


def _side(side: Side) -> ComparedSide:
    verdicts = [run.verdict for run in side.runs]
    census = [verdict.census.model_dump() for verdict in verdicts]
    facts = [run.environment for run in side.runs]
    commits = tuple(dict.fromkeys(str(each.get("git_commit") or "") for each in facts))
    causes = Counter(each.bottleneck.resource if each.bottleneck else "" for each in verdicts)
    return ComparedSide(
        name=side.name,
        plan=side.plan.name,
        commit=(commits[0] or None) if len(commits) == 1 else None,
        builds=tuple(dict.fromkeys(_builds(side))),
        versions=tuple(dict.fromkeys(harness_version(each) or "" for each in facts)),
        commits=commits,
        runs=tuple(
            ComparedRun(
                run=run.verdict.run,
                seed=run.plan.seed,
                verdict=run.verdict.verdict,
                reason=run.verdict.reasons[0],
                cause=run.verdict.cause,
                doubts=run.verdict.doubts,
            )
            for run in side.runs
        ),
        census={word: _median([each[word] for each in census]) for word in census[0]},
        audit=_audit(side),
        pools=tuple(_pools(side)),
        bottlenecks=dict(causes.most_common()),
    )


def _builds(side: Side) -> Iterator[str]:
    """Yield of each run which build of the target it was of; "" where nobody named one."""
    for run in side.runs:
        label = run.environment.get(LABEL)
        if label or not run.plan.target.ours:
            yield visible_line(str(label or ""))


def _audit(side: Side) -> dict[str, int] | None:
    audits = [run.verdict.audit for run in side.runs]
    most = {name: max(getattr(audit, name) or 0 for audit in audits) for name in COUNTERS}
    wrongs = {name: count for name, count in most.items() if count}
    unknown = all(audit.oversold is None for audit in audits)
    return None if unknown and not wrongs else wrongs


def _pools(side: Side) -> Iterator[ComparedPool]:
    found = [pool for run in side.runs for pool in run.verdict.pools]
    for name in dict.fromkeys(pool.name for pool in found):
        own = [pool for pool in found if pool.name == name]
        waited = [pool for pool in own if pool.wait_p99_ms is not None]
        bucketed = all(pool.wait_p99_low_ms is not None for pool in waited)
        leaked = [pool.leaked for pool in own if pool.leaked is not None]
        yield ComparedPool(
            name=name,
            saturated=sum(is_saturated(pool) for pool in own),
            leaked=max(leaked, default=None),
            wait_p99_ms=_median_of(pool.wait_p99_ms for pool in waited),
            wait_p99_low_ms=_median_of(pool.wait_p99_low_ms for pool in waited if bucketed),
            wait_p99_high_ms=_median_of(pool.wait_p99_high_ms for pool in waited if bucketed),
        )


def _median_of(values: Iterable[float | None]) -> float | None:
    """Return the median, None without any value, or where one of them is not known."""
    every = [*values]
    known = [value for value in every if value is not None]
    return _median(known) if known and len(known) == len(every) else None


def _median(values: Sequence[float]) -> float:
    median = significant(statistics.median(values))
    assert median is not None
    return median
