"""A device's session at the target: logged in, and once more should the target forget it."""

from typing import Final

from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.scenarios.browser import UNAUTHENTICATED, Reply, Visit
from dress_rehearsal.scenarios.recorder import FAILED, UNKNOWN
from dress_rehearsal.scenarios.rush import Rush
from dress_rehearsal.scenarios.timetable import Luck

_RENEWALS: Final = 2
"""How often a device logs in again; who is sent to the login a third time has no way in."""


class Session:
    """Logs one device in.

    Args:
        visit: keeps the token.
        luck: decides whether and when to try again after an error.
    """

    __slots__ = ("_habits", "_luck", "_renewals", "visit")

    def __init__(self, rush: Rush, visit: Visit, luck: Luck) -> None:
        self.visit = visit
        self._luck = luck
        self._habits = rush.plan.students
        self._renewals = 0

    def begin(self, intended_ns: int) -> Reply:
        """Log in, trying again after errors; gives the last answer.

        Raises:
            ClosedError: the rush has closed.
        """
        for _ in range(self._habits.attempts):
            reply = self.visit.login(intended_ns)
            if reply.outcome not in (FAILED, UNKNOWN):
                break
            if not self._luck.happens(self._habits.retry):
                break
            intended_ns = reply.at_ns + self._pause_ns(self._habits.retry_delay)
        return reply

    def lost(self, reply: Reply) -> bool:
        """Whether an answer says that the target knows no such session, and to log in again."""
        return reply.code == UNAUTHENTICATED and self._renewals < _RENEWALS

    def renew(self, reply: Reply) -> Reply:
        """Log in again after such an answer, as soon as number and PIN are typed.

        Raises:
            ClosedError: the rush has closed.
        """
        self._renewals += 1
        return self.begin(reply.at_ns + self._pause_ns(self._habits.typing))

    def _pause_ns(self, median_s: float) -> int:
        return round(self._luck.delay_s(median_s) * NS_PER_S)
