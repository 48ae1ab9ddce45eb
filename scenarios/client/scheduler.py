"""The scheduler: who goes next on the loop.

Whoever is to send something by now goes first, then those to whom something has come, first come,
first served. The loop alone would take all answers that there are in one turn, and in a rush that
takes a tenth of a second and more, in which clicks fall due, connections are made, time-outs end:
none of them would be on time. So work is done in stretches of some milliseconds, and between two of
them the loop looks round.

In a crowd something happens every fraction of a millisecond, and to wake up for each costs several
times what there is to be done. So between two looks there is a nap then, in which more comes.
"""

import sys
import time
from collections import deque
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from typing import Any, Final

from gevent import Greenlet, get_hub, getcurrent, monkey

from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.scenarios.client.readiness import Watched, readiness

_STRETCH_NS: Final = 5_000_000
_TICK: Final = 17
"""Timers go off at the next multiple of 2^17 ns (131 µs), so that those of about the same time are
one entry of the heap. Most timers are time-outs that were cancelled long before: these cost next to
nothing then, as they must at T-0, when all waiting for the clicks is over at once."""
_HELD: Final = 32
"""Requests that are held back until the answers are read that are there: sent in a row they cost
less, for whoever takes them is awake."""
_NAP_NS: Final = 1_000_000
"""How long a nap is: as much later an answer is read, whose time the kernel has kept, and something
due is begun, as it is with the loop's own timers, which go by whole milliseconds."""
_NAPS: Final = sys.platform == "linux"
"""Whether there are naps: elsewhere no kernel keeps when an answer came."""
_NEVER: Final = 2**63
_MANY: Final = 100_000
"""Timers among which none is looked for that is off."""
_sleep: Final[Callable[[float], None]] = monkey.get_original("time", "sleep")
_NAME: Final = "dress_rehearsal_scheduler"
"""What the loop's hub keeps it as."""


class Timer:
    """Something that is to happen at a time, once."""

    __slots__ = ("begin",)

    def __init__(self, begin: Callable[[], Any]) -> None:
        self.begin: Callable[[], Any] | None = begin
        """What; None: it has happened, or is not to happen any more."""

    def cancel(self) -> None:
        """Have it not happen."""
        self.begin = None

    def go(self) -> None:
        """Have it happen now, if it still is to."""
        begin, self.begin = self.begin, None
        if begin is not None:
            begin()


class Scheduler:
    """What is to be done on one loop; times are those of `time.monotonic_ns`.

    What it is given is called by the loop itself and must not wait for anything.
    """

    __slots__ = (
        "_alarm",
        "_alarm_tick",
        "_asleep_ns",
        "_due",
        "_heap",
        "_hub",
        "_idle",
        "_is_lively",
        "_is_rested",
        "_kept",
        "_most",
        "_next",
        "_outbox",
        "_readiness",
        "_ready",
        "_timers",
        "hurried",
        "looked_ns",
    )

    def __init__(self, hub: Any) -> None:
        self._hub = hub
        self._timers: dict[int, list[Timer]] = {}
        """By the tick at which they go off; some are off."""
        self._heap: list[int] = []
        """These ticks, the next one first."""
        self._kept = 0
        """How many timers are kept."""
        self._most = _MANY
        """So many there may be before those are thrown out that are off."""
        self._due: deque[Timer] = deque()
        self._ready: deque[Callable[[], Any]] = deque()
        self._outbox: deque[Callable[[], Any]] = deque()
        self._next: list[Callable[[], Any]] = []
        """What goes behind the answers that are there by now, once these have been looked for."""
        self._readiness = readiness(hub, self._work)
        self._alarm: Any = None
        self._alarm_tick = _NEVER
        """When the loop's own timer goes off."""
        self._asleep_ns = 1
        """Since when there is nothing to do; 0: there is."""
        self._is_lively = False
        """Whether more is about to come: it did a moment ago."""
        self._is_rested = False
        """Whether nothing has been done since a nap: then nothing comes any more."""
        self.hurried = 0
        """Waits that count as the far end's, such as for a connection: meanwhile nobody naps."""
        self.looked_ns = 0
        """What had come by then (Unix) has stirred those it came for; 0: nobody knows."""
        # While it is on the loop waits for nothing; it goes off in each turn that no alarm does.
        self._idle = hub.loop.idle(priority=hub.loop.MAXPRI)

    def __len__(self) -> int:
        waiting = len(self._due) + len(self._ready) + len(self._outbox) + len(self._next)
        return self._kept + waiting

    def watch(self, fileno: int, watched: Watched) -> None:
        """Have somebody read, in its turn, whenever a socket can be read."""
        watched.stirred = 0
        self._readiness.watch(fileno, watched)

    def look_again(self) -> None:
        """Look for what has come: somebody has read what had come before, out of turn."""
        self._idle.start(self._work)

    def forget(self, fileno: int) -> None:
        """Watch a socket no more; to be told before it is closed."""
        self._readiness.forget(fileno)

    def at(self, at_ns: int, begin: Callable[[], Any]) -> Timer:
        """Have something called at a time."""
        timer = Timer(begin)
        tick = -(-at_ns >> _TICK)
        timers = self._timers.get(tick)
        if timers is None:
            self._timers[tick] = [timer]
            heappush(self._heap, tick)
            if self._asleep_ns and tick < self._alarm_tick:
                self._set_alarm(tick)
        else:
            timers.append(timer)
        self._kept += 1
        if self._kept > self._most:
            self._throw_out()
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
            while timer.begin is not None:
                self._hub.switch()
        finally:
            timer.begin = None

    def soon(self, begin: Callable[[], Any]) -> None:
        """Have something called in its turn: as an answer would be read that comes now."""
        self._idle.start(self._work)
        self._next.append(begin)

    def send(self, begin: Callable[[], Any]) -> None:
        """Have something sent as soon as the answers are read that are there."""
        if not self._outbox:
            self._idle.start(self._work)
        self._outbox.append(begin)

    def _throw_out(self) -> None:
        """Keep only the timers that are on."""
        on = {
            tick: left
            for tick, timers in self._timers.items()
            if (left := [timer for timer in timers if timer.begin is not None])
        }
        self._timers = on
        self._heap[:] = on
        heapify(self._heap)
        self._kept = sum(map(len, on.values()))
        self._most = 2 * self._kept + _MANY

    def _ring(self) -> None:
        self._alarm_tick = _NEVER
        self._work()

    def _work(self) -> None:
        """Work for a stretch."""
        heap, due, ready, clock = self._heap, self._due, self._ready, time.monotonic_ns
        outbox = self._outbox
        now_ns = clock()
        end_ns = now_ns + _STRETCH_NS
        if self._asleep_ns:
            self._is_lively = now_ns - self._asleep_ns < _NAP_NS
            self._asleep_ns = 0
        is_rested, self._is_rested = self._is_rested, False
        try:
            while now_ns < end_ns:
                if heap and heap[0] <= now_ns >> _TICK:
                    due.extend(self._take(heappop(heap)))
                if due:
                    due.popleft().go()
                    is_rested = False
                elif ready and len(outbox) < _HELD:
                    held = len(outbox)
                    ready.popleft()()
                    is_rested = False
                    if len(outbox) > held:  # who asks again at once is not kept waiting
                        self._is_lively = False
                elif outbox:
                    self._send_held()
                elif self._look_round():
                    pass
                elif _NAPS and self._is_lively and not is_rested and not self.hurried:
                    _sleep(_NAP_NS / NS_PER_S)
                    self._is_rested = True
                    break
                else:
                    self._asleep_ns = now_ns
                    break
                now_ns = clock()
        finally:
            self._look_ahead()

    def _send_held(self) -> None:
        """Send what was held back; who has something to read by now will know it."""
        self.look()
        outbox = self._outbox
        for _ in range(len(outbox)):
            outbox.popleft()()

    def _look_round(self) -> bool:
        """Line up whose turn it is now; return whether there is anybody."""
        self.look()
        if self._next:
            self._ready.extend(self._next)
            self._next.clear()
        return bool(self._ready)

    def look(self) -> None:
        """Line up whoever something has come for; where that can be, all are known then."""
        self._ready.extend([watched.read for watched in self._readiness.ready()])
        self.looked_ns = self._readiness.looked_ns

    def _take(self, tick: int) -> list[Timer]:
        """Return the timers of a tick, which are kept no more."""
        timers = self._timers.pop(tick)
        self._kept -= len(timers)
        return [timer for timer in timers if timer.begin is not None]

    def _look_ahead(self) -> None:
        """Have the loop call again when there is something to do."""
        heap = self._heap
        if self._due:
            self._set_alarm(0)
            return
        if not self._asleep_ns:
            self._idle.start(self._work)
            return
        self._idle.stop()
        while heap and all(timer.begin is None for timer in self._timers[heap[0]]):
            self._take(heappop(heap))
        if heap and heap[0] < self._alarm_tick:
            self._set_alarm(heap[0])

    def _set_alarm(self, tick: int) -> None:
        if self._alarm is not None:
            self._alarm.close()
        self._alarm_tick = tick
        loop = self._hub.loop
        # The loop's clock stands still during a turn; an alarm set late in a long one would
        # otherwise go off early by as much.
        loop.update_now()
        after_s = max((tick << _TICK) - time.monotonic_ns(), 0) / NS_PER_S
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
