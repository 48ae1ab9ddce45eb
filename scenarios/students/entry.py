"""Entry: a ticket's code is shown and scanned, at two entrances at once if a friend has a copy."""

from contextlib import suppress
from typing import Final

import gevent

from dress_rehearsal.scenarios.buyer import Granted, Waiting
from dress_rehearsal.scenarios.errors import ClosedError
from dress_rehearsal.scenarios.recorder import FAILED, OK, UNKNOWN
from dress_rehearsal.scenarios.rush import Rush
from dress_rehearsal.scenarios.students.call import Reply
from dress_rehearsal.scenarios.students.retry import Retry
from dress_rehearsal.scenarios.students.session import Session

_EXPIRED: Final = "qr_expired"
"""The reason of an entrance that wants a newer code."""


class Entry:
    """A holder's way through the entrance.

    Args:
        session: where the ticket was granted.
        retry: decides when to have a code scanned again after an error.
    """

    def __init__(self, rush: Rush, session: Session, retry: Retry) -> None:
        self._session = session
        self._browser = session.browser
        self._retry = retry
        lends = self._browser.has("lend") and rush.timetable.screenshot[self._browser.student]
        self._lends = bool(lends)
        self._friend: gevent.Greenlet | None = None

    def enter(self, granted: Granted, collected: Reply) -> None:
        """Show the code and have it scanned until there is an answer; an old code is renewed.

        Args:
            collected: what came of opening the code.

        Raises:
            ClosedError: the rush has closed.
        """
        has_code, intended_ns = _has_code(collected), collected.at_ns
        for _ in range(self._retry.attempts):
            if not has_code:
                reply = self._browser.collect(granted, intended_ns)
                if _has_code(reply):
                    has_code, intended_ns = True, reply.at_ns
                    continue
                if self._session.lost(reply):
                    intended_ns = self._session.renew(reply).at_ns
                    continue
            else:
                if self._lends and self._friend is None:
                    self._friend = gevent.spawn(self._lend, granted, intended_ns)
                reply = self._browser.enter(granted, intended_ns)
                if reply.code == _EXPIRED:
                    has_code, intended_ns = False, reply.at_ns
                    continue
            if reply.outcome not in (FAILED, UNKNOWN) and not isinstance(reply.claim, Waiting):
                return
            intended_ns = self._retry.after_pause(reply)

    def end(self, *, cut: bool = False) -> None:
        """Wait for the friend's scan, or cut it."""
        if self._friend is not None and not self._friend.ready():
            if cut:
                self._friend.kill()
            else:
                self._friend.join()

    def _lend(self, granted: Granted, intended_ns: int) -> None:
        with suppress(ClosedError):
            self._browser.lend(granted, intended_ns)


def _has_code(collected: Reply) -> bool:
    return collected.outcome == OK and not isinstance(collected.claim, Waiting)
