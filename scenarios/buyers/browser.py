"""A buyer's browser: what a student can do at somebody's own app, by the methods of their scenario.

It stands where `scenarios.browser.Browser` stands for the bundled ticket open: the same devices,
journeys and retries play both. What a request is recorded as is what its method returns.
"""

import time
from collections.abc import Iterator
from itertools import count
from typing import Any, Final

from gevent import getcurrent
from gevent.timeout import Timeout

from dress_rehearsal.plans.visible import visible_line
from dress_rehearsal.records.steps import OTHER
from dress_rehearsal.records.tables import ABANDONED, NS_PER_S, OWN_WORDS
from dress_rehearsal.scenarios.answers.body import LONGEST_TICKET, LONGEST_WORD, NOTHING, Body
from dress_rehearsal.scenarios.browser import UNAUTHENTICATED, Reply
from dress_rehearsal.scenarios.buyer import Buyer, Granted, Pending, Refused
from dress_rehearsal.scenarios.buyers.call import Call, Sent, outcome_of
from dress_rehearsal.scenarios.client.connection import Connection, Exchange
from dress_rehearsal.scenarios.client.http import Answer, Request
from dress_rehearsal.scenarios.client.session import Client
from dress_rehearsal.scenarios.errors import ClosedError, ExchangeError, NotAnsweredError
from dress_rehearsal.scenarios.recorder import FAILED, OK, REFUSED, UNKNOWN
from dress_rehearsal.scenarios.rush import Rush

_SERVER_ERROR: Final = 500
_MOST_CONNECTIONS: Final = 100
_CLAIMING: Final = ("buy", "follow_up")
"""Methods that have to say what the student was told."""
_HINTS: Final = frozenset({"too_early", UNAUTHENTICATED})
"""Reasons that say what to do before clicking again."""
_NO_TICKETS: Final = ("", "None")
"""What becomes of a ticket that is not there: all students would hold the same one."""
_PENDING, _ISSUED = "pending", "issued"
_NO_CLAIM: Final = "no_claim"
_UNREADABLE: Final = (ValueError, LookupError, TypeError, AttributeError)
"""What looking into an answer raises that never came, or is an error's page."""


class _RushIsOverError(BaseException):
    """Ends a method when the rush has closed, also one that goes on whatever is raised in it."""


class BuyerBrowser:
    """One device's browser, with a buyer of its own; request numbers are the student's.

    Args:
        device: recorded as the number of the browser's first connection.
        numbers: the student's request numbers, shared by all of the student's browsers.
    """

    def __init__(
        self, rush: Rush, student: int, device: int = 0, numbers: Iterator[int] | None = None
    ) -> None:
        self.student = student
        self.logged_in = False
        self._rush = rush
        self._device = device
        self._numbers = count() if numbers is None else numbers
        self._buyer: Buyer | None = None
        self._lines: dict[tuple[int, str], Connection] = {}
        """Connections, by their number and where they lead if not to the target."""
        self._in_use: set[int] = set()
        self._calls: dict[Any, Call] = {}
        """Methods under way, by the greenlet that each runs in."""

    def on_device(self, device: int) -> "BuyerBrowser":
        """Return a browser on another of the student's devices, with a session of its own."""
        return BuyerBrowser(self._rush, self.student, device, self._numbers)

    def page(self, intended_ns: int) -> Reply:
        """Look at the page where tickets will be sold."""
        return self._do("arrive", intended_ns)

    def countdown(self, intended_ns: int, give_up_ns: int) -> Reply:
        """Wait as a page does; cut at `give_up_ns`, when the student acts."""
        if not self._has("wait"):
            return Reply(OK, None, intended_ns, NOTHING)
        return self._do("wait", intended_ns, give_up_ns=give_up_ns)

    def login(self, intended_ns: int) -> Reply:
        """Log in; where the scenario says nothing about it, everybody is."""
        reply = self._do("log_in", intended_ns)
        self.logged_in = self.logged_in or reply.outcome == OK
        return reply

    def click(self, copy: int) -> int:
        """Return a click: a buyer has none to prepare."""
        return copy

    def buy(self, click: int, intended_ns: int, connection: int = 0) -> Reply:  # noqa: ARG002
        """Buy, and stay until a ticket that is pending is issued or refused."""
        reply = self._do("buy", intended_ns, connection=connection)
        if reply.body.state == _PENDING and not self._has("follow_up"):
            self._rush.troubles.returned("buy", "returned Pending, but there is no follow_up()")
            return Reply(UNKNOWN, _NO_CLAIM, reply.at_ns, NOTHING)
        pause_ns = round(self._rush.plan.students.ticket_poll * NS_PER_S)
        ticket = reply.body.ticket if reply.body.state == _PENDING else None
        while ticket is not None:
            pending = Pending(ticket)
            reply = self._do("follow_up", reply.at_ns + pause_ns, pending, connection=connection)
            if reply.body.state == _ISSUED or reply.outcome == REFUSED:
                return reply
            ticket = reply.body.ticket or ticket
        return reply

    def is_final(self, reply: Reply) -> bool:
        """Return whether an answer settles the matter: every refusal whose reason is no hint."""
        return reply.outcome == REFUSED and reply.code not in _HINTS

    def enter(self, ticket: str, intended_ns: int) -> None:
        """Go to the entrance with a ticket."""
        self._do("enter", intended_ns, Granted(ticket))

    def close(self) -> None:
        """Close every connection."""
        for line in self._lines.values():
            self._rush.connections -= line.is_open
            line.close()

    def _has(self, method: str) -> bool:
        """Return whether the scenario says anything about a moment."""
        return getattr(self._rush.buyer, method) is not getattr(Buyer, method)

    def _do(
        self,
        method: str,
        intended_ns: int,
        *arguments: Any,
        connection: int = 0,
        give_up_ns: int | None = None,
    ) -> Reply:
        """Call a method when it is due, and record what came of its requests.

        Raises:
            ClosedError: it would be due after the rush has closed, or goes on when it has.
        """
        if not self._has(method):
            return Reply(OK, None, intended_ns, NOTHING)
        self._rush.sleep_until(intended_ns)
        call = Call(Buyer.roles[method], intended_ns, connection)
        caller = getcurrent()
        self._calls[caller] = call
        try:
            said, raised = self._said(method, arguments, give_up_ns)
        except BaseException as cut:  # the generator ends, or the student acts no more here
            self._record(call, is_last=True)
            if isinstance(cut, _RushIsOverError):
                raise ClosedError from cut
            raise
        finally:
            del self._calls[caller]
        at_ns = call.over_ns()
        outcome, word, body = self._meant(method, call, said, raised)
        self._record(call, outcome, word, is_last=True)
        return Reply(outcome, word, at_ns, body)

    def _said(
        self, method: str, arguments: tuple[Any, ...], give_up_ns: int | None
    ) -> tuple[Any, BaseException | None]:
        """Return what a method returned, and what it raised."""
        left_s = None if give_up_ns is None else max(give_up_ns - time.time_ns(), 0) / NS_PER_S
        enough = Timeout(left_s)
        enough.start()
        try:
            if self._buyer is None:
                rush = self._rush
                client = Client(rush.origin, self._perform)
                self._buyer = rush.buyer(rush.people[self.student], client)
            return getattr(self._buyer, method)(*arguments), None
        except ClosedError:
            raise
        except Timeout as error:
            return None, None if error is enough else error
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the user's own code
            return None, error
        finally:
            enough.close()

    def _meant(
        self, method: str, call: Call, said: Any, raised: BaseException | None
    ) -> tuple[int, str | None, Body]:
        """Return what a method's end means for its last request: outcome, word, and ticket."""
        last, troubles = call.last, self._rush.troubles
        status = 0 if last is None else last.status
        unanswered = last is not None and not status
        outcome, word = (OK, None) if last is None else (last.outcome, last.word)
        if raised is not None:
            if isinstance(raised, _UNREADABLE) and (unanswered or status >= _SERVER_ERROR):
                return outcome, word, NOTHING
            troubles.raised(method, raised)
            if unanswered:
                return outcome, word, NOTHING
            return FAILED, type(raised).__name__[:LONGEST_WORD], NOTHING
        if unanswered:
            if said is not None and method in _CLAIMING:
                troubles.returned(method, f"returned {type(said).__name__} though no answer came")
            return outcome, word, NOTHING
        if isinstance(said, Refused):
            return REFUSED, _reason(said), NOTHING
        if method not in _CLAIMING:
            return outcome, word, NOTHING
        return self._claimed(method, status, said, is_sent=last is not None)

    def _claimed(
        self, method: str, status: int, said: Any, *, is_sent: bool
    ) -> tuple[int, str | None, Body]:
        """Return what came of buying or asking for the ticket, where the last answer has come."""
        troubles = self._rush.troubles
        if isinstance(said, Granted | Pending):
            ticket, kind = said.ticket, type(said).__name__
            if ticket in _NO_TICKETS or len(ticket) > LONGEST_TICKET:
                troubles.returned(method, f"returned {kind} without a ticket")
                return FAILED, "no_ticket", NOTHING
            state = _ISSUED if isinstance(said, Granted) else _PENDING
            return OK, None, Body(ticket=ticket, state=state)
        if said is not None:
            troubles.returned(
                method, f"returned {type(said).__name__} instead of Granted, Pending or Refused"
            )
            return FAILED, _NO_CLAIM, NOTHING
        if not is_sent:
            troubles.returned(method, "sent nothing and returned nothing")
            return FAILED, _NO_CLAIM, NOTHING
        if status < _SERVER_ERROR:
            troubles.returned(method, f"returned nothing for {status}")
        return FAILED, outcome_of(status)[1] or _NO_CLAIM, NOTHING

    def _perform(self, request: Request, name: str) -> Answer:
        """Send one request of the method under way; without an answer its status is 0."""
        call = self._calls.get(getcurrent())
        is_asides = call is None  # of a greenlet that the scenario has started itself
        if call is None:
            call = Call(OTHER, time.time_ns(), 0)
        self._record(call)
        rush = self._rush
        now_ns = time.time_ns()
        if now_ns >= rush.closed_ns:
            raise _RushIsOverError
        due_ns = call.due_ns(now_ns)
        number = next(n for n in count(call.connection) if n not in self._in_use)
        sent = Sent(name, due_ns, Exchange(), next(self._numbers), number)
        try:
            return self._exchanged(request, sent)
        finally:
            call.ended(sent)
            if sent.exchange.sent_ns is not None:
                rush.late_ns.append(sent.exchange.sent_ns - due_ns)
            if is_asides:
                self._record(call)

    def _exchanged(self, request: Request, sent: Sent) -> Answer:
        """Send a request and await its answer; `sent` takes in what it comes to."""
        rush, exchange, number = self._rush, sent.exchange, sent.connection
        line = self._line(request, number)
        trace = rush.traces.traceparent(self.student, sent.seq)
        was_open = line.is_open
        rush.in_flight += 1
        rush.recorder.begun.append(exchange)
        self._in_use.add(number)
        try:
            answer = line.exchange(request, trace, exchange)
            sent.outcome, sent.word = outcome_of(answer.status)
        except ExchangeError as error:
            sent.outcome = UNKNOWN if isinstance(error, NotAnsweredError) else FAILED
            sent.word = error.word
            return Answer()
        except BaseException as cut:
            # Cut short from outside: it may have taken effect.
            sent.outcome = FAILED if exchange.sent_ns is None else UNKNOWN
            defect = isinstance(cut, Exception) and not isinstance(cut, ClosedError)
            needless = isinstance(cut, ClosedError | Timeout)
            sent.word = ABANDONED if needless else "defect" if defect else "cut"
            raise
        finally:
            self._in_use.discard(number)
            rush.in_flight -= 1
            rush.connections += line.is_open - was_open
            if exchange.answer is None:
                exchange.done_ns = time.time_ns()  # no whole answer: when it was given up
        return answer

    def _record(
        self,
        call: Call,
        outcome: int | None = None,
        word: str | None = None,
        *,
        is_last: bool = False,
    ) -> None:
        """Record a call's request that ended last, if it has not been yet.

        Args:
            outcome: what its method says of it, and `word`; without it counts what it came to.
            is_last: whether the method is over: its last request is what it is for.
        """
        sent, call.last = call.last, None
        if sent is None:
            return
        if outcome is not None:
            sent.outcome, sent.word = outcome, word
        rush, exchange, steps = self._rush, sent.exchange, self._rush.recorder.steps
        step = steps.code(sent.name, OTHER)
        if is_last:
            steps.give(step, call.role)
        exchange.error = sent.word
        rush.recorder.record(
            intended_ns=sent.intended_ns,
            exchange=exchange,
            student=self.student,
            seq=sent.seq,
            device=min(self._device + sent.connection, _MOST_CONNECTIONS),
            journey=int(rush.timetable.journey[self.student]),
            step=step,
            outcome=sent.outcome,
        )
        exchange.answer = None  # whoever counts exchanges later needs no answers
        if sent.word != ABANDONED and exchange.done_ns is not None:
            felt_ms = (exchange.done_ns - sent.intended_ns) / 1e6
            rush.felt_ms.append(felt_ms)
            if sent.outcome in (OK, REFUSED):
                rush.good_ms.append(felt_ms)

    def _line(self, request: Request, number: int) -> Connection:
        """Return one of the connections that lead where a request goes."""
        rush, there = self._rush, request.origin
        key = (number, "" if there is None else there.url)
        if key not in self._lines:
            timeout_s = rush.plan.students.timeout
            if there is None:
                here = rush.origin
                line = Connection(here.address, timeout_s, rush.local, here.secure)
            else:
                line = Connection(there.address, timeout_s, secure=there.secure)
            self._lines[key] = line
        return self._lines[key]


def _reason(refused: Refused) -> str:
    """Return the word that a refusal is recorded with: none of those that are ours."""
    word = visible_line(str(refused.reason))[:LONGEST_WORD] or "no_reason"
    return f"refused: {word}"[:LONGEST_WORD] if word in OWN_WORDS else word
