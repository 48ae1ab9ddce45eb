"""The gate: a ticket's code is shown and scanned, at two gates at once if a friend has a copy."""

import os
from contextlib import suppress
from typing import Final

import gevent

from dress_rehearsal.plans import Plan
from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.scenarios.browser import Reply
from dress_rehearsal.scenarios.errors import ClosedError, ScenarioError
from dress_rehearsal.scenarios.recorder import FAILED, OK, UNKNOWN
from dress_rehearsal.scenarios.rush import Rush
from dress_rehearsal.scenarios.session import Session
from dress_rehearsal.scenarios.timetable import Luck

GATE_TOKEN: Final = "REHEARSE_GATE_TOKEN"  # noqa: S105 (the name of it)
"""Environment variable that holds the gates' token."""
_GATES: Final = 4


def gate_token(plan: Plan) -> str:
    """Return the gates' token from the environment; empty when the plan sends nobody there.

    Raises:
        ScenarioError: students are to enter and there is none.
    """
    token = os.environ.get(GATE_TOKEN, "")
    if plan.students.entry > 0 and not token:
        raise ScenarioError(
            f"students.entry sends students to the gate, but {GATE_TOKEN} is not set: set it to "
            f"the token with which the target lets gates scan, or set students.entry to 0%."
        )
    return token


class Entry:
    """A holder's way through the gate."""

    def __init__(self, rush: Rush, session: Session, luck: Luck) -> None:
        self._session = session
        self._visit = session.visit
        self._luck = luck
        self._habits = rush.plan.students
        self._lends = bool(rush.timetable.screenshot[session.visit.student])
        self._friend: gevent.Greenlet | None = None

    def enter(self, ticket: str, intended_ns: int) -> None:
        """Show the code and have it scanned until there is an answer; an old code is renewed.

        Raises:
            ClosedError: the rush has closed.
        """
        payload: str | None = None
        for _ in range(self._habits.attempts):
            if payload is None:
                reply = self._visit.payload(ticket, intended_ns)
                if reply.outcome == OK:
                    payload, intended_ns = reply.content.decode("utf-8", "replace"), reply.at_ns
                    continue
                if self._session.lost(reply):
                    intended_ns = self._session.renew(reply).at_ns
                    continue
            else:
                if self._lends and self._friend is None:
                    self._friend = gevent.spawn(self._lend, payload, intended_ns)
                reply = self._visit.scan(payload, self._gate(0), intended_ns)
                if reply.code == "qr_expired":
                    payload, intended_ns = None, reply.at_ns
                    continue
            if reply.outcome not in (FAILED, UNKNOWN):
                return
            intended_ns = self._after_error(reply)

    def end(self, *, cut: bool = False) -> None:
        """Wait for the friend's scan, or cut it."""
        if self._friend is not None and not self._friend.ready():
            if cut:
                self._friend.kill()
            else:
                self._friend.join()

    def _lend(self, payload: str, intended_ns: int) -> None:
        with suppress(ClosedError):
            self._visit.scan(payload, self._gate(1), intended_ns, connection=1)

    def _gate(self, number: int) -> str:
        return f"gate-{(self._visit.student + number) % _GATES + 1}"

    def _after_error(self, reply: Reply) -> int:
        return reply.at_ns + round(self._luck.delay_s(self._habits.retry_delay) * NS_PER_S)
