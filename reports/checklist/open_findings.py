"""What is still open: what rehearsals found wrong, could not decide, or did not check."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from dress_rehearsal.reports.audit import COUNTERS
from dress_rehearsal.reports.capacity.tried import broken_words
from dress_rehearsal.reports.checklist.rehearsed import Rehearsed
from dress_rehearsal.reports.words import counted, written

WRONG, BROKEN, UNDECIDED, UNCHECKED = "wrong", "broken gate", "undecided", "unchecked"
_GRAVEST_FIRST: Final = (WRONG, BROKEN, UNDECIDED, UNCHECKED)


class OpenFinding(NamedTuple):
    """Something that is open: of what kind, in which run, and whether a later one passed."""

    kind: str
    run: str
    href: str
    says: str
    later: str

    @property
    def is_grave(self) -> bool:
        """Whether it was found to be wrong, and no later run clears it."""
        return self.kind in (WRONG, BROKEN) and not self.later


def open_findings(runs: Sequence[Rehearsed]) -> list[OpenFinding]:
    """Return what is open, the gravest first, then the newest; loads beyond the plan's own number,
    which were tried to find out what breaks, are left out."""
    passed = [(run, run.asks) for run in runs if run.verdict.verdict == "pass"]
    found = [each for run in runs if not run.beyond for each in _of(run, _later(run, passed))]
    order = {run.run: place for place, run in enumerate(sorted(runs, key=_moment, reverse=True))}
    return sorted(found, key=lambda each: (_GRAVEST_FIRST.index(each.kind), order.get(each.run, 0)))


def _of(run: Rehearsed, later: str) -> Iterator[OpenFinding]:
    verdict = run.verdict
    wrongs: dict[str, int] = {}
    if verdict.verdict == "fail":  # else what seems a wrong may be none of the target's
        counts = {name: getattr(verdict.audit, name) for name in COUNTERS}
        counts["inversions"] = verdict.fairness.inversions
        wrongs = {name: count for name, count in counts.items() if count}
    for name, count in wrongs.items():
        said = f"{name.replace('_', ' ')}: {written(count)}"
        yield OpenFinding(WRONG, run.run, run.href, said, later)
    broken = [
        each
        for each in verdict.gates
        if each.status == "fail" and each.metric.rpartition(".")[2] not in wrongs
    ]
    for gate in broken:
        yield OpenFinding(BROKEN, run.run, run.href, broken_words(gate, verdict), later)
    if verdict.verdict == "fail" and not wrongs and not broken:
        yield OpenFinding(BROKEN, run.run, run.href, verdict.reasons[0], later)
    if verdict.verdict == "inconclusive":
        yield OpenFinding(UNDECIDED, run.run, run.href, verdict.reasons[0], later)
    if verdict.unchecked:
        answers = counted(sum(verdict.unchecked.values()), "answer")
        words = ", ".join(verdict.unchecked)
        said = f"{answers} said {words}, which no check knows"
        yield OpenFinding(UNCHECKED, run.run, run.href, said, "")
    if verdict.not_known:
        said = f"of {', '.join(verdict.not_known)} nothing tells whether requests waited for it"
        yield OpenFinding(UNCHECKED, run.run, run.href, said, "")


def never_audited(runs: Sequence[Rehearsed]) -> list[str]:
    """Return the audit's counters that no run had anything to decide by, as people call them."""
    students = [run for run in runs if run.plan.load is None]
    return [
        name.replace("_", " ")
        for name in COUNTERS
        if students and all(getattr(run.verdict.audit, name) is None for run in students)
    ]


def _later(run: Rehearsed, passed: Sequence[tuple[Rehearsed, str]]) -> str:
    """Return a later run that asked for the same, with as many people at least, and passed; or "".

    One of the same series is none: nothing was mended between them, so that it passed is luck.

    Args:
        passed: runs that did, with what they ask.
    """
    asks = run.asks
    clearing = [
        other
        for other, same in passed
        if same == asks
        and other.people >= run.people
        and _moment(other) > _moment(run)
        and (run.series is None or other.series != run.series)
    ]
    return max(clearing, key=_moment).run if clearing else ""


def _moment(run: Rehearsed) -> float:
    return 0.0 if run.began is None else run.began.timestamp()
