"""Failures: whether a side breaks what the base was held to and did not break.

What failed is told apart, so that a run of the base that failed by the way hides nothing: limits
and counters of the audit by their name and limit, all else by its word in `Verdict.failures`.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from dress_rehearsal.plans import parse_limit
from dress_rehearsal.reports.audit import COUNTERS
from dress_rehearsal.reports.comparison.machine_speed import machines_doing, may_be_slowed
from dress_rehearsal.reports.comparison.numbers import Metric, counts
from dress_rehearsal.reports.comparison.regressions import obstacle_between
from dress_rehearsal.reports.comparison.schema import Outcome
from dress_rehearsal.reports.comparison.sides import Side, SideRun
from dress_rehearsal.reports.doubts import disturbances, was_cut_short
from dress_rehearsal.reports.gates import OVERTAKEN
from dress_rehearsal.reports.metrics import bucket_of, in_unit_of
from dress_rehearsal.reports.schema import GateResult, Verdict
from dress_rehearsal.reports.words import counted

_BY_GATES: Final = frozenset({"audit", "gates", "census"})
"""Words of failures that stand among the gates as well."""
_BROKEN: Final = "Gate broken: "
_UNDECIDED: Final = "Gate undecided: "
_NO_WRONG: Final = "== 0"
_UNSOLD: Final = "unsold"
_BY_CHANCE: Final = frozenset({_UNSOLD, "load", "aborted"})
"""Words of failures by limits that are none of the gates: chance may break them."""
_EXCUSED: Final = frozenset({"overtaken", "unanswered", _UNSOLD})
"""Words of failures that are none where others had the CPU."""
_BEYOND: Final = 0.025
"""As an interval's end: above it limits are broken by chance."""
_ALL_STUDENTS: Final = "census.students"
"""Whether the census adds up."""
_NAMED: Final = 3
"""Limits and counters that are named in one sentence."""


class _Failure(NamedTuple):
    """What failed: a limit on a number; or, without one, a word. Neither: nobody says what."""

    name: str
    limit: str

    @property
    def is_certain(self) -> bool:
        """Whether it is no matter of chance where a limit lies: a wrong, a leak, a loss."""
        table, _, field = self.name.rpartition(".")
        counted_wrong = field in COUNTERS if table == "audit" else field == "leaked"
        by_word = not self.limit and self.name not in _BY_CHANCE
        return by_word or counted_wrong or self.name == _ALL_STUDENTS

    @property
    def words(self) -> str:
        return f"{self.name} {self.limit}".strip() or "what its verdict does not name"


_UNNAMED: Final = _Failure("", "")


def held_failures(base: Side, side: Side, *, anyway: bool = False) -> Iterator[tuple[Outcome, str]]:
    """Yield what became of each thing that failed on a side: worse, or why that is not decided.

    Args:
        anyway: whether it is decided where the machine's speed may be why.
    """
    yield from _left_open(base, side)
    obstacle = obstacle_between(base, side)
    after = [(run.verdict, _failures(run.verdict)) for run in side.runs]
    for failure in dict.fromkeys(each for _, own in after for each in own):
        failing = [verdict for verdict, own in after if failure in own]
        said = f"{len(failing)} of {len(side.runs)} in {side.name} failed"
        reason = _reason(failing[0], failure)
        why = obstacle or _why_open(base, side, failure)
        if why is None and not anyway:
            why = _why_slowed(base, side, failure)
        if why is None:
            already = sum(failure in _failures(run.verdict) for run in base.runs)
            was = f"{already} of {len(base.runs)}" if already else "none"
            yield "worse", f"Worse: {said}, and {was} before: {reason}"
        else:
            yield "undecided", f"Undecided: {said} ({failure.words}), but {why}: {reason}"


def _why_open(base: Side, side: Side, failure: _Failure) -> str | None:
    """Return why it does not show that a side became worse that runs of it failed by something, as
    the end of a sentence; None: it shows it.

    A wrong shows it in any run, where none did it before; limits are also broken by chance, so they
    have to be so in more runs than chance makes of it (Fisher's exact test, one-sided).
    """
    before = [_failures(run.verdict) for run in base.runs]
    already = sum(failure in own for own in before)
    so_did = f"so did {already} of {len(base.runs)} before"
    if already and failure.is_certain:
        return so_did
    unnamed = any(_UNNAMED in own for own in before) or (failure == _UNNAMED and any(before))
    if not failure.limit and unnamed:
        return "runs failed before, too, and whether by the same is not known"
    held = _held(base, failure)
    if not held:
        doubted = sum(_is_doubtful(run.verdict, failure) for run in base.runs)
        more = f" ({doubted} of them cut short or disturbed)" if doubted else ""
        return f"{counted(len(base.runs), 'run')} before were not held to that{more}"
    failing = sum(failure in _failures(run.verdict) for run in side.runs)
    chance = _chance(already, held, failing, _held(side, failure))
    if failure.is_certain or chance <= _BEYOND:
        return None
    kept = f"{held} of {counted(len(base.runs), 'run')} before kept it, which may be chance"
    return f"{so_did if already else kept}, so repeat both more often"


def _why_slowed(base: Side, side: Side, failure: _Failure) -> str | None:
    """Return why a slow machine may have broken a limit, as the end of a sentence: one on a time,
    that would not be broken in more runs than chance makes of it without what the machine may have
    done. None where it is not so: what failed or was not answered is no time."""
    broken = [gate for run in side.runs for gate in _broken(run.verdict, failure)]
    if not all(may_be_slowed(gate.metric) for gate in broken) or not broken:
        return None
    already = sum(failure in _failures(run.verdict) for run in base.runs)
    held, here = _held(base, failure), _held(side, failure)

    def at(factor: float) -> tuple[Outcome]:
        still = sum(
            any(_breaks(gate, run.verdict, factor) for gate in _broken(run.verdict, failure))
            for run in side.runs
        )
        return ("worse" if _chance(already, held, still, here) <= _BEYOND else "no_worse",)

    return machines_doing(base.runs, side.runs, side.name, "worse", at)


def _broken(verdict: Verdict, failure: _Failure) -> list[GateResult]:
    """Return the gate that a failure of a run is, if it is one."""
    own = failure in _failures(verdict)
    return [gate for gate in verdict.gates if own and (gate.name, gate.limit) == failure]


def _breaks(gate: GateResult, verdict: Verdict, factor: float) -> bool:
    """Return whether a number that broke its limit would with so many times of it; of one that is
    known by its bucket alone, whether its lower end would."""
    if gate.value is None:
        return True
    bucket = bucket_of(verdict, gate.metric)
    value = gate.value if bucket is None else bucket[0]
    limit = parse_limit(gate.limit)
    return not limit.holds(in_unit_of(limit, gate.metric, value * factor, verdict))


def _held(side: Side, failure: _Failure) -> int:
    """Return how many runs of a side were held to what failed."""
    return sum(_was_held(run.verdict, failure) for run in side.runs)


def _chance(already: int, before: int, failing: int, here: int) -> float:
    """Return how likely it is that so many of those that failed are on this side, or more, if both
    sides are alike: Fisher's exact test, one-sided.

    Args:
        already: how many failed of `before` runs of the base.
        failing: how many failed of `here` runs of the side.
    """
    failed, runs = already + failing, before + here
    ways = sum(
        math.comb(here, those) * math.comb(before, failed - those)
        for those in range(failing, min(failed, here) + 1)
    )
    return ways / math.comb(runs, failed)


def _left_open(base: Side, side: Side) -> Iterator[tuple[Outcome, str]]:
    """Yield in one sentence what runs of a side leave undecided by themselves, undisturbed, that a
    run of the base decided: whether it became worse is not known."""
    open_in = [(run, _open(run)) for run in side.runs]
    names = [
        failure.name
        for failure in dict.fromkeys(each for _, own in open_in for each in own)
        if any(_was_held(run.verdict, failure) for run in base.runs)
    ]
    if not names:
        return
    runs = [run for run, own in open_in if any(each.name in names for each in own)]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    yield (
        "undecided",
        (
            f"Undecided: {len(runs)} of {len(side.runs)} in {side.name} left open what was decided "
            f"before ({', '.join(names[:_NAMED])}{more}): {_why_left_open(runs[0].verdict, names)}"
        ),
    )


def _why_left_open(verdict: Verdict, names: Sequence[str]) -> str:
    """Return the sentence of a verdict that tells why it leaves one of these open, or its
    gravest."""
    own = tuple(f"{_UNDECIDED}{name} " for name in names)
    return next((each for each in verdict.reasons if each.startswith(own)), verdict.reasons[0])


def _open(run: SideRun) -> dict[_Failure, None]:
    """Return the limits, counters of the audit among them, that a run does not decide though
    nothing disturbed it."""
    return dict.fromkeys(
        _Failure(gate.name, gate.limit)
        for gate in run.verdict.gates
        if gate.status == "inconclusive" and counts(run, Metric(gate.metric, gate.window))
    )


def _failures(verdict: Verdict) -> dict[_Failure, None]:
    """Return what failed of a run, in the order of its verdict; nothing unless it failed."""
    if verdict.verdict != "fail":
        return {}
    doubted = {gate.metric for gate in verdict.gates if gate.status == "inconclusive"}
    found = [
        _Failure(f"audit.{name}", _NO_WRONG)
        for name in COUNTERS
        if getattr(verdict.audit, name) and f"audit.{name}" not in doubted
    ]
    found += [_Failure(word, "") for word in verdict.failures or () if word not in _BY_GATES]
    found += [
        _Failure(gate.name, gate.limit)
        for gate in verdict.gates
        if gate.status == "fail"
        and not (
            (gate.name, gate.limit) == (OVERTAKEN, _NO_WRONG) and _Failure("overtaken", "") in found
        )
    ]
    return dict.fromkeys(found or [_UNNAMED])


def _was_held(verdict: Verdict, failure: _Failure) -> bool:
    """Return whether a run would have failed by it, had it been so, or did."""
    if failure in _failures(verdict):
        return True
    if _is_doubtful(verdict, failure):
        return False
    if not failure.limit:
        return True
    table, _, counter = failure.name.partition(".")
    if table == "audit" and getattr(verdict.audit, counter, None) is not None:
        return True
    return any(
        (gate.name, gate.limit) == failure and gate.status != "inconclusive"
        for gate in verdict.gates
    )


def _is_doubtful(verdict: Verdict, failure: _Failure) -> bool:
    """Return whether a run that did not fail by something would have been excused: it was cut
    short, or disturbed by what may be why."""
    if verdict.doubts is None:  # written by a version that did not tell
        return verdict.verdict == "inconclusive"
    excused = failure.name in _EXCUSED and bool(disturbances(verdict.doubts))
    return excused or was_cut_short(verdict.doubts)


def _reason(verdict: Verdict, failure: _Failure) -> str:
    """Return the sentence of a verdict that tells of a failure, or else its gravest."""
    own = f"{_BROKEN}{failure.name} is "
    told = next((each for each in verdict.reasons if each.startswith(own)), None)
    others = (each for each in verdict.reasons if not each.startswith(_BROKEN))
    return told or next(others, verdict.reasons[0])
