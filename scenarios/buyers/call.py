"""One call of a buyer's method: the requests that it sends, and what they came to.

What the method returns is about the last of them. So each waits to be recorded until the next one
begins or the method has ended.
"""

import time
from dataclasses import dataclass
from typing import Final

from dress_rehearsal.scenarios.client.connection import Exchange
from dress_rehearsal.scenarios.recorder import FAILED, OK, UNKNOWN

_LEAST_ERROR: Final = 400


@dataclass(slots=True)
class Sent:
    """A request that has ended, and is not recorded yet."""

    name: str
    """Of its step."""
    intended_ns: int
    exchange: Exchange
    seq: int
    connection: int
    outcome: int = UNKNOWN
    word: str | None = None
    """Why it is not ok."""

    @property
    def status(self) -> int:
        """Of its answer; 0: none came."""
        answer = self.exchange.answer
        return 0 if answer is None else answer.status


class Call:
    """A method under way.

    Args:
        role: what its requests are for.
        intended_ns: when the student meant to begin; it has come.
        connection: the first connection that its requests may go over.
    """

    __slots__ = ("_at_ns", "_called_ns", "_intended_ns", "_since_ns", "connection", "last", "role")

    def __init__(self, role: str, intended_ns: int, connection: int) -> None:
        self.role = role
        self.connection = connection
        self.last: Sent | None = None
        """The request that ended last, as long as it is not recorded."""
        self._intended_ns: int | None = intended_ns
        self._called_ns = time.time_ns()
        self._at_ns = intended_ns
        """When the last answer came; before that when the student meant to begin."""
        self._since_ns = self._called_ns
        """When the scenario was given that answer, or was called."""

    def due_ns(self, now_ns: int) -> int:
        """Return when a request was meant to be sent that is about to be.

        The first was meant when the student meant to act, and the others as soon as they are sent.
        What the scenario does before a request, sleeping too, is no lateness of anybody's.
        """
        if self._intended_ns is None:
            return now_ns
        due_ns = self._intended_ns + max(now_ns - self._called_ns, 0)
        self._intended_ns = None
        return due_ns

    def ended(self, sent: Sent) -> None:
        """Take in a request that has ended."""
        self.last = sent
        self._since_ns = time.time_ns()
        self._at_ns = sent.exchange.done_ns or self._since_ns

    def over_ns(self) -> int:
        """Return when the student has got so far, now that the method is over.

        An answer that lay about here until the loop read it costs the student no time; what the
        scenario did after it does.
        """
        return self._at_ns + max(time.time_ns() - self._since_ns, 0)


def outcome_of(status: int) -> tuple[int, str | None]:
    """Return what a status alone says of an answer: its outcome, and why it is not ok."""
    return (OK, None) if status < _LEAST_ERROR else (FAILED, f"http_{status}")
