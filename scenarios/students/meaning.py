"""What the end of a buyer's method means: for its last request's row, and for the student.

A method returns what the student was told, or nothing where the status of the answer says enough.
"""

from functools import lru_cache
from typing import Any, Final

from dress_rehearsal.plans.visible import visible_line
from dress_rehearsal.records.tables import OWN_WORDS
from dress_rehearsal.scenarios.answers.body import LONGEST_TICKET, LONGEST_WORD
from dress_rehearsal.scenarios.buyer import Admitted, Failed, Granted, Pending, Refused, Waiting
from dress_rehearsal.scenarios.recorder import FAILED, OK, REFUSED, UNKNOWN
from dress_rehearsal.scenarios.students.call import Sent, Told, outcome_of
from dress_rehearsal.scenarios.troubles import Troubles

NO_CLAIM: Final = "no_claim"
_SERVER_ERROR: Final = 500
_CLAIMING: Final = frozenset({"buy", "follow_up"})
"""Methods that have to say what the student was told."""
_TICKET: Final = (Granted, Pending)
_TOLD: Final = {"join": (Admitted, Waiting), "queue": (Admitted, Waiting), "collect": (Waiting,)}
"""What other methods may say beside that it was refused, or has failed."""
_NO_TICKETS: Final = ("", "None")
"""What becomes of a ticket that is not there: all students would hold the same one."""
_UNREADABLE: Final = (ValueError, LookupError, TypeError, AttributeError)
"""What looking into an answer raises that never came, or is an error's page."""
_OF_ANSWERS: Final = frozenset(
    {"not_json", "no_token", "no_ticket", "body_too_large", "stream_ended", "not_a_stream"}
)
"""Words of ours that a scenario may use, too: they tell what an answer is."""

Meaning = tuple[int, str | None, Told | None]
"""A row's outcome and word, and what the student was told."""


def meaning_of(
    method: str, last: Sent | None, said: Any, raised: BaseException | None, troubles: Troubles
) -> Meaning:
    """Return what it means that a method has returned or raised something.

    Args:
        last: its last request; None where it has sent none.
        troubles: counts what the scenario does wrong.
    """
    came_to = (OK, None, None) if last is None else (last.outcome, last.error, None)
    if raised is None and said is None and method not in _CLAIMING:
        return came_to
    unanswered = last is not None and last.answer is None
    if raised is not None:
        is_error = last is not None and (unanswered or last.status >= _SERVER_ERROR)
        if is_error and isinstance(raised, _UNREADABLE):
            return came_to
        troubles.raised(method, raised, "" if last is None or unanswered else last.answered)
        return came_to if unanswered else (FAILED, type(raised).__name__[:LONGEST_WORD], None)
    if unanswered:
        if said is not None and method in _CLAIMING:
            troubles.returned(method, f"returned {type(said).__name__} though no answer came")
        return came_to
    if isinstance(said, Refused | Failed):
        return *no_of(said), said if isinstance(said, Refused) else None
    if method in _CLAIMING:
        return _claimed(method, last, said, troubles)
    return _told(method, last, said, troubles) or came_to


def no_of(said: Refused | Failed) -> tuple[int, str]:
    """Return the outcome and the word that a request's row has for a no or an error."""
    if isinstance(said, Refused):
        return REFUSED, _reason(said.reason)
    return FAILED, _failure(said.word)


def _claimed(method: str, last: Sent | None, said: Any, troubles: Troubles) -> Meaning:
    """Return what came of buying or asking for the ticket, where the last answer has come."""
    if isinstance(said, _TICKET):
        if said.ticket in _NO_TICKETS or len(said.ticket) > LONGEST_TICKET:
            troubles.returned(method, f"returned {type(said).__name__} without a ticket's name")
            return FAILED, "no_ticket", None
        return OK, None, said
    if said is not None:
        troubles.returned(
            method, f"returned {type(said).__name__} instead of Granted, Pending or Refused"
        )
        return FAILED, NO_CLAIM, None
    if last is None:
        troubles.returned(method, "sent nothing and returned nothing")
        return FAILED, NO_CLAIM, None
    if last.status < _SERVER_ERROR:
        troubles.returned(method, f"returned nothing for {last.answered}")
    return FAILED, outcome_of(last.status)[1] or NO_CLAIM, None


def _told(method: str, last: Sent | None, said: Any, troubles: Troubles) -> Meaning | None:
    """Return what it means that a method may say to wait; None: it says nothing of that kind."""
    usual = _TOLD.get(method, ())
    if isinstance(said, usual):
        is_open = last is not None and (last.outcome == UNKNOWN or last.status >= _SERVER_ERROR)
        if last is not None and is_open and isinstance(said, Waiting):
            return last.outcome, last.error, said
        return OK, None, said
    if usual and method != "collect":
        what = f"returned {type(said).__name__} instead of Admitted, Waiting or Refused"
        troubles.returned(method, what)
    return None


@lru_cache(maxsize=1024)
def _reason(reason: str) -> str:
    """Return the word that a refusal is recorded with: none of those that are ours."""
    word = visible_line(reason)[:LONGEST_WORD] or "no_reason"
    return f"refused: {word}"[:LONGEST_WORD] if word in OWN_WORDS else word


@lru_cache(maxsize=1024)
def _failure(word: str) -> str:
    """Return the word that an error is recorded with: none that says that no answer came."""
    word = visible_line(word)[:LONGEST_WORD] or NO_CLAIM
    ours = word in OWN_WORDS and word not in _OF_ANSWERS
    return f"failed: {word}"[:LONGEST_WORD] if ours else word
