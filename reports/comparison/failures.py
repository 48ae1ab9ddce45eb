"""Failures: whether a side breaks what the base was held to and did not break.

What failed is told apart, so that a run of the base that failed by the way hides nothing: limits
and counters of the audit by their name and limit, all else by its word in `Verdict.failures`.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from dress_rehearsal.reports.audit import COUNTERS
from dress_rehearsal.reports.comparison.numbers import Metric, counts
from dress_rehearsal.reports.comparison.schema import Outcome
from dress_rehearsal.reports.comparison.sides import Side, SideRun, one_machine
from dress_rehearsal.reports.schema import Verdict
from dress_rehearsal.reports.words import counted

_BY_GATES: Final = frozenset({"audit", "gates", "census"})
"""Words of failures that stand among the gates as well."""
_BROKEN: Final = "Gate broken: "
_NO_WRONG: Final = "== 0"
_NAMED: Final = 3
"""Limits and counters that are named in one sentence."""


class _Failure(NamedTuple):
    """What failed: a limit on a number; or, without one, a word. Neither: nobody says what."""

    name: str
    limit: str

    @property
    def words(self) -> str:
        return f"{self.name} {self.limit}".strip() or "what its verdict does not name"


_UNNAMED: Final = _Failure("", "")


def held_failures(base: Side, side: Side) -> Iterator[tuple[Outcome, str]]:
    """Yield what became of each thing that failed on a side: worse, or why that is not decided."""
    yield from _left_open(base, side)
    before = [_failures(run.verdict) for run in base.runs]
    after = [(run.verdict, _failures(run.verdict)) for run in side.runs]
    unnamed = any(_UNNAMED in own for own in before)
    alike = one_machine([base, side])
    for failure in dict.fromkeys(each for _, own in after for each in own):
        failing = [verdict for verdict, own in after if failure in own]
        said = f"{len(failing)} of {len(side.runs)} in {side.name} failed"
        reason = _reason(failing[0], failure)
        already = sum(failure in own for own in before)
        if already:
            why = f"so did {already} of {len(base.runs)} before"
        elif not alike:
            why = "the runs were not made on one machine"
        elif not failure.limit and (unnamed or (failure == _UNNAMED and any(before))):
            why = "runs failed before, too, and whether by the same is not known"
        elif not any(_was_held(run.verdict, failure) for run in base.runs):
            why = f"{counted(len(base.runs), 'run')} before were not held to that"
        else:
            yield "worse", f"Worse: {said}, and none before: {reason}"
            continue
        yield "undecided", f"Undecided: {said} ({failure.words}), but {why}: {reason}"


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
            f"before ({', '.join(names[:_NAMED])}{more}): {runs[0].verdict.reasons[0]}"
        ),
    )


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
    found += [_Failure(gate.name, gate.limit) for gate in verdict.gates if gate.status == "fail"]
    return dict.fromkeys(found or [_UNNAMED])


def _was_held(verdict: Verdict, failure: _Failure) -> bool:
    """Return whether a run would have failed by it, had it been so."""
    if not failure.limit:
        return True
    table, _, counter = failure.name.partition(".")
    if table == "audit" and getattr(verdict.audit, counter, None) is not None:
        return True
    return any(
        (gate.name, gate.limit) == failure and gate.status != "inconclusive"
        for gate in verdict.gates
    )


def _reason(verdict: Verdict, failure: _Failure) -> str:
    """Return the sentence of a verdict that tells of a failure, or else its gravest."""
    own = f"{_BROKEN}{failure.name} is "
    told = next((each for each in verdict.reasons if each.startswith(own)), None)
    others = (each for each in verdict.reasons if not each.startswith(_BROKEN))
    return told or next(others, verdict.reasons[0])
