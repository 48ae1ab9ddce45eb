"""A Locust user that is one student of the rush."""

from collections.abc import Iterator
from typing import Any, Final

import gevent
from locust import User, constant, task
from locust.env import Environment
from locust.exception import StopUser

from dress_rehearsal.plans.visible import visible_line
from dress_rehearsal.records.tables import ABANDONED
from dress_rehearsal.scenarios.recorder import FAILED, UNKNOWN, Recorder
from dress_rehearsal.scenarios.rush import Rush
from dress_rehearsal.scenarios.students.journeys import perform

_ROWS_AT_ONCE: Final = 200
_FEED_INTERVAL_S: Final = 0.5


class Student(User):
    """One student. Locust starts it early; it acts by the timetable, not by spawn rate."""

    wait_time = constant(0)
    rush: Rush
    """What all students of this process share; set before any is started."""

    @task
    def story(self) -> None:
        """Wait for T-0 to be fixed, play the student's journey, and stop for good."""
        if not hasattr(self, "rush"):  # it could not be made, which Locust has said
            raise StopUser
        student = self.rush.next_student()
        if student is not None:
            self.rush.await_t0()
            perform(self.rush, student)
        raise StopUser


def feed_statistics(environment: Environment, recorder: Recorder) -> None:
    """Tell Locust of every recorded request, once each, while the loop has nothing better to do.

    Locust's response time is the felt latency in ms; expected refusals are successes, as in the
    record. Runs as a greenlet until killed.
    """
    while True:
        gevent.sleep(_FEED_INTERVAL_S)
        for _ in feed_once(environment, recorder):
            gevent.idle()


def feed_once(environment: Environment, recorder: Recorder) -> Iterator[None]:
    """Tell Locust of what is recorded by now, pausing between slices of 200 requests."""
    rows, recorder.unfed = recorder.unfed, []
    names = recorder.steps.names
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        for step, felt_ms, size, outcome, error in rows[start : start + _ROWS_AT_ONCE]:
            method, _, name = names[step].partition(" ")
            exception: Any = None
            if outcome in (FAILED, UNKNOWN) and error != ABANDONED:  # whose answer nobody missed
                exception = visible_line(error or "failed")
            environment.events.request.fire(  # type: ignore[no-untyped-call]
                request_type=method,
                name=name,
                response_time=felt_ms,
                response_length=size,
                exception=exception,
                context={},
            )
        yield
