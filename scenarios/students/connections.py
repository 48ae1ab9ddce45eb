"""The connections of a browser: each request goes over one that nothing else goes over."""

import time
from typing import Final

from gevent.timeout import Timeout

from dress_rehearsal.records.tables import ABANDONED
from dress_rehearsal.scenarios.client.connection import Connection
from dress_rehearsal.scenarios.client.deadline import ExpiredError
from dress_rehearsal.scenarios.client.http import Answer, Place, Request
from dress_rehearsal.scenarios.errors import ClosedError, ExchangeError, NotAnsweredError
from dress_rehearsal.scenarios.recorder import FAILED, UNKNOWN
from dress_rehearsal.scenarios.rush import Rush
from dress_rehearsal.scenarios.students.call import Sent, outcome_of

_NEEDLESS: Final = (ClosedError, ExpiredError, Timeout)
"""What cuts a request whose answer nobody needs any more."""


class DefectError(BaseException):
    """Ends a method when something of ours is broken: the scenario is not to blame."""


class Connections:
    """Those of one browser, opened when they are first needed."""

    __slots__ = ("_closed", "_in_use", "_lines", "_rush", "_student")

    def __init__(self, rush: Rush, student: int) -> None:
        self._rush, self._student = rush, student
        self._lines: dict[int | tuple[int, str], Connection] = {}
        """By their number, and where they lead if not to the target."""
        self._in_use = 0
        """A bit for each number: a set would be twice what the rest of this is."""
        self._closed = False

    def close(self) -> None:
        """Close every one: now, or once the exchange has ended that goes over it.

        What a scenario's own greenlets still send beside goes on, and leaves nothing open.
        """
        self._closed = True
        for line in self._lines.values():
            if not line.is_busy:
                self._rush.connections -= line.is_open
                line.close()

    def exchange(
        self, request: Request, sent: Sent, first: int, leave_ns: int | None, due_ns: int = 0
    ) -> Answer:
        """Send a request and await its answer; `sent` takes in what it comes to.

        Without an answer the status of what is returned is 0.

        Args:
            first: the number of the first connection that it may go over, if that is free.
            leave_ns: when a stream of events is left.
            due_ns: when it is to be sent; 0: now.
        """
        rush, stream, there, number = self._rush, sent.stream, request.origin, first
        while self._in_use >> number & 1:
            number += 1
        sent.connection = number
        key = number if there is None else (number, there.url)
        line = self._lines.get(key) or self._open(key, there)
        trace = rush.traces.traceparent(self._student, sent.seq)
        was_open = line.is_open
        rush.in_flight += 1
        rush.recorder.begun.add(sent)
        self._in_use |= 1 << number
        try:
            if stream is None:
                answer = line.exchange(request, trace, sent, None, None, due_ns)
            else:
                answer = line.exchange(request, trace, sent, leave_ns, stream, due_ns)
            sent.outcome, sent.error = outcome_of(answer.status, stream)
        except ExchangeError as error:
            sent.outcome = UNKNOWN if isinstance(error, NotAnsweredError) else FAILED
            sent.error = error.word
            return Answer()
        except BaseException as cut:
            # Cut short from outside: it may have taken effect.
            sent.outcome = FAILED if sent.sent_ns is None else UNKNOWN
            defect = isinstance(cut, Exception) and not isinstance(cut, ClosedError)
            needless = isinstance(cut, _NEEDLESS)
            sent.error = ABANDONED if needless else "defect" if defect else "cut"
            if defect:
                raise DefectError from cut
            raise
        finally:
            self._in_use &= ~(1 << number)
            rush.in_flight -= 1
            if self._closed:
                line.close()
            rush.connections += line.is_open - was_open
            if sent.answer is None:
                sent.done_ns = time.time_ns()  # no whole answer: when it was given up
        return answer

    def _open(self, key: int | tuple[int, str], there: Place | None) -> Connection:
        """Return a new one that leads to the target, or to another place."""
        rush, timeout_s = self._rush, self._rush.plan.students.timeout
        if there is not None:
            line = Connection(there.address, timeout_s, secure=there.secure)
        else:
            line = Connection(rush.origin.address, timeout_s, rush.local, rush.origin.secure)
        self._lines[key] = line
        return line
