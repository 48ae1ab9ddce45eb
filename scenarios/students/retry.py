"""What students do about errors: how often, whether and when they try again."""

from collections.abc import Callable

from dress_rehearsal.plans import Plan
from dress_rehearsal.scenarios.students.call import Reply
from dress_rehearsal.scenarios.timetable import Luck


class Retry:
    """The plan's retry policy (`students.attempts`, `.retry`, `.retry_delay`) for one device.

    Args:
        luck: the student's own draws. An error takes one for whether to try again, the last
            attempt's error too, and then one for when: that order is part of what a seed means.
    """

    __slots__ = ("_delay_s", "_early_delay_s", "_luck", "_share", "attempts")

    def __init__(self, plan: Plan, luck: Luck) -> None:
        self.attempts = plan.students.attempts
        """How often something is tried at most."""
        self._share = plan.students.retry
        self._delay_s = plan.students.retry_delay
        self._early_delay_s = plan.students.early_retry
        self._luck = luck

    def persist(
        self, attempt: Callable[[int], Reply], intended_ns: int, settled: Callable[[Reply], bool]
    ) -> Reply:
        """Return the last answer of attempts that begin at `intended_ns` and end once settled.

        Attempts also end when they are used up or the student does not try again.
        """
        for _ in range(self.attempts):
            reply = attempt(intended_ns)
            if settled(reply):
                break
            again_ns = self.after_error(reply)
            if again_ns is None:
                break
            intended_ns = again_ns
        return reply

    def after_error(self, reply: Reply) -> int | None:
        """Return when a student who sees an error tries again, as ns; None for never."""
        return self.after_pause(reply) if self._luck.happens(self._share) else None

    def after_pause(self, reply: Reply) -> int:
        """Return when somebody tries again who certainly does, as ns."""
        return reply.at_ns + self._luck.delay_ns(self._delay_s)

    def after_too_early(self, reply: Reply) -> int:
        """Return when a student clicks again who clicked too early, as ns."""
        return reply.at_ns + self._luck.delay_ns(self._early_delay_s)
