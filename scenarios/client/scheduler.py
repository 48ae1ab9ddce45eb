"""The scheduler: who goes next on the loop.

Whoever is to send something by now goes first, then those to whom something has come, first come,
first served. The loop alone would take all answers that there are in one turn, and in a rush that
takes a tenth of a second and more, in which clicks fall due, connections are made, time-outs end:
none of them would be on time. So work is done in stretches of some milliseconds, and between two of
them the loop looks round.
"""

import time
from collections import deque
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Any, Final

from gevent import Greenlet, get_hub, getcurrent

from dress_rehearsal.records.tables import NS_PER_S

_STRETCH_NS: Final = 5_000_000
_NEVER_NS: Final = 2**63
_FEW: Final = 1000
"""Timers among which none is looked for that is off."""
_NAME: Final = "dress_rehearsal_scheduler"
"""What the loop's hub keeps it as."""


class Timer:
    """Something that is to happen at a time, once."""

    __slots__ = ("_begin",)

    def __init__(self, begin: Callable[[], Any]) -> None:
        self._begin: Callable[[], Any] | None = begin

    @property
    def is_on(self) -> bool:
        """Whether it is still to happen."""
        return self._begin is not None

    def cancel(self) -> None:
        """Have it not happen."""
        self._begin = None

    def go(self) -> None:
        """Have it happen now, if it still is to."""
        begin, self._begin = self._begin, None
        if begin is not None:
            begin()


class Scheduler:
    """What is to be done on one loop; times are those of `time.monotonic_ns`.

    What it is given is called by the loop itself and must not wait for anything.
    """

    __slots__ = ("_alarm", "_alarm_ns", "_hub", "_idle", "_most", "_numbers", "_ready", "_timers")

    def __init__(self, hub: Any) -> None:
        self._hub = hub
        self._timers: list[tuple[int, int, Timer]] = []
        """A heap: the next one first; some are off."""
        self._most = _FEW
        """So many timers there may be before those are thrown out that are off."""
        self._ready: deque[Callable[[], Any]] = deque()
        self._numbers = count()
        self._alarm: Any = None
        self._alarm_ns = _NEVER_NS
        """When the loop's own timer goes off."""
        # While it is on the loop waits for nothing; it goes off in each turn that no alarm does.
        self._idle = hub.loop.idle(priority=hub.loop.MAXPRI)

    def __len__(self) -> int:
        return len(self._timers) + len(self._ready)

    def at(self, at_ns: int, begin: Callable[[], Any]) -> Timer:
        """Have something called at a time."""
        timer = Timer(begin)
        heappush(self._timers, (at_ns, next(self._numbers), timer))
        if len(self._timers) > self._most:
            self._throw_out()
        if at_ns < self._alarm_ns:
            self._set_alarm(at_ns)
        return timer

    def spawn_at(self, at_ns: int, run: Callable[..., Any], *arguments: Any) -> Greenlet:
        """Return a greenlet that starts at a time, unless it is killed before."""
        greenlet = Greenlet(run, *arguments)
        self.at(at_ns, lambda: None if greenlet.dead else greenlet.switch())
        return greenlet

    def sleep_until(self, at_ns: int) -> None:
        """Sleep until a time, or until something is raised here."""
        self._await(self.at(at_ns, getcurrent().switch))

    def wait_for_turn(self) -> None:
        """Wait as an answer does that has come by now, or until something is raised here."""
        turn = Timer(getcurrent().switch)
        self.soon(turn.go)
        self._await(turn)

    def _await(self, timer: Timer) -> None:
        try:
            while timer.is_on:
                self._hub.switch()
        finally:
            timer.cancel()

    def soon(self, begin: Callable[[], Any]) -> None:
        """Have something called in its turn: after what is due, and what was here before."""
        if not self._ready:
            self._idle.start(self._work)
        self._ready.append(begin)

    def _throw_out(self) -> None:
        """Keep only the timers that are on: most of all time-outs are cancelled long before."""
        self._timers[:] = [entry for entry in self._timers if entry[2].is_on]
        heapify(self._timers)
        self._most = 2 * len(self._timers) + _FEW

    def _ring(self) -> None:
        self._alarm_ns = _NEVER_NS
        self._work()

    def _work(self) -> None:
        """Work for a stretch."""
        timers, ready, clock = self._timers, self._ready, time.monotonic_ns
        now_ns = clock()
        end_ns = now_ns + _STRETCH_NS
        try:
            while now_ns < end_ns:
                if timers and timers[0][0] <= now_ns:
                    heappop(timers)[2].go()
                elif ready:
                    ready.popleft()()
                else:
                    break
                now_ns = clock()
        finally:
            while timers and not timers[0][2].is_on:
                heappop(timers)
            if not ready:
                self._idle.stop()
            if timers and timers[0][0] < self._alarm_ns:
                self._set_alarm(timers[0][0])

    def _set_alarm(self, at_ns: int) -> None:
        if self._alarm is not None:
            self._alarm.close()
        self._alarm_ns = at_ns
        loop = self._hub.loop
        # The loop's clock stands still during a turn; an alarm set late in a long one would
        # otherwise go off early by as much.
        loop.update_now()
        after_s = max(at_ns - time.monotonic_ns(), 0) / NS_PER_S
        # At the highest priority it goes off before anything else of its turn.
        self._alarm = loop.timer(after_s, priority=loop.MAXPRI)
        self._alarm.start(self._ring)


def scheduler() -> Scheduler:
    """Return the scheduler of this thread's loop."""
    hub = get_hub()
    found: Scheduler | None = hub.__dict__.get(_NAME)
    if found is None:
        found = hub.__dict__[_NAME] = Scheduler(hub)
    return found
