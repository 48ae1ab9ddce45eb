"""A Locust user that is one student of the rush."""

from locust import User, constant, task
from locust.exception import StopUser

from dress_rehearsal.scenarios.rush import Rush
from dress_rehearsal.scenarios.students.journeys import perform


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
