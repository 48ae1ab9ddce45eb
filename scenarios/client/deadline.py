"""Deadlines: how long somebody may go on, whatever is awaited meanwhile."""

import time
from collections.abc import Callable
from typing import Any

from gevent import getcurrent

from dress_rehearsal.records.tables import ABANDONED
from dress_rehearsal.scenarios.client.scheduler import Scheduler, Timer, scheduler


class ExpiredError(BaseException):
    """Ends the wait of whoever has begun a deadline; nothing but the wait may catch it."""


class Deadline:
    """A running time-out of the greenlet that makes it.

    Args:
        bound_ns: the wait may last so long.
    """

    __slots__ = ("_timer", "expired")

    def __init__(self, bound_ns: int) -> None:
        self.expired = expired = ExpiredError()
        """What it raises in the greenlet that began it."""
        waiting = getcurrent()
        at_ns = time.monotonic_ns() + bound_ns
        self._timer = scheduler().at(at_ns, lambda: waiting.throw(expired))

    def close(self) -> None:
        """Stop the clock: the wait is over."""
        self._timer.cancel()
        # What it was raised through holds this deadline: a cycle a cut, left to whoever looks for
        # garbage amid a rush.
        self.expired.__traceback__ = None


class TimeOut:
    """The time-out of a connection's exchanges, one after the other.

    Its timer goes off when the time is up, or earlier: it was set for an exchange before, and looks
    again. So most exchanges need none of their own.

    Args:
        up: called when the time of an exchange is up.
    """

    __slots__ = ("_at_ns", "_scheduler", "_timer", "_up", "limit_ns", "word")

    def __init__(self, on: Scheduler, up: Callable[[], Any]) -> None:
        self._scheduler, self._up = on, up
        self._timer: Timer | None = None
        self._at_ns = 0
        """When the timer goes off."""
        self.limit_ns = 0
        """When the time is up (monotonic); 0: nothing is under way."""
        self.word = ""
        """Which bound that is."""

    def begin(self, bound_ns: int, give_up_ns: int | None) -> None:
        """Begin, or begin anew.

        Args:
            bound_ns: there is so much time.
            give_up_ns: but not beyond this one (Unix).
        """
        self.word = "timeout"
        if give_up_ns is not None:
            left_ns = give_up_ns - time.time_ns()
            if left_ns < bound_ns:
                bound_ns, self.word = left_ns, ABANDONED
        self.limit_ns = time.monotonic_ns() + bound_ns
        if self._timer is None or self._at_ns > self.limit_ns:
            self._set()

    def drop(self) -> None:
        """Stop the clock for good."""
        self.limit_ns = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def was_kept(self, arrived_ns: int) -> bool:
        """Return whether what has arrived (Unix) came in time, however late it is looked at."""
        return time.time_ns() - arrived_ns >= time.monotonic_ns() - self.limit_ns

    def _set(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._at_ns = self.limit_ns
        self._timer = self._scheduler.at(self._at_ns, self._look)

    def _look(self) -> None:
        self._timer = None
        if time.monotonic_ns() < self.limit_ns:
            self._set()
        elif self.limit_ns:
            self._up()
