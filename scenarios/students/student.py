"""A Locust user that is one student of the rush."""

import logging
import traceback
from typing import Any, Final

from gevent import Greenlet
from gevent.pool import Group
from locust import User
from locust.user.task import LOCUST_STATE_RUNNING

from dress_rehearsal.scenarios.rush import Rush
from dress_rehearsal.scenarios.students.journeys import perform

_LOG: Final = logging.getLogger("locust.user.task")


class _Story(Greenlet):  # type: ignore[misc]
    """What a student does. Until it is begun it has no stack, and takes next to no memory."""

    spawning_stack_limit = 0


class Student(User):
    """One student. Locust has it from the start; it acts by the timetable, not by spawn rate."""

    tasks = [perform]  # noqa: RUF012 (Locust's own way; it has none of its tasks run)
    rush: Rush
    """What all students of this process share; set before any is started."""
    number: int
    """Which student it is."""

    def start(self, group: Group) -> Greenlet:
        """Take a place; the story begins when the student arrives."""
        # Locust finds whose it is in its arguments.
        self._group, self._greenlet = group, _Story(_tell, self)
        group.add(self._greenlet)
        student = self.rush.next_student() if hasattr(self, "rush") else None
        if student is None:  # there is nobody left to be, or no rush, which Locust has said
            self._greenlet.kill(block=False)
        else:
            self.number = student
            self.rush.take_place(student, self._greenlet)
        return self._greenlet

    def begun(self) -> None:
        """Have Locust know that the story is under way."""
        self._state = LOCUST_STATE_RUNNING

    def failed(self, error: Exception) -> None:
        """Tell of a defect of ours, which costs one story."""
        _LOG.error("%s\n%s", error, traceback.format_exc())
        events: Any = self.environment.events
        events.user_error.fire(user_instance=self, exception=error, tb=error.__traceback__)


def _tell(student: Student) -> None:
    """Play a student's journey, once."""
    student.begun()
    try:
        perform(student.rush, student.number)
    except Exception as error:  # noqa: BLE001 - whatever it is, all others go on
        student.failed(error)
