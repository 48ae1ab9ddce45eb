"""What the tries of a search come to: the largest load that passes, headroom, what breaks first."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from dress_rehearsal.plans import Plan
from dress_rehearsal.reports.capacity.headroom import Known, distance, headroom_of
from dress_rehearsal.reports.capacity.levels import stretches
from dress_rehearsal.reports.capacity.schema import (
    Capacity,
    CapacityTry,
    Headroom,
    LoadStanding,
    Usl,
)
from dress_rehearsal.reports.capacity.standing import Outcome, Standing, standing
from dress_rehearsal.reports.capacity.tried import gated_p99
from dress_rehearsal.reports.capacity.unit import UNITS, Over, load_verb, load_words
from dress_rehearsal.reports.capacity.usl import fitted
from dress_rehearsal.reports.words import (
    counted,
    written,
)

Ended = Literal["found", "tries", "time", "interrupted", "broken"]
"""Why a search ends: it knows what was asked, or it used up its tries or its time, or somebody
interrupted it, or no try of a load had a verdict."""

_OTHERS: Final = "foreign_cpu"
"""The doubt that other programs took the CPU."""

_CARRIED: Final[frozenset[Outcome]] = frozenset({"pass", "fail", "wrong"})
"""Outcomes of runs that sent what they were to send."""

_NOT_PASSED: Final[dict[Standing, str]] = {
    "fail": "does not",
    "limited": "cannot be sent from here",
    "undecided": "is undecided",
    "open": "is undecided",
}

FACTORS: Final = (1.0, 1.5)
"""Headroom is told against so many times the plan's own number."""


@dataclass(frozen=True, slots=True)
class Sought:
    """What was searched, and how.

    Attributes:
        plan: as it is, with its own number.
        own, least, most: in people, as is every load of the search.
        why_most: why nothing larger was to be tried, the end of a sentence.
        value: how much of the unit one of the people is.
        remarks: what goes with the load, and what does not.
        most_tries, most_s: the bound that was told before it began.
    """

    plan: Plan
    over: Over
    own: int
    least: int
    most: int
    why_most: str
    value: float
    within: float
    repeats: int
    remarks: tuple[str, ...]
    most_tries: int
    most_s: float

    def words(self, people: int) -> str:
        """Return a load as a sentence names it."""
        return load_words(self.over, people * self.value)

    def agreeing(self, people: int, one: str, many: str) -> str:
        """Return the verb that goes with a load as a sentence names it."""
        return load_verb(self.over, people * self.value, one, many)


def capacity_of(
    sought: Sought,
    tries: Sequence[CapacityTry],
    *,
    step: str | None,
    ended: Ended,
    took_s: float,
) -> Capacity:
    """Return what the tries come to.

    Args:
        tries: in their order, at least one.
        step: whose p99 they have.
    """
    outcomes: dict[int, list[Outcome]] = defaultdict(list)
    for each in tries:
        outcomes[each.people].append(each.outcome)
    known = Known.of(
        outcomes, within=sought.within, repeats=sought.repeats, broken=ended == "broken"
    )

    def stands(people: int | None) -> LoadStanding | None:
        return None if people is None else _stands(sought, people, outcomes[people])

    gated = gated_p99(sought.plan)
    headroom = tuple(_headroom(sought, factor, known) for factor in FACTORS)
    usl = _usl(sought.plan, tries)
    return Capacity(
        plan=sought.plan.name,
        over=sought.over,
        unit=UNITS[sought.over],
        step=step,
        limit_ms=gated[1] if gated is not None and gated[0] == step else None,
        verdict=headroom[0].passes,
        own=_stands(sought, sought.own, outcomes.get(sought.own, [])),
        passes=stands(known.edge.passes),
        fails=stands(known.fails),
        above=stands(known.edge.above),
        within=sought.within,
        repeats=sought.repeats,
        least=_load(sought, sought.least),
        most=_load(sought, sought.most),
        ended=" ".join(_ended(sought, tries, ended, known)),
        broken=known.broken,
        sentence=_sentence(sought, tries, known),
        headroom=headroom,
        breaks=_breaks(sought, tries, known.fails),
        remarks=sought.remarks,
        usl=usl if isinstance(usl, Usl) else None,
        usl_missing=usl if isinstance(usl, str) else None,
        most_tries=sought.most_tries,
        most_s=round(sought.most_s, 1),
        took_s=round(took_s, 1),
        loads=tuple(_stands(sought, people, outcomes[people]) for people in known.standings),
        tries=tuple(tries),
    )


def _load(sought: Sought, people: int) -> float | int:
    value = round(people * sought.value, 3)
    return int(value) if value.is_integer() else value


def _stands(sought: Sought, people: int, outcomes: Sequence[Outcome]) -> LoadStanding:
    return LoadStanding(
        load=_load(sought, people),
        people=people,
        standing=standing(outcomes, sought.repeats),
        outcomes=tuple(outcomes),
    )


def _headroom(sought: Sought, factor: float, known: Known) -> Headroom:
    people = round(factor * sought.own)
    status, held = headroom_of(people, known)
    passes = known.edge.passes
    what = "the plan's own number" if factor == 1 else f"{factor:g} × the plan's own number"
    return Headroom(
        load=_load(sought, people),
        people=people,
        passes=status,
        factor=None if passes is None else round(passes / people, 3),
        says=f"{what[:1].upper()}{what[1:]}, {sought.words(people)}, {held}.",
    )


def _sentence(sought: Sought, tries: Sequence[CapacityTry], known: Known) -> str:
    passes, above = known.edge
    if all(each.outcome == "undecided" for each in tries):
        number = len(tries)
        why = "the one run decides" if number == 1 else f"none of {written(number)} runs decides"
        return f"Nothing is decided: {_disturbed(tries) or f'{why} anything.'}"
    if passes is None:
        smallest = min(known.standings)
        word = _NOT_PASSED[known.standings[smallest]]
        return (
            f"No load is known to pass: the smallest that was tried, {sought.words(smallest)}, "
            f"{word}.{_of_load(sought, tries, smallest)}"
        )
    said = f"{_capital(sought.words(passes))} {sought.agreeing(passes, 'passes', 'pass')}"
    if above is None:
        larger = min((load for load in known.standings if load > passes), default=None)
        why = "" if larger is None else _of_load(sought, tries, larger)
        return f"{said}; {known.larger}.{why}"
    if above == known.fails:
        return f"{said}, {sought.words(above)} {sought.agreeing(above, 'does', 'do')} not."
    limited = known.standings[above] == "limited"
    undecided = f"{sought.agreeing(above, 'is', 'are')} undecided"
    word = "cannot be sent from here" if limited else undecided
    beyond = ""
    if known.fails is not None:
        do = sought.agreeing(known.fails, "does", "do")
        beyond = f", {sought.words(known.fails)} {do} not pass"
    return f"{said}, {sought.words(above)} {word}{beyond}.{_of_load(sought, tries, above)}"


def _of_load(sought: Sought, tries: Sequence[CapacityTry], people: int) -> str:
    """Return in a further sentence that others alone are why a load is undecided; else nothing."""
    own = [each for each in tries if each.people == people and each.outcome != "pass"]
    why = _disturbed(own)
    return f" Of {sought.words(people)}: {why}" if why else ""


def _disturbed(tries: Sequence[CapacityTry]) -> str:
    """Return in a sentence that other programs were why none of these runs decides anything, and
    what to do about it; nothing where they were not."""
    if not all(each.outcome == "undecided" and _OTHERS in each.doubts for each in tries):
        return ""
    number = len(tries)
    runs = {1: "the one run", 2: "both runs"}.get(number, f"all {written(number)} runs")
    return (
        f"other programs took the CPU in {runs}. Stop them (`rehearse doctor` names them), and "
        f"search again."
    )


def _ended(
    sought: Sought, tries: Sequence[CapacityTry], ended: Ended, known: Known
) -> Iterator[str]:
    """Yield why the search ended, and what stands beyond it, a sentence each."""
    passes, above = known.edge
    if ended == "interrupted":
        yield "The search was interrupted; what was tried until then is told."
    elif ended == "tries":
        yield f"The search ended after the {counted(sought.most_tries, 'run')} it had."
    elif ended == "time":
        yield (
            "The search ended because another run would have taken longer than the time that was "
            "told."
        )
    elif ended == "broken":
        yield "The search ended because runs of one load had no verdict."
    elif passes is not None and above is not None and known.standings[above] == "fail":
        one = "one user" if sought.over == "load.users" else "one student"
        near = one if above - passes == 1 else f"within {distance(passes, above)}"
        yield f"The edge is known to {near}{', but not settled' if known.open_edge else ''}."
    if above is None and passes == sought.most:
        yield f"Nothing larger was to be tried: {sought.why_most}."
    if above is not None and known.standings[above] in ("limited", "undecided"):
        word = known.standings[above]
        reason = next(
            each.reason for each in reversed(tries) if each.people == above and each.outcome == word
        )
        if word == "limited":
            yield (
                f"At {sought.words(above)} the generator, or the machine it runs on, ends the "
                f"search, not the system: {reason}"
            )
        else:
            number = sum(each.people == above for each in tries)
            often = "once" if number == 1 else f"{written(number)} times"
            yield (
                f"{_capital(sought.words(above))} {sought.agreeing(above, 'was', 'were')} tried "
                f"{often} and {sought.agreeing(above, 'stays', 'stay')} undecided: {reason}"
            )


def _breaks(sought: Sought, tries: Sequence[CapacityTry], fails: int | None) -> str | None:
    if fails is None:
        return None
    failing = [each for each in tries if each.people == fails and each.outcome in ("wrong", "fail")]
    first = next((each for each in failing if each.outcome == "wrong"), failing[0])
    what = first.broken or first.reason
    return f"At {sought.words(fails)}: {what.rstrip('.')}. {first.cause}"


def _usl(plan: Plan, tries: Sequence[CapacityTry]) -> Usl | str:
    if not any(True for _ in stretches(plan)):
        return (
            "No scalability law (USL) is fitted: that takes loads which last until throughput is "
            "steady, and a rush at one instant does not last. Search a plan whose students come by "
            "rates, such as steps."
        )
    levels = [level for each in tries if each.outcome in _CARRIED for level in each.levels]
    return fitted(levels, plan.seed)


def _capital(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}"
