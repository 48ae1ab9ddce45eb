"""The limit of a pool: so many callers at once, in order of arrival; the wait is measured."""

import asyncio
import time
from collections import deque

from dress_rehearsal.target_app.errors import OverloadedError
from dress_rehearsal.target_app.request_context import NS, add_wait
from dress_rehearsal.target_app.telemetry.metrics import (
    POOL_COUNT,
    POOL_CREATE,
    POOL_MAX,
    POOL_OLDEST,
    POOL_PENDING,
    POOL_PENDING_PEAK,
    POOL_TIMEOUTS,
    POOL_USE,
    POOL_USED_PEAK,
    POOL_WAIT,
)


class PoolLimit:
    """Bounds the connections of one pool and is the pool's only source of metrics.

    A place given back goes straight to whoever waits longest, so nobody can overtake.
    """

    def __init__(self, pool: str, size: int, timeout_s: float) -> None:
        self.pool = pool
        self.size = size
        self.timeout_s = timeout_s
        self.used = 0
        self.used_peak = 0
        self.pending = 0
        self.pending_peak = 0
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._inside: dict[int, None] = {}  # when each place in use was taken, the oldest first
        self._wait = POOL_WAIT.labels(pool)
        self._use = POOL_USE.labels(pool)
        self._create = POOL_CREATE.labels(pool)
        self._timeouts = POOL_TIMEOUTS.labels(pool)
        POOL_MAX.labels(pool).set(size)
        POOL_COUNT.labels(pool, "used").set_function(lambda: self.used)
        POOL_COUNT.labels(pool, "idle").set_function(lambda: self.size - self.used)
        POOL_PENDING.labels(pool).set_function(lambda: self.pending)
        POOL_OLDEST.labels(pool).set_function(self._oldest_s)
        POOL_USED_PEAK.labels(pool).set_function(lambda: self.used_peak)
        POOL_PENDING_PEAK.labels(pool).set_function(lambda: self.pending_peak)

    @property
    def full(self) -> bool:
        """Whether who comes now has to wait."""
        return self.used >= self.size

    async def enter(self) -> int:
        """Take a place, waiting if need be, and return when that was, in ns: `leave` wants it.

        Raises `OverloadedError` after `timeout_s`.
        """
        if self.used < self.size:
            self.used += 1
            if self.used > self.used_peak:
                self.used_peak = self.used
            self._wait.observe_none()
            add_wait(self.pool, 0)
        else:
            await self._queue()
        entered_ns = time.perf_counter_ns()
        self._inside[entered_ns] = None
        return entered_ns

    def leave(self, entered_ns: int) -> int:
        """Give the place back, to whoever waits longest; return for how many ns it was in use."""
        used_ns = time.perf_counter_ns() - entered_ns
        self._inside.pop(entered_ns, None)
        self._use.observe(used_ns / NS)
        self._pass_on()
        return used_ns

    def connected(self, began_ns: int) -> int:
        """Count a connection made by who has a place, since `began_ns`; return how many ns it took.

        One that could not be made counts too: it took its time.
        """
        took_ns = time.perf_counter_ns() - began_ns
        self._create.observe(took_ns / NS)
        return took_ns

    def _oldest_s(self) -> float:
        first = next(iter(self._inside.copy()), None)  # a copy: a scrape asks from its own thread
        return 0.0 if first is None else (time.perf_counter_ns() - first) / NS

    async def _queue(self) -> None:
        began_ns = time.perf_counter_ns()
        loop = asyncio.get_running_loop()
        place: asyncio.Future[None] = loop.create_future()
        self._waiters.append(place)
        self.pending += 1
        self.pending_peak = max(self.pending_peak, self.pending)
        alarm = loop.call_later(self.timeout_s, self._give_up, place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled() and place.exception() is None:
                self._pass_on()  # the place had just been given to a caller who is gone
            raise
        finally:
            alarm.cancel()
            self.pending -= 1
            waited_ns = time.perf_counter_ns() - began_ns
            self._wait.observe(waited_ns / NS)
            add_wait(self.pool, waited_ns)

    def _give_up(self, place: asyncio.Future[None]) -> None:
        if not place.done():
            self._timeouts.inc()
            place.set_exception(OverloadedError(self.pool, self.timeout_s))

    def _pass_on(self) -> None:
        while self._waiters:
            place = self._waiters.popleft()
            if not place.done():
                place.set_result(None)
                return
        self.used -= 1
