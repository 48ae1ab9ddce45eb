"""The waiting room from a student's side: join the queue, then wait to be let in."""

from typing import Final

from dress_rehearsal.records.tables import NS_PER_MS
from dress_rehearsal.scenarios.browser import UNAUTHENTICATED, Browser, Reply
from dress_rehearsal.scenarios.client.http import Request
from dress_rehearsal.scenarios.client.sse import EventStream
from dress_rehearsal.scenarios.recorder import OK, REFUSED
from dress_rehearsal.scenarios.retry import Retry
from dress_rehearsal.scenarios.rush import Rush
from dress_rehearsal.scenarios.timetable import QUEUE_JUMPER

_LEAST_PAUSE_MS: Final = 100
_RECONNECT_MS: Final = 3000
"""What browsers wait before they take up a cut event stream again, unless the stream says."""


class WaitingRoom:
    """One device's way through the waiting room, by polling or by an event stream.

    Args:
        retry: decides whether and when to try joining again after an error.
    """

    def __init__(self, rush: Rush, browser: Browser, retry: Retry) -> None:
        self._rush = rush
        self._browser = browser
        self._retry = retry
        self._streams = rush.plan.app.waiting_room == "sse"
        self._claim = 1 if rush.timetable.journey[browser.student] == QUEUE_JUMPER else None
        self._pause_ms: float = 0
        self._errors = 0
        self._last_event_id: str | None = None

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
                pause_ms = max(self._pause_ms, _LEAST_PAUSE_MS)
                reply = self._join(reply.at_ns + round(pause_ms * NS_PER_MS))
        return reply

    def _join(self, intended_ns: int) -> Reply:
        """Join, trying again after errors, as the student does who sees one."""
        return self._retry.persist(
            lambda due_ns: self._browser.join(due_ns, self._claim),
            intended_ns,
            lambda reply: reply.outcome in (OK, REFUSED) or reply.code == UNAUTHENTICATED,
        )

    def _wait(self, joined: Reply, leave_ns: int) -> Reply | None:
        """Ask again and again, as the page does by itself; only many errors in a row end it."""
        question = self._browser.place()
        self._pause_ms = 0 if self._streams else self._poll_ms(joined)
        self._errors, self._last_event_id = 0, None
        reply = joined
        while self._errors < self._retry.attempts:
            due_ns = reply.at_ns + round(self._pause_ms * NS_PER_MS)
            if due_ns > leave_ns:
                return None
            reply = self._ask(question, due_ns, leave_ns)
            if reply.outcome == REFUSED or reply.code == UNAUTHENTICATED or _decides(reply):
                return reply
        return reply

    def _ask(self, question: Request, due_ns: int, leave_ns: int) -> Reply:
        """Ask for the place once; an error does not change when the page asks again."""
        if self._streams:
            return self._follow(due_ns, leave_ns)
        reply = self._browser.send(question, due_ns)
        if reply.outcome == OK:
            self._errors, self._pause_ms = 0, self._poll_ms(reply)
        else:
            self._errors += 1
        return reply

    def _follow(self, due_ns: int, leave_ns: int) -> Reply:
        """Hold the stream until it decides or is cut; the next one goes on where it ended."""
        stream = EventStream(last_event_id=self._last_event_id)
        reply = self._browser.follow(due_ns, stream, min(leave_ns, self._rush.closed_ns))
        self._last_event_id = stream.last_event_id
        self._pause_ms = max(stream.retry_ms or _RECONNECT_MS, _LEAST_PAUSE_MS)
        self._errors = 0 if stream.is_stream else self._errors + 1
        return reply

    def _poll_ms(self, reply: Reply) -> float:
        """Take the pause the target asks for; without one the page asks as for the countdown."""
        asked = reply.body.poll_after_ms
        if asked is not None:
            return max(asked, _LEAST_PAUSE_MS)
        return self._rush.plan.students.countdown_poll * 1000


def _decides(reply: Reply) -> bool:
    """Return whether it is the student's turn, or never will be."""
    if reply.outcome == OK:
        return reply.body.admitted is True
    return reply.outcome == REFUSED and reply.code != "not_in_queue"
