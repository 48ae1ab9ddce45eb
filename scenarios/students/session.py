"""A device's session at the target: logged in, and once more should the target forget it."""

from typing import Final

from dress_rehearsal.scenarios.recorder import FAILED, UNKNOWN
from dress_rehearsal.scenarios.rush import Rush
from dress_rehearsal.scenarios.students.browser import Browser
from dress_rehearsal.scenarios.students.call import UNAUTHENTICATED, Reply
from dress_rehearsal.scenarios.students.retry import Retry
from dress_rehearsal.scenarios.timetable import Luck

_RENEWALS: Final = 2
"""How often a device logs in again; who is sent to the login a third time has no way in."""


class Session:
    """Logs one device in.

    Args:
        browser: keeps the token.
        luck: decides how long typing takes.
        retry: decides whether and when to try again after an error.
    """

    __slots__ = ("_luck", "_renewals", "_retry", "_typing_s", "browser")

    def __init__(self, rush: Rush, browser: Browser, luck: Luck, retry: Retry) -> None:
        self.browser = browser
        self._luck = luck
        self._retry = retry
        self._typing_s = rush.plan.students.typing
        self._renewals = 0

    def begin(self, intended_ns: int) -> Reply:
        """Log in, trying again after errors, and return the last answer.

        Raises:
            ClosedError: the rush has closed.
        """
        return self._retry.persist(self.browser.login, intended_ns, _is_answer)

    def lost(self, reply: Reply) -> bool:
        """Return whether an answer says to log in again: the target knows no such session."""
        return reply.code == UNAUTHENTICATED and self._renewals < _RENEWALS

    def renew(self, reply: Reply) -> Reply:
        """Log in again after such an answer, as soon as number and PIN are typed.

        Returns:
            The last answer to a login.

        Raises:
            ClosedError: the rush has closed.
        """
        self._renewals += 1
        return self.begin(reply.at_ns + self._luck.delay_ns(self._typing_s))


def _is_answer(reply: Reply) -> bool:
    return reply.outcome not in (FAILED, UNKNOWN)
