"""A deadline: how long somebody may go on, whatever is awaited meanwhile."""

import time

from gevent import getcurrent

from dress_rehearsal.scenarios.client.scheduler import scheduler


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
