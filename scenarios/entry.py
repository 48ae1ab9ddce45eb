"""Entry: a ticket's code is shown and scanned, at two entrances at once if a friend has a copy.

The scanner sends what the picture on the student's screen says. Where the picture cannot be read
here, does not name the student's ticket, or has become old, the target is asked for the code as
text.

The target's routes and the environment call an entrance a gate; here that word is kept for the
limits of a plan.
"""

import os
from contextlib import suppress
from typing import Final

import gevent

from dress_rehearsal.plans import Plan
from dress_rehearsal.scenarios.answers.qr_code import read_svg, ticket_in
from dress_rehearsal.scenarios.browser import Browser, Reply
from dress_rehearsal.scenarios.errors import ClosedError, ScenarioError
from dress_rehearsal.scenarios.recorder import FAILED, OK, UNKNOWN
from dress_rehearsal.scenarios.retry import Retry
from dress_rehearsal.scenarios.rush import Rush
from dress_rehearsal.scenarios.session import Session

ENTRY_TOKEN: Final = "REHEARSE_GATE_TOKEN"  # noqa: S105 (the name of it)
"""Environment variable that holds the entrances' token."""
_ENTRANCES: Final = 4


def entry_token(plan: Plan) -> str:
    """Return the entrances' token from the environment; empty when the plan sends nobody there.

    Raises:
        ScenarioError: students are to enter and there is none.
    """
    token = os.environ.get(ENTRY_TOKEN, "")
    if plan.bundled and plan.students.entry > 0 and not token:
        raise ScenarioError(
            f"students.entry sends students to the entrance, but {ENTRY_TOKEN} is not set: set it "
            f"to the token with which the target lets tickets be scanned, or set students.entry "
            f"to 0%."
        )
    return token


class Entry:
    """A holder's way through the entrance.

    Args:
        browser: the session's.
        retry: decides when to have a code scanned again after an error.
    """

    def __init__(self, rush: Rush, session: Session, browser: Browser, retry: Retry) -> None:
        self._session = session
        self._browser = browser
        self._retry = retry
        self._lends = bool(rush.timetable.screenshot[browser.student])
        self._friend: gevent.Greenlet | None = None

    def enter(self, ticket: str, picture: Reply) -> None:
        """Show the code and have it scanned until there is an answer; an old code is renewed.

        Args:
            picture: the answer with the code that the student has just opened.

        Raises:
            ClosedError: the rush has closed.
        """
        payload, intended_ns = _read_off(picture.content, ticket), picture.at_ns
        for _ in range(self._retry.attempts):
            if payload is None:
                reply = self._browser.payload(ticket, intended_ns)
                if reply.outcome == OK:
                    payload, intended_ns = reply.content.decode("utf-8", "replace"), reply.at_ns
                    continue
                if self._session.lost(reply):
                    intended_ns = self._session.renew(reply).at_ns
                    continue
            else:
                if self._lends and self._friend is None:
                    self._friend = gevent.spawn(self._lend, payload, intended_ns)
                reply = self._browser.scan(payload, self._entrance(0), intended_ns)
                if reply.code == "qr_expired":
                    payload, intended_ns = None, reply.at_ns
                    continue
            if reply.outcome not in (FAILED, UNKNOWN):
                return
            intended_ns = self._retry.after_pause(reply)

    def end(self, *, cut: bool = False) -> None:
        """Wait for the friend's scan, or cut it."""
        if self._friend is not None and not self._friend.ready():
            if cut:
                self._friend.kill()
            else:
                self._friend.join()

    def _lend(self, payload: str, intended_ns: int) -> None:
        with suppress(ClosedError):
            self._browser.scan(payload, self._entrance(1), intended_ns, connection=1)

    def _entrance(self, number: int) -> str:
        return f"gate-{(self._browser.student + number) % _ENTRANCES + 1}"


def _read_off(answer: bytes, ticket: str) -> str | None:
    """Return what a ticket's picture says, None where it cannot be read for certain."""
    text = read_svg(answer) if answer.lstrip()[:1] == b"<" else None
    named = None if text is None else ticket_in(text)
    return text if named is not None and named == ticket.replace("-", "").lower() else None
