"""What is right: the verdict and the sentence that a blow may lead to, by a rule and not a list."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from tests.chaos.cells import Blow, Cell, Moment

ENDS_WITHIN_S: Final = 90.0
"""How long after a blow a rehearsal may go on."""
_EXIT_CODES: Final = {"pass": 0, "fail": 99, "inconclusive": 3}
_BAD_ENDS: Final = ("failed", "unknown", "in_flight", "never_started")
_MANY: Final = 0.01

PASS, FAIL, UNDECIDED = "pass", "fail", "inconclusive"
DURING: Final = (Moment.BEFORE, Moment.OPEN)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a rehearsal came to, seen from outside.

    Attributes:
        exit_code: of the command that judged it.
        verdict: `verdict.json`; None: there is none.
        output: what was printed.
        ended_after_s: from the blow to the conductor's end; None: it went on.
        left: what was left behind.
        ended_it: whether the blow ended its victim while the rehearsal went on.
        gone: whether the victim had ended before the blow.
        promised: tickets that students were told of and that no store holds; None: not to be told.
    """

    exit_code: int | None
    verdict: dict[str, Any] | None
    output: str
    ended_after_s: float | None
    left: tuple[str, ...] = ()
    ended_it: bool = False
    gone: bool = False
    promised: int | None = 0


@dataclass(frozen=True, slots=True)
class Right:
    """What is right: one of the words, and somewhere in what is told the pattern.

    Attributes:
        in_reasons: whether the pattern has to be in the verdict's own reasons.
    """

    words: frozenset[str]
    pattern: str = ""
    in_reasons: bool = False


@dataclass(frozen=True, slots=True)
class Wrong:
    """What was not right.

    Attributes:
        by_chance: a busy machine may have done it, so it is tried once more.
    """

    sentence: str
    by_chance: bool = False


def right(cell: Cell, *, ended_it: bool, gone: bool) -> Right:
    """Return what is right after a blow.

    Args:
        ended_it: whether its victim ended by it.
        gone: whether its victim had ended before.
    """
    part, during = cell.component, cell.moment in DURING
    if gone:
        return Right(frozenset({PASS}))
    for_good = ended_it or cell.blow is Blow.STOP
    match part.kind:
        case "leading":
            return _of_the_conductor(cell)
        case "guardian":  # nobody's ticket depends on it, nor on who looks on
            let_go = cell.blow is Blow.TERM and not during  # ends a moment later, as it should
            return Right(frozenset({PASS}), part.words if for_good and not let_go else "")
        case "watching":
            return Right(frozenset({PASS}), part.words if ended_it and during else "")
        case "measuring":
            words = {UNDECIDED} if during else {PASS, UNDECIDED}
            return Right(frozenset(words), part.words if during else "", in_reasons=during)
        case "store" if for_good:
            return Right(frozenset({FAIL, UNDECIDED}), part.words, in_reasons=True)
        case "target" if for_good and during:
            return Right(frozenset({FAIL, UNDECIDED}), part.words, in_reasons=True)
        case "neighbour" | "supervisor" if ended_it and during:
            return Right(frozenset({FAIL, UNDECIDED}), part.words, in_reasons=True)
        case _ if for_good:  # nobody needs it any more, or nobody was harmed: it is told at least
            asked = cell.blow is Blow.TERM  # as clearing the stage would have asked it anyway
            return Right(frozenset({PASS, FAIL, UNDECIDED}), "" if asked else part.words)
    # It went on, or was not ended by being asked to end: whatever that led to is told by its name.
    seen = part.kind in ("store", "target")  # a pause of those who serve nobody harms nobody
    told = part.words if cell.blow is Blow.PAUSE and during and seen else ""
    return Right(frozenset({PASS, FAIL, UNDECIDED} if during else {PASS, UNDECIDED}), told)


def _of_the_conductor(cell: Cell) -> Right:
    during, judging = cell.moment in DURING, cell.moment is Moment.JUDGING
    match cell.blow:
        case Blow.KILL | Blow.STOP:
            if judging:  # everything was on the disk
                return Right(frozenset({PASS}))
            words = r"ended before|could not be read|never read"
            return Right(frozenset({UNDECIDED}), words, in_reasons=True)
        case Blow.TERM:
            if judging:
                return Right(frozenset({PASS}))
            told = "interrupted" if during else ""
            return Right(frozenset({UNDECIDED} if during else {PASS, UNDECIDED}), told, during)
    words = {UNDECIDED} if during else {PASS, UNDECIDED}
    return Right(frozenset(words), "heard|stood still|clock|late" if during else "", during)


def wrongs(cell: Cell, outcome: Outcome) -> list[Wrong]:
    """Return everything that was not right about what a cell came to."""
    found = structural(outcome)
    verdict = outcome.verdict
    if verdict is None:
        return [*found, Wrong("there is no verdict")]
    wanted = right(cell, ended_it=outcome.ended_it, gone=outcome.gone)
    word, reasons = str(verdict["verdict"]), [str(each) for each in verdict["reasons"]]
    first = reasons[0] if reasons else "-"
    if word not in wanted.words:
        chance = may_be_chance(verdict, wanted.words)
        expected = " or ".join(sorted(wanted.words))
        found.append(Wrong(f"{word} instead of {expected}: {first}", chance))
    pattern = wanted.pattern
    if word != PASS and not pattern and cell.component.kind != "leading":
        pattern = cell.component.words  # what is not a pass is said of whom it was done to
    told = "\n".join(reasons if wanted.in_reasons else _told(verdict, outcome))
    if pattern and not outcome.gone and not re.search(pattern, told):
        chance = may_be_chance(verdict, wanted.words)
        found.append(Wrong(f"{word}, and nothing says {cell.component.name}: {first}", chance))
    return found


def may_be_chance(verdict: dict[str, Any], words: Collection[str]) -> bool:
    """Return whether a machine without time may have kept a rehearsal from the pass that was due.

    Nobody was wronged in the stores then, and nobody failed by an error: others ran out of time.
    The plan leaves such a machine no other excuse, so that its verdicts decide something.
    """
    if PASS not in words or verdict["verdict"] == UNDECIDED:
        return PASS in words
    audit = [count for name, count in verdict["audit"].items() if name != "settle_ms"]
    census = verdict["census"]
    return not any(audit) and census["failed"] <= _MANY * census["students"]


def structural(outcome: Outcome) -> list[Wrong]:
    """Return what is wrong with the end of any rehearsal, whatever was done to it."""
    found = [Wrong(f"left behind: {what}") for what in outcome.left]
    if outcome.ended_after_s is None:
        found.append(Wrong(f"still running {ENDS_WITHIN_S:.0f} s after the blow"))
    elif outcome.ended_after_s > ENDS_WITHIN_S:
        found.append(Wrong(f"it ended only {outcome.ended_after_s:.0f} s after the blow"))
    if "Traceback" in outcome.output:
        found.append(Wrong("a traceback was printed"))
    verdict = outcome.verdict
    if verdict is None:
        return found
    word, census = verdict["verdict"], dict(verdict["census"])
    if outcome.exit_code != _EXIT_CODES[word]:
        found.append(Wrong(f"{word} with exit code {outcome.exit_code}"))
    students = census.pop("students")
    if sum(census.values()) != students:
        found.append(Wrong(f"the census adds up to {sum(census.values())} of {students}"))
    if not verdict["reasons"] or not all(verdict["reasons"]):
        found.append(Wrong(f"{word} without a reason"))
    if word == PASS:
        found += _wronged(verdict, census, students, outcome.promised)
    return found


def _wronged(
    verdict: dict[str, Any], census: dict[str, int], students: int, promised: int | None
) -> list[Wrong]:
    """Return who was wronged by what passed."""
    audit = {name: count for name, count in verdict["audit"].items() if name != "settle_ms"}
    found = [Wrong(f"pass, but {name} is {count}") for name, count in audit.items() if count]
    bad = {name: census[name] for name in _BAD_ENDS if census[name] > _MANY * students}
    found += [Wrong(f"pass, but {count} students {name}") for name, count in bad.items()]
    if promised is None or promised > 0:
        what = "nobody read the stores" if promised is None else f"{promised} tickets were lost"
        found.append(Wrong(f"pass, but {what}"))
    return found


def _told(verdict: dict[str, Any], outcome: Outcome) -> list[str]:
    """Return what a user is told beside the numbers: on the screen meanwhile, and in the report."""
    meanwhile = outcome.output.partition("judging …")[0].partition("setting the stage …")[2]
    lines = [line for line in meanwhile.splitlines() if not line.startswith("Prometheus, while")]
    return [*verdict["reasons"], *verdict["notes"], str(verdict["cause"]), *lines]
