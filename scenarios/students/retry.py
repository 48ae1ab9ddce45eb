"""What students do about errors: how often, whether and when they try again."""

from collections.abc import Callable
from typing import Final

from dress_rehearsal.plans import Plan
from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.scenarios.students.call import Reply
from dress_rehearsal.scenarios.timetable import Luck

_WITHOUT_END: Final = 1_000_000
_BOT_LEAST, _BOT_MOST = 4 / 7, 10 / 7
"""Between which multiples of `students.bot_pause` a bot's pauses are drawn: 20 to 50 ms of 35."""


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


class BotRetry(Retry):
    """A bot's: it tries until it is answered, or its time is up, and takes no person's pauses."""

    __slots__ = ("_bot_pause_s",)

    def __init__(self, plan: Plan, luck: Luck) -> None:
        super().__init__(plan, luck)
        self.attempts = _WITHOUT_END
        self._bot_pause_s = plan.students.bot_pause

    def pause_ns(self) -> int:
        """Return how long a bot pauses between an answer and its next request."""
        return round(self._luck.between(_BOT_LEAST, _BOT_MOST) * self._bot_pause_s * NS_PER_S)

    def after_error(self, reply: Reply) -> int:
        """Return when a bot tries again: always, and at once."""
        return self.after_pause(reply)

    def after_pause(self, reply: Reply) -> int:
        """Return when a bot tries again."""
        return reply.at_ns + self.pause_ns()

    def after_too_early(self, reply: Reply) -> int:
        """Return when a bot clicks again that clicked too early."""
        return self.after_pause(reply)
