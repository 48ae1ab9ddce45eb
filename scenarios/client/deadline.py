"""The deadline of an exchange: how long it may still wait, and which of its bounds ends it."""

import time

from gevent import getcurrent

from dress_rehearsal.records.tables import ABANDONED, NS_PER_S
from dress_rehearsal.scenarios.client.scheduler import scheduler


class ExpiredError(BaseException):
    """Ends the wait of whoever has begun a deadline; nothing but the wait may catch it."""


class Deadline:
    """A running time-out; `word` names the bound that would end it.

    Args:
        bound_s: the wait may last so long.
        give_up_ns: and not beyond this time.
    """

    __slots__ = ("_at_ns", "_give_up_ns", "_greenlet", "_timer", "expired", "word")

    def __init__(self, bound_s: float, give_up_ns: int | None) -> None:
        self._give_up_ns = give_up_ns
        self.expired = ExpiredError()
        """What it raises in the greenlet that began it."""
        self._greenlet = getcurrent()
        self._begin(bound_s)

    def renew(self, bound_s: float) -> None:
        """Begin anew: the far end has given a sign of life."""
        self._timer.cancel()
        self._begin(bound_s)

    @property
    def is_over(self) -> bool:
        """Whether the time is up, also where the timer has not had its turn."""
        return time.monotonic_ns() >= self._at_ns

    def was_kept(self, arrived_ns: int) -> bool:
        """Return whether what has arrived (Unix ns) came in time, however late it is looked at."""
        return time.time_ns() - arrived_ns >= time.monotonic_ns() - self._at_ns

    def close(self) -> None:
        """Stop the clock: the wait is over."""
        self._timer.cancel()

    def _begin(self, bound_s: float) -> None:
        self.word = "timeout"
        left_ns = round(bound_s * NS_PER_S)
        if self._give_up_ns is not None:
            wanted_ns = self._give_up_ns - time.time_ns()
            if wanted_ns < left_ns:
                left_ns, self.word = wanted_ns, ABANDONED
        self._at_ns = time.monotonic_ns() + left_ns
        self._timer = scheduler().at(self._at_ns, self._end)

    def _end(self) -> None:
        self._greenlet.throw(self.expired)
