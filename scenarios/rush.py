"""The rush: what all students of one generator share, and the instant that T-0 falls on."""

import inspect
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from gevent import Greenlet, get_hub, killall, sleep

from dress_rehearsal.plans import Person, Plan
from dress_rehearsal.records.requests.trace_ids import TraceIds
from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.scenarios.buyer import Buyer
from dress_rehearsal.scenarios.client.local_address import LocalAddresses
from dress_rehearsal.scenarios.client.origin import Origin
from dress_rehearsal.scenarios.client.scheduler import scheduler
from dress_rehearsal.scenarios.errors import ClosedError
from dress_rehearsal.scenarios.habits import habits_of
from dress_rehearsal.scenarios.outcomes import Census
from dress_rehearsal.scenarios.recorder import Recorder
from dress_rehearsal.scenarios.timetable import Lots, Luck, Timetable, order_of_arrival
from dress_rehearsal.scenarios.troubles import Troubles

_BEFORE_NS: Final = 30_000_000
"""How long before arrival a story begins: the loop comes to it in its own time, and it sleeps until
then by itself, as whoever is to send does."""


class Rush:
    """Plan, timetable, recorder and clock of one rehearsal, shared by its students.

    Args:
        run: the run's id; it is part of every trace id.
        people: the roster, in the order of the student index.
        buyer: the scenario: what the students do.
        playing: who of them is played here, in the order of their arrival; by default everybody.
    """

    def __init__(
        self,
        run: str,
        plan: Plan,
        people: Sequence[Person],
        timetable: Timetable,
        origin: Origin,
        recorder: Recorder,
        buyer: type[Buyer],
        playing: Sequence[int] | None = None,
    ) -> None:
        self.plan = plan
        self.people = people
        self.timetable = timetable.without_draws()
        self._lots = Lots(timetable, playing)
        self.habits = habits_of(plan)
        self.origin = origin
        self.local = LocalAddresses(origin.address[0])
        """Where the students' connections come from."""
        self.recorder = recorder
        self.buyer = buyer
        self.moments = {
            method: role
            for method, role in Buyer.roles.items()
            if getattr(buyer, method) is not getattr(Buyer, method)
        }
        """The methods that the scenario defines, and what their requests are for."""
        self.troubles = Troubles(Path(inspect.getfile(buyer)))
        """What went wrong with the scenario."""
        self.traces = TraceIds(run)
        self.key = self.traces.run
        """Sets this run's idempotency keys apart from those of every other run."""
        self.t0_ns = 0
        self.closed_ns = 0
        self.census = Census(self.timetable, 0)
        self.in_flight = 0
        self.connections = 0
        self.asides: set[Any] = set()
        """Greenlets that scenarios have started themselves, while they await an answer."""
        order = order_of_arrival(timetable) if playing is None else playing
        self._unplaced = deque(order)
        self._places: deque[tuple[int, Greenlet]] = deque()
        """Students who have not come yet and their stories, first to arrive first."""
        self.is_open = False
        """Whether T-0 has been fixed."""

    def next_student(self) -> int | None:
        """Return the next student nobody plays yet; None when all are on."""
        return self._unplaced.popleft() if self._unplaced else None

    @property
    def all_are_on(self) -> bool:
        """Whether there is somebody for every student who is played here."""
        return not self._unplaced

    def luck(self, student: int, device: int = 0) -> Luck:
        """Return a student's own draws; on another device they begin further on."""
        return self._lots.luck(student, 5 * device)

    def take_place(self, student: int, story: Greenlet) -> None:
        """Have a student's story begin just before arrival; students are to come in that order."""
        self._places.append((student, story))
        if self.is_open and len(self._places) == 1:
            self._let_in()

    def open_at(self, t0_ns: int) -> None:
        """Fix T-0, an absolute time, by which all students begin."""
        self.t0_ns = t0_ns
        self.closed_ns = t0_ns + round(self.plan.schedule.sale * NS_PER_S)
        self.census = Census(self.timetable, t0_ns)
        self.is_open = True
        self._let_in()

    def _let_in(self) -> None:
        """Begin the stories of all who have arrived, and come again for the next."""
        while self._places:
            student, story = self._places[0]
            now_ns, due_ns = time.time_ns(), self.at(float(self.timetable.arrival_s[student]))
            if now_ns < due_ns - _BEFORE_NS < due_ns < self.closed_ns:  # who is later ends at once
                begin_ns = time.monotonic_ns() + due_ns - _BEFORE_NS - now_ns
                scheduler().at(begin_ns, self._let_in)
                return
            self._places.popleft()
            get_hub().loop.run_callback(_begin, story)

    def at(self, t0_offset_s: float) -> int:
        """Return seconds relative to T-0 as an absolute time in ns."""
        return self.t0_ns + round(t0_offset_s * NS_PER_S)

    def close(self) -> None:
        """Let students start nothing new from now on."""
        self.closed_ns = min(self.closed_ns, time.time_ns())

    def end(self) -> None:
        """Close, and cut what is sent beside the stories; it is recorded as whatever is cut."""
        self.close()
        killall(self.asides, block=False)  # who catches it may go on, and ask for nothing more
        sleep(0)

    def sleep_until(self, t_ns: int) -> None:
        """Sleep until an absolute time; due sleepers go before answers are read.

        Raises:
            ClosedError: the time lies after the rush has closed; raised at once, without sleeping.
        """
        while True:
            if t_ns >= self.closed_ns:
                raise ClosedError
            remaining_ns = t_ns - time.time_ns()
            if remaining_ns <= 0:
                return
            scheduler().sleep_until(time.monotonic_ns() + remaining_ns)


def _begin(story: Greenlet) -> None:
    if not story.dead:  # Locust may have taken it away again
        story.switch()
