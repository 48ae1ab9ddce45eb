"""The checklist: what speaks for going ahead and what against it, and what it rests on.

It never says "go": people do, who know what is not in any run.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from dress_rehearsal.plans import as_typed, bundled_plans, read_plan
from dress_rehearsal.plans.shown import shown_override
from dress_rehearsal.reports.capacity.headroom import Known, headroom_of
from dress_rehearsal.reports.capacity.schema import Capacity
from dress_rehearsal.reports.checklist.coverage import Covered, coverage_of
from dress_rehearsal.reports.checklist.open_findings import (
    BROKEN,
    WRONG,
    OpenFinding,
    never_audited,
    open_findings,
)
from dress_rehearsal.reports.checklist.recovery import SwitchTried
from dress_rehearsal.reports.checklist.rehearsed import Rehearsed
from dress_rehearsal.reports.schema import Status
from dress_rehearsal.reports.trust.belief import DOUBTED, doubt_in
from dress_rehearsal.reports.words import counted, written

_OLD: Final = timedelta(days=7)
_ENOUGH: Final = 1.5


@dataclass(frozen=True, slots=True)
class Checklist:
    """Everything that the page says.

    Attributes:
        plans: the names of what was rehearsed.
        expected: how many people are expected to come; `expects` is where that is from.
        speaks_for, speaks_against: a sentence each.
        headroom: what is known of it, a sentence each.
        same: what differs between the runs, a sentence each.
    """

    plans: tuple[str, ...]
    written: str
    expected: int
    expects: str
    runs: tuple[Rehearsed, ...]
    beyond: int
    speaks_for: tuple[str, ...]
    speaks_against: tuple[str, ...]
    covered: tuple[Covered, ...]
    headroom: tuple[str, ...]
    switches: tuple[SwitchTried, ...]
    findings: tuple[OpenFinding, ...]
    same: tuple[str, ...]


def checklist_of(
    runs: Sequence[Rehearsed],
    capacities: Sequence[Capacity],
    now: datetime,
    expected: int | None = None,
) -> Checklist:
    """Return the checklist of several rehearsals.

    Args:
        runs: at least one.
        capacities: what searches for the capacity came to, whose runs are among them.
        now: when it is written.
        expected: how many people are expected to come; None: as many as the plans say.
    """
    people, expects = _expected(runs, capacities, expected)
    own = [run for run in runs if not run.beyond]
    covered = tuple(coverage_of(own or runs, people))
    findings = tuple(open_findings(runs))
    switches = tuple(each for run in runs for each in run.switches)
    headroom = _once(_headroom(runs, capacities, people))
    same = tuple(_differences(runs, now))
    ordered = sorted(own, key=lambda run: (run.began is not None, run.began), reverse=True)
    return Checklist(
        plans=tuple(dict.fromkeys(run.plan.name for run in runs)),
        written=now.strftime("%Y-%m-%d %H:%M UTC"),
        expected=people,
        expects=expects,
        runs=tuple(ordered),
        beyond=len(runs) - len(own),
        speaks_for=_once(_for(own, capacities, people, switches)),
        speaks_against=_once(_against(own, capacities, people, covered, findings, switches, now)),
        covered=covered,
        headroom=headroom,
        switches=switches,
        findings=findings,
        same=same,
    )


def _once(sentences: Iterator[str]) -> tuple[str, ...]:
    """Return each sentence once: two searches of one plan may have the same to say."""
    return tuple(dict.fromkeys(sentences))


def _expected(
    runs: Sequence[Rehearsed], capacities: Sequence[Capacity], given: int | None
) -> tuple[int, str]:
    if given is not None:
        return given, "as --expect says"
    bundled = {path.stem: path for path in bundled_plans()}
    numbers = [each.own.people for each in capacities]
    numbers += [run.people for run in runs if not run.beyond]
    for name in {run.plan.name for run in runs} & bundled.keys():
        numbers.append(read_plan(bundled[name]).event.students)
    return max(numbers), "the most that any of the plans has; --expect says otherwise"


def _for(
    runs: Sequence[Rehearsed],
    capacities: Sequence[Capacity],
    expected: int,
    switches: Sequence[SwitchTried],
) -> Iterator[str]:
    passed = [run for run in runs if run.verdict.verdict == "pass"]
    if passed:
        most = max(run.people for run in passed)
        yield (
            f"{written(len(passed))} of {counted(len(runs), 'run')} passed, the largest with "
            f"{written(most)} of {written(expected)} expected."
        )
    if passed and len(passed) == len(runs):
        yield "Nobody was wronged in any of them, by what could be checked."
    for capacity in capacities:
        if _held(capacity, expected)[0] == "pass":
            yield f"{capacity.plan}: {capacity.sentence}"
    recovered = [each.fault for each in switches if each.recovered == "yes"]
    if recovered:
        yield f"The app answered again after {', '.join(dict.fromkeys(recovered))}."


def _against(
    runs: Sequence[Rehearsed],
    capacities: Sequence[Capacity],
    expected: int,
    covered: Sequence[Covered],
    findings: Sequence[OpenFinding],
    switches: Sequence[SwitchTried],
    now: datetime,
) -> Iterator[str]:
    for kind, words in ((WRONG, "a wrong was found"), (BROKEN, "a gate was broken")):
        grave = [each for each in findings if each.kind == kind and each.is_grave]
        if grave:
            where = counted(len({each.run for each in grave}), "run")
            yield f"In {where} {words}, and no later run clears it: {grave[0].says}."
    undecided = sum(run.verdict.verdict == "inconclusive" for run in runs)
    if undecided:
        yield f"{written(undecided)} of {counted(len(runs), 'run')} decided nothing."
    doubted = [run.verdict.belief for run in runs if run.verdict.belief.startswith(DOUBTED)]
    if doubted:
        why = [doubt_in(each).partition(": ")[2] for each in doubted]
        such_as = "" if len(set(why)) == 1 else ", one of them for this"
        number = f"{written(len(doubted))} of {counted(len(runs), 'run')}"
        yield f"{number} cannot be believed wholly{such_as}: {why[0]}"
    yield from _headroom_against(capacities, expected)
    stuck = (each for each in switches if each.recovered == "no")
    yield from (
        f"The app was not seen to recover from {each.fault}: {each.says}." for each in stuck
    )
    yield from (each.against for each in covered if each.against)
    unaudited = never_audited(runs)
    if unaudited:
        yield (
            f"{counted(len(unaudited), 'counter')} of the audit had nothing to decide by in any "
            f"run: {', '.join(unaudited)}."
        )
    yield from _age_against(runs, now)


def _age_against(runs: Sequence[Rehearsed], now: datetime) -> Iterator[str]:
    newest = max((run.began for run in runs if run.began is not None), default=None)
    if newest is None:
        yield "When the runs were made is not known."
    elif now - newest > _OLD:
        yield f"The newest run is {age_words(now - newest)} old."


def _headroom_against(capacities: Sequence[Capacity], expected: int) -> Iterator[str]:
    if not capacities:
        yield "How much more it would bear was not searched."
    for capacity in capacities:
        most = 0 if capacity.passes is None else capacity.passes.people
        if not most:
            yield f"{capacity.plan}: {capacity.sentence}"
        elif (held := _held(capacity, expected))[0] == "inconclusive":
            yield f"{capacity.plan}: whether the {written(expected)} expected pass {held[1]}."
        elif held[0] == "fail":
            yield f"{capacity.plan}: of {written(expected)} expected only {written(most)} pass."
        elif most < _ENOUGH * expected:
            yield (
                f"{capacity.plan}: {_ENOUGH:g} × what is expected was not seen to pass, only "
                f"{written(most)}."
            )
        elif (held := _held(capacity, round(_ENOUGH * expected)))[0] != "pass":
            yield f"{capacity.plan}: whether {_ENOUGH:g} × what is expected passes {held[1]}."


def _held(capacity: Capacity, people: int) -> tuple[Status, str]:
    """Return whether so many pass by a search, and the end of a sentence about it."""
    outcomes = {each.people: each.outcomes for each in capacity.loads}
    known = Known.of(
        outcomes, within=capacity.within, repeats=capacity.repeats, broken=capacity.broken
    )
    return headroom_of(people, known)


def _headroom(
    runs: Sequence[Rehearsed], capacities: Sequence[Capacity], expected: int
) -> Iterator[str]:
    if not capacities:
        ahead = runs[0].ahead
        takes = "" if ahead is None else f", in {ahead.takes}"
        yield (
            f"Not searched. `rehearse capacity {_named(runs[0])}` searches the largest load that "
            f"passes{takes}."
        )
        yield from () if ahead is None else ahead.ends
    for capacity in capacities:
        yield f"{capacity.plan}: {capacity.sentence}"
        yield from (each.says for each in capacity.headroom)
        if capacity.own.people != expected:
            most = 0 if capacity.passes is None else capacity.passes.people
            said = f"{written(most)} pass" if most else "no load is known to pass"
            yield f"Against the {written(expected)} expected: {said}."
        yield f"What breaks first: {capacity.breaks or 'nothing was seen to break.'}"
        yield capacity.ended


def _named(run: Rehearsed) -> str:
    return as_typed(run.plan, run.overrides) or "PLAN"


def _differences(runs: Sequence[Rehearsed], now: datetime) -> Iterator[str]:
    """Yield how old the runs are, and what they do not have in common."""
    known = sorted(run.began for run in runs if run.began is not None)
    if known:
        yield (
            f"The oldest run is {age_words(now - known[0])} old, the newest "
            f"{age_words(now - known[-1])}."
        )
    for name, what in (("commit", "commits of the rehearsal"), ("fingerprint", "machines")):
        values = {getattr(run, name) for run in runs}
        if None in values:
            yield f"Of {sum(getattr(run, name) is None for run in runs)} the {name} is not known."
        if len(values - {None}) > 1:
            yield f"They are of {len(values - {None})} {what}: what one shows another may not."
    kinds = {run.rehearses for run in runs if not run.beyond}
    if len(kinds) > 1:
        yield f"They are of {len(kinds)} plans that differ in more than the seed."
    changed = list(dict.fromkeys(text for run in runs for text in run.overrides if _tells(text)))
    if changed:
        yield f"Set otherwise than in the plan's file: {', '.join(map(shown_override, changed))}."
    yield "Which version of the app ran, the runs do not know: write it below."


def _tells(override: str) -> bool:
    """Return whether an override is worth telling: not those that tell one run of a series."""
    return not override.startswith(("seed=", "event.students=", "event.tickets="))


def age_words(age: timedelta) -> str:
    """Return how old something is, in hours or days."""
    hours = max(round(age.total_seconds() / 3600), 0)
    if hours < 48:
        return "less than an hour" if hours == 0 else counted(hours, "hour")
    return counted(age.days, "day")
