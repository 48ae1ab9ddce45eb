"""The probe's two who should be refused: the same student once more, and one who is not enrolled.

A rehearsal has both: double clicks, and people who may not buy. What the app tells them is what the
audit holds against the facts.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from dress_rehearsal.plans import Plan
from dress_rehearsal.rehearsal.first_contact.account import tell_played
from dress_rehearsal.rehearsal.first_contact.discretion import Discretion
from dress_rehearsal.rehearsal.first_contact.student import Played, ProbeStudent
from dress_rehearsal.rehearsal.first_contact.wrongs import broken
from dress_rehearsal.rehearsal.terminal.sheet import Sheet
from dress_rehearsal.scenarios import Granted, Pending, Refused

_LEAST_ERROR: Final = 400
_OPEN_QUESTIONS: Final = ("sold_out", "too_early")
"""Reasons that the clock or the places left disprove, whoever is told them."""


@dataclass(frozen=True, slots=True)
class _Case:
    """Somebody who should be refused.

    Attributes:
        reason: for which.
        decides: what the audit does with that word, and with a ticket instead.
    """

    who: str
    reason: str
    decides: str


_AGAIN: Final = _Case(
    "a student who holds a ticket",
    "already_holds_ticket",
    "a second ticket is counted (duplicate_students), and so is that word to one who holds none "
    "(false_already_holds), where a ledger says whose the tickets are",
)
_SAME: Final = (
    "It is the ticket that the student holds already, as for a click that is sent again. Whether "
    "one with a key of its own gets a second ticket, a rehearsal tries (students.double_clickers)."
)
_OUTSIDER: Final = _Case(
    "somebody who is not enrolled",
    "not_eligible",
    "that word to an enrolled student is counted (false_not_enrolled), and so is a ticket of "
    "somebody who is not enrolled (ineligible), where a ledger says whose the tickets are",
)


def try_refused(
    plan: Plan,
    first: ProbeStudent,
    held: Granted | None,
    outsider: tuple[int, Callable[[], ProbeStudent]] | None,
    sheet: Sheet,
    discretion: Discretion,
) -> list[str]:
    """Let the two act who should be refused, show it, and return what is wrong with it.

    Args:
        first: who has bought.
        held: what they were granted; without it nobody can be tried.
        outsider: which of the roster is not enrolled, and how they are made; none: nobody is.
    """
    wrongs: list[str] = []
    sheet.heading("The same student, once more")
    limit = plan.event.per_student
    if held is None:
        sheet.line("not tried: the student holds no ticket", style="bright_black")
    elif limit != 1:
        why = f"each may have {limit}" if limit else "event.per_student = 0 sets no limit"
        sheet.line(f"not tried: {why}", style="bright_black")
    else:
        played = _shown(_buying(first), sheet, discretion)
        wrongs += _judged(plan, _AGAIN, played, held, discretion)
        if _same_ticket(played, held):
            sheet.line(_SAME, 2, style="bright_black")
        sheet.line(f"The audit: {_AGAIN.decides}.", 2, style="bright_black")
    if outsider is None:
        return wrongs
    position, make = outsider
    sheet.heading(f"One who is not enrolled (student {position + 1:,} of the roster)")
    if held is None:
        sheet.line("not tried: even an enrolled student gets no ticket", style="bright_black")
        return wrongs
    student = make()
    here = _shown((student.play(each) for each in ("arrive", "log_in")), sheet, discretion)
    if _turned_away(here):
        sheet.line("The app does not let them in, so a rehearsal has them end here.", 2)
        wrongs += [wrong for one in here for wrong in broken(one, discretion)]
    else:
        played = _shown(_buying(student), sheet, discretion)
        wrongs += _judged(plan, _OUTSIDER, [*here, *played], None, discretion)
    sheet.line(f"The audit: {_OUTSIDER.decides}.", 2, style="bright_black")
    return wrongs


def _buying(student: ProbeStudent) -> Iterator[Played]:
    """Yield what came of buying, and of the last question for a ticket that is pending."""
    bought = student.play("buy")
    yield bought
    if isinstance(bought.claim, Pending):
        *_, last = student.follow(bought.claim)
        yield last


def _shown(steps: Iterator[Played], sheet: Sheet, discretion: Discretion) -> list[Played]:
    played = []
    for one in steps:
        if not one.skipped:
            tell_played(sheet, one, discretion)
            played.append(one)
    return played


def _turned_away(played: Sequence[Played]) -> bool:
    """Return whether the login was refused, after which a student of a rehearsal goes away."""
    last = next((one for one in reversed(played) if one.method == "log_in"), None)
    return last is not None and bool(last.exchanged) and last.exchanged[-1].status >= _LEAST_ERROR


def _same_ticket(played: Sequence[Played], held: Granted | None) -> bool:
    last = played[-1].claim if played else None
    return held is not None and isinstance(last, Granted) and last.ticket == held.ticket


def _judged(
    plan: Plan, case: _Case, played: Sequence[Played], held: Granted | None, discretion: Discretion
) -> Iterator[str]:
    """Yield what is wrong with how somebody was answered who should be refused."""
    for one in played:
        for wrong in broken(one, discretion):
            yield f"Of {case.who}: {wrong}"
    advice = f'return Refused("{case.reason}") where the app refuses for that'
    match played[-1].claim:
        case Granted() if _same_ticket(played, held):
            pass  # the same answer to the same click: as good as a refusal
        case Granted() | Pending() as given:
            ticket = discretion.shown(given.ticket, 60)
            yield (
                f"The app gave {case.who} a ticket, {ticket}: the audit would count it. Mend the "
                f"app, or say what it allows: event.per_student, or "
                f"enrolled on the roster."
            )
        case Refused(reason) if reason in _OPEN_QUESTIONS and plan.event.tickets > 1:
            yield (
                f"The app told {case.who} {reason}, which is not so, and the audit would count "
                f"it: {advice}."
            )
