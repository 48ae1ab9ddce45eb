"""The waiting room from a student's side: join the queue, then wait to be let in."""

from typing import Final

from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.scenarios.buyer import Admitted, Waiting
from dress_rehearsal.scenarios.recorder import OK, REFUSED
from dress_rehearsal.scenarios.rush import Rush
from dress_rehearsal.scenarios.students.browser import Browser
from dress_rehearsal.scenarios.students.call import UNAUTHENTICATED, Reply
from dress_rehearsal.scenarios.students.retry import BotRetry, Retry

_LEAST_PAUSE_S: Final = 0.1
_RECONNECT_MS: Final = 3000
"""What browsers wait before they take up a cut event stream again, unless the stream says."""


class WaitingRoom:
    """One device's way through the waiting room.

    Args:
        retry: decides whether and when to try joining again after an error.
    """

    def __init__(self, rush: Rush, browser: Browser, retry: Retry) -> None:
        self._rush = rush
        self._browser = browser
        self._retry = retry
        self._pause_s = 0.0
        self._errors = 0

    def stay(self, intended_ns: int, leave_ns: int) -> Reply | None:
        """Join and wait until told that it is one's turn, or that there is no more use in it.

        Returns:
            The answer that decided: ok (admitted), refused (sold out, not enrolled …), or failed
            or unknown when no answer was to be had, or only to whoever logs in again; None when
            patience ended at `leave_ns`.

        Raises:
            ClosedError: the rush has closed.
        """
        reply: Reply | None = self._join(intended_ns)
        while reply is not None and reply.outcome in (OK, REFUSED):
            if _decides(reply):
                return reply
            if reply.outcome == OK:
                reply = self._wait(reply, leave_ns)
            elif reply.at_ns > leave_ns:
                return None
            else:  # the place is lost
                pause_s = max(self._pause_s, _LEAST_PAUSE_S)
                reply = self._join(reply.at_ns + round(pause_s * NS_PER_S))
        return reply

    def _join(self, intended_ns: int) -> Reply:
        """Join, trying again after errors, as the student does who sees one."""
        return self._retry.persist(
            self._browser.join,
            intended_ns,
            lambda reply: reply.outcome in (OK, REFUSED) or reply.code == UNAUTHENTICATED,
        )

    def _wait(self, joined: Reply, leave_ns: int) -> Reply | None:
        """Ask again and again, as the page does by itself; only many errors in a row end it."""
        self._pause_s = self._asked_s(joined.claim) if isinstance(joined.claim, Waiting) else 0.0
        self._errors = 0
        reply = joined
        while self._errors < self._retry.attempts:
            due_ns = reply.at_ns + round(self._pause_s * NS_PER_S)
            if due_ns > leave_ns:
                return None
            reply = self._ask(due_ns, leave_ns)
            if reply.outcome == REFUSED or reply.code == UNAUTHENTICATED or _decides(reply):
                return reply
        return reply

    def _ask(self, due_ns: int, leave_ns: int) -> Reply:
        """Ask for the place once; an error does not change when the page asks again."""
        reply = self._browser.queue(due_ns, min(leave_ns, self._rush.closed_ns))
        stream = reply.stream
        if stream is not None:
            pause_s = (stream.retry_ms or _RECONNECT_MS) / 1000
            self._pause_s = max(pause_s, _LEAST_PAUSE_S)
            self._errors = 0 if stream.is_stream else self._errors + 1
        elif reply.outcome == OK:
            self._errors, self._pause_s = 0, self._asked_s(reply.claim)
        else:
            self._errors += 1
        return reply

    def _asked_s(self, told: object) -> float:
        """Take the pause the target asks for; without one the page asks as for the countdown.

        A bot does not care what it is asked for.
        """
        if isinstance(self._retry, BotRetry):
            return self._retry.pause_ns() / NS_PER_S
        asked_s = told.again_in_s if isinstance(told, Waiting) else None
        if asked_s is None:
            return self._rush.plan.students.countdown_poll
        return max(asked_s, _LEAST_PAUSE_S)


def _decides(reply: Reply) -> bool:
    """Return whether it is the student's turn, or never will be."""
    if reply.outcome == OK:
        return isinstance(reply.claim, Admitted)
    return reply.outcome == REFUSED and reply.code != "not_in_queue"
