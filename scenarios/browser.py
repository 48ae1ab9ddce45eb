"""The browser: the things a student can do at the target, each one recorded request."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any, Final
from urllib.parse import quote

from dress_rehearsal.records.tables import ABANDONED, OWN_WORDS, STEPS
from dress_rehearsal.scenarios.answers.body import NOTHING, Body, read_body
from dress_rehearsal.scenarios.client.connection import Connection, Exchange
from dress_rehearsal.scenarios.client.http import Answer, Request
from dress_rehearsal.scenarios.client.sse import ADMITTED, SOLD_OUT, EventStream
from dress_rehearsal.scenarios.errors import ClosedError, ExchangeError, NotAnsweredError
from dress_rehearsal.scenarios.recorder import FAILED, OK, REFUSED, UNKNOWN
from dress_rehearsal.scenarios.rush import Rush

PAGE, COUNTDOWN, LOGIN, BUY, TICKET, QR, JOIN, QUEUE, STREAM, SCAN = range(len(STEPS))
"""Positions in `records.tables.STEPS`."""

_READ_BY_STUDENTS: Final = frozenset({LOGIN, BUY, TICKET, JOIN, QUEUE})
"""Steps whose answer decides what the student does next; the rest are only looked at."""
_QUEUE_STEPS: Final = frozenset({JOIN, QUEUE})
_REFUSALS: Final = frozenset(
    {
        "too_early",
        "sold_out",
        "not_enrolled",
        "already_holds_ticket",
        "ticket_pending",
        "bad_credentials",
        "not_in_queue",
        "not_admitted",
        "already_entered",
        "qr_expired",
    }
)
"""Answers that say no for a reason the sale is meant to have; other 4xx are failures."""
_HEEDED: Final = frozenset({"code", "token", "poll_after_ms"})
"""Fields that students act on and that are no claims, which are counted when they are read."""
UNAUTHENTICATED: Final = "unauthenticated"
"""The word of a target that knows no session of this token (any more)."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of one request, as the student sees it."""

    outcome: int
    code: str | None
    at_ns: int
    """When the answer had arrived, or when the attempt was given up."""
    body: Body
    """What its body says; nothing where there is none, or none that can be read."""
    content: bytes = b""
    """A QR code's body as it came, empty where it is larger than is kept."""


class Browser:
    """One device's browser: its connections and its token; request numbers are the student's.

    Args:
        device: recorded as the number of the browser's first connection.
        numbers: the student's request numbers, shared by all of the student's browsers.
    """

    __slots__ = ("_connections", "_device", "_journey", "_numbers", "_rush", "_token", "student")

    def __init__(
        self, rush: Rush, student: int, device: int = 0, numbers: Iterator[int] | None = None
    ) -> None:
        self.student = student
        self._rush = rush
        self._journey = int(rush.timetable.journey[student])
        self._device = device
        self._numbers = count() if numbers is None else numbers
        self._token: str | None = None
        self._connections: list[Connection] = []

    def on_device(self, device: int) -> "Browser":
        """Return a browser on another of the student's devices, with a session of its own."""
        return Browser(self._rush, self.student, device, self._numbers)

    def page(self, intended_ns: int) -> Reply:
        """Open the event's page."""
        return self.send(self._request(PAGE), intended_ns)

    def countdown(self, intended_ns: int, give_up_ns: int) -> Reply:
        """Ask how long until the sale opens; not waited for beyond `give_up_ns`."""
        return self.send(self._request(COUNTDOWN), intended_ns, give_up_ns=give_up_ns)

    def login(self, intended_ns: int) -> Reply:
        """Log in with student number and PIN; keeps the session for what follows."""
        person = self._rush.people[self.student]
        body = json.dumps({"student": person.student, "pin": person.pin}).encode()
        reply = self.send(self._request(LOGIN, token=None, body=body), intended_ns)
        if reply.outcome == OK:
            self._token = reply.body.token
        return reply

    @property
    def logged_in(self) -> bool:
        """Whether a login has succeeded."""
        return self._token is not None

    def join(self, intended_ns: int, position: int | None = None) -> Reply:
        """Join the queue; a `position` claims a place in it that the target must not believe."""
        body = b"{}" if position is None else json.dumps({"position": position}).encode()
        return self.send(self._request(JOIN, body=body), intended_ns)

    def place(self) -> Request:
        """Return the prepared question for the place in the queue, to be asked again and again."""
        return self._request(QUEUE)

    def follow(self, intended_ns: int, stream: EventStream, give_up_ns: int) -> Reply:
        """Hold the queue's event stream until it decides; one recorded request, however long."""
        request = self._request(
            STREAM, accept="text/event-stream", last_event_id=stream.last_event_id
        )
        return self.send(request, intended_ns, give_up_ns=give_up_ns, stream=stream)

    def click(self, copy: int) -> Request:
        """Return the prepared purchase; each copy number is one idempotency key."""
        key = f"{self._rush.key}-{self.student:x}-{self._device + copy}"
        return self._request(BUY, body=b"{}", idempotency_key=key)

    def ticket(self, ticket: str, intended_ns: int) -> Reply:
        """Ask for a ticket's state."""
        return self.send(self._request(TICKET, ticket), intended_ns)

    def qr(self, ticket: str, intended_ns: int) -> Reply:
        """Open a ticket's QR code."""
        return self.send(self._request(QR, ticket), intended_ns)

    def payload(self, ticket: str, intended_ns: int) -> Reply:
        """Get what a ticket's QR code says, as a camera at the entrance would read it off."""
        return self.send(self._request(QR, ticket, accept="text/plain"), intended_ns)

    def scan(self, payload: str, entrance: str, intended_ns: int, connection: int = 0) -> Reply:
        """Have the code scanned at an entrance, whose own token lets it ask."""
        body = json.dumps({"payload": payload, "gate": entrance}).encode()
        request = self._request(SCAN, token=self._rush.entry_token, body=body)
        return self.send(request, intended_ns, connection)

    def send(
        self,
        request: Request,
        intended_ns: int,
        connection: int = 0,
        give_up_ns: int | None = None,
        stream: EventStream | None = None,
    ) -> Reply:
        """Send a prepared request when it is due, and record what came of it.

        Args:
            connection: which of the browser's connections to use.
            give_up_ns: when to stop waiting, if that comes before the browser's time-out.
            stream: takes in an answer of server-sent events.

        Raises:
            ClosedError: it would be due after the rush has closed; nothing is sent.
        """
        rush = self._rush
        rush.sleep_until(intended_ns)
        seq = next(self._numbers)
        trace = rush.traces.traceparent(self.student, seq)
        exchange = Exchange()
        line = self._connection(connection)
        was_open = line.is_open
        body = NOTHING
        code: str | None = None
        content = b""
        outcome = UNKNOWN
        rush.in_flight += 1
        rush.recorder.begun.append(exchange)
        try:
            answer = line.exchange(request, trace, exchange, give_up_ns, stream)
            if request.step == QR and answer.whole_body:
                content = answer.body
            if stream is None:
                outcome, code, body = self._read(answer, request.step)
            else:
                outcome, code, body = self._read_stream(stream)
        except ExchangeError as error:
            outcome = UNKNOWN if isinstance(error, NotAnsweredError) else FAILED
            code = error.word
        except BaseException as cut:
            # Cut short from outside (the generator ends, or the student needs it no more): it
            # may have taken effect.
            outcome = FAILED if exchange.sent_ns is None else UNKNOWN
            defect = isinstance(cut, Exception) and not isinstance(cut, ClosedError)
            code = ABANDONED if isinstance(cut, ClosedError) else "defect" if defect else "cut"
            raise
        finally:
            rush.in_flight -= 1
            rush.connections += line.is_open - was_open
            if exchange.answer is None:
                exchange.done_ns = time.time_ns()  # no whole answer: when it was given up
            exchange.error = code
            if exchange.sent_ns is not None:
                rush.late_ns.append(exchange.sent_ns - intended_ns)
            rush.recorder.record(
                intended_ns=intended_ns,
                exchange=exchange,
                student=self.student,
                seq=seq,
                device=self._device + connection,
                journey=self._journey,
                step=request.step,
                outcome=outcome,
            )
            exchange.answer = None  # whoever counts exchanges later needs no answers
        done_ns = exchange.done_ns or time.time_ns()
        if stream is None and code != ABANDONED:
            felt_ms = (done_ns - intended_ns) / 1e6
            rush.felt_ms.append(felt_ms)
            if outcome in (OK, REFUSED):
                rush.good_ms.append(felt_ms)
        return Reply(outcome, code, done_ns, body, content)

    def _read(self, answer: Answer, step: int) -> tuple[int, str | None, Body]:
        """Classify an answer: outcome, error word, and what its body says."""
        succeeded = 200 <= answer.status < 300
        if succeeded and step not in _READ_BY_STUDENTS:
            return OK, None, NOTHING
        body, unkept = read_body(answer.body)
        for field in unkept:
            if field in _HEEDED:
                self._rush.recorder.lost[field] += 1
        if not succeeded:
            word = self._word(answer.status, body)
            return (REFUSED if word in _REFUSALS else FAILED), word, body or NOTHING
        if not answer.whole_body:
            return FAILED, "body_too_large", NOTHING
        if body is None:
            return FAILED, "not_json", NOTHING
        if step == LOGIN and body.token is None:
            return FAILED, "no_token", body
        if step == BUY and body.ticket is None:
            return FAILED, "no_ticket", body
        if step in _QUEUE_STEPS and body.state == SOLD_OUT:
            return REFUSED, SOLD_OUT, body
        return OK, None, body

    def _word(self, status: int, body: Body | None) -> str:
        """Return the word of an error: its code, or its status where it has none of its own."""
        code = None if body is None else body.code
        if code in OWN_WORDS:  # what is said of an answer, no answer says itself
            self._rush.recorder.lost["code"] += 1
            code = None
        return code or f"http_{status}"

    def _read_stream(self, stream: EventStream) -> tuple[int, str | None, Body]:
        """Classify a stream by the event that decided; without one it is open what comes next."""
        if stream.decision == ADMITTED:
            return OK, None, Body(admitted=True)
        if stream.decision == SOLD_OUT:
            return REFUSED, SOLD_OUT, Body(state=SOLD_OUT)
        if stream.is_stream:
            return UNKNOWN, "stream_ended", NOTHING
        if 200 <= stream.status < 300:
            return FAILED, "not_a_stream", NOTHING
        return self._read(stream, STREAM)

    def close(self) -> None:
        """Close every connection."""
        for connection in self._connections:
            self._rush.connections -= connection.is_open
            connection.close()

    def _connection(self, number: int) -> Connection:
        """Return one of the browser's connections; 0 is the first."""
        while len(self._connections) <= number:
            rush = self._rush
            self._connections.append(
                Connection(
                    rush.origin.address,
                    rush.plan.students.timeout,
                    rush.local,
                    rush.origin.secure,
                )
            )
        return self._connections[number]

    def _request(self, step: int, ticket: str = "", **options: Any) -> Request:
        """Return a prepared request; it carries the session's token unless `options` say another.

        Args:
            options: those of `Origin.request`.
        """
        method, _, route = STEPS[step].partition(" ")
        path = route.format(event=self._rush.plan.event.id, ticket=quote(ticket, safe=""))
        return self._rush.origin.request(step, method, path, **{"token": self._token} | options)
