"""A visit: the things a student can do at the target, each one recorded request."""

import json
import time
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from records.tables import STEPS
from scenarios.connection import Connection, Exchange
from scenarios.errors import ExchangeError, NotAnswered
from scenarios.recorder import FAILED, OK, REFUSED, UNKNOWN
from scenarios.rush import Rush
from scenarios.wire import Request

PAGE: Final = STEPS.index("GET /events/{event}")
COUNTDOWN: Final = STEPS.index("GET /events/{event}/countdown")
LOGIN: Final = STEPS.index("POST /login")
BUY: Final = STEPS.index("POST /events/{event}/tickets")
TICKET: Final = STEPS.index("GET /tickets/{ticket}")
QR: Final = STEPS.index("GET /tickets/{ticket}/qr")

_READ_BY_STUDENTS: Final = frozenset({LOGIN, BUY, TICKET})
"""Steps whose answer decides what the student does next; the rest are only looked at."""
REFUSALS: Final = frozenset(
    {
        "too_early",
        "sold_out",
        "not_enrolled",
        "already_holds_ticket",
        "ticket_pending",
        "bad_credentials",
    }
)
"""Answers that say no for a reason the sale is meant to have; other 4xx are failures."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of one act, as the student sees it."""

    outcome: int
    code: str | None
    at_ns: int
    """When the answer had arrived, or when the attempt was given up."""
    body: dict[str, Any]


class Visit:
    """One student's browser: its connections, its session, its request numbers."""

    __slots__ = ("_device", "_journey", "_rush", "_seq", "_token", "student")

    def __init__(self, rush: Rush, student: int) -> None:
        self.student = student
        self._rush = rush
        self._journey = int(rush.timetable.journey[student])
        self._seq = 0
        self._token: str | None = None
        self._device: list[Connection] = []

    def device(self, number: int) -> Connection:
        """Give one of the student's connections; 0 is the first."""
        while len(self._device) <= number:
            address = self._rush.origin.address
            self._device.append(Connection(address, self._rush.plan.students.timeout))
        return self._device[number]

    def page(self, intended_ns: int) -> Reply:
        """Open the event's page."""
        return self._get(PAGE, f"/events/{self._event}", intended_ns)

    def countdown(self, intended_ns: int, give_up_ns: int) -> Reply:
        """Ask how long until the sale opens; not waited for beyond `give_up_ns`."""
        path = f"/events/{self._event}/countdown"
        return self._get(COUNTDOWN, path, intended_ns, give_up_ns)

    def login(self, intended_ns: int) -> Reply:
        """Log in with student number and PIN; keeps the session for what follows."""
        person = self._rush.people[self.student]
        body = json.dumps({"student": person.student, "pin": person.pin}).encode()
        request = self._rush.origin.request(LOGIN, "POST", "/login", body=body)
        reply = self.act(request, intended_ns)
        if reply.outcome == OK:
            self._token = str(reply.body.get("token", ""))
        return reply

    @property
    def logged_in(self) -> bool:
        """Whether a login has succeeded."""
        return self._token is not None

    def click(self, copy: int) -> Request:
        """Prepare the purchase ahead of time; each copy number is one idempotency key."""
        return self._rush.origin.request(
            BUY,
            "POST",
            f"/events/{self._event}/tickets",
            token=self._token,
            body=b"{}",
            idempotency_key=f"{self._rush.key}-{self.student:x}-{copy}",
        )

    def ticket(self, ticket: str, intended_ns: int) -> Reply:
        """Ask for a ticket's state."""
        return self._get(TICKET, f"/tickets/{quote(ticket, safe='')}", intended_ns)

    def qr(self, ticket: str, intended_ns: int) -> Reply:
        """Open a ticket's QR code."""
        return self._get(QR, f"/tickets/{quote(ticket, safe='')}/qr", intended_ns)

    def act(
        self, request: Request, intended_ns: int, device: int = 0, give_up_ns: int | None = None
    ) -> Reply:
        """Send a prepared request when it is due, and record what came of it.

        Args:
            device: which of the student's connections to use.
            give_up_ns: when to stop waiting, if that comes before the browser's time-out.

        Raises:
            Closed: it would be due after the rush has closed; nothing is sent.
        """
        rush = self._rush
        rush.sleep_until(intended_ns)
        seq, self._seq = self._seq, self._seq + 1
        trace = rush.traces.traceparent(self.student, seq)
        exchange = Exchange()
        connection = self.device(device)
        was_open = connection.is_open
        body: dict[str, Any] = {}
        code: str | None = None
        outcome = UNKNOWN
        rush.in_flight += 1
        try:
            answer = connection.exchange(request, trace, exchange, give_up_ns)
            outcome, code, body = _read(answer.status, answer.body, request.step)
        except ExchangeError as error:
            outcome = UNKNOWN if isinstance(error, NotAnswered) else FAILED
            code = error.word
        except BaseException:
            # Cut short from outside (the generator ends): it may have taken effect.
            outcome = FAILED if exchange.sent_ns is None else UNKNOWN
            code = "cut"
            raise
        finally:
            rush.in_flight -= 1
            rush.connections += connection.is_open - was_open
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
                device=device,
                journey=self._journey,
                step=request.step,
                outcome=outcome,
            )
        done_ns = exchange.done_ns or time.time_ns()
        if exchange.answer is not None:
            rush.felt_ms.append((done_ns - intended_ns) / 1e6)
        return Reply(outcome, code, done_ns, body)

    def leave(self) -> None:
        """Close every connection."""
        for connection in self._device:
            self._rush.connections -= connection.is_open
            connection.close()

    @property
    def _event(self) -> str:
        return self._rush.plan.event.id

    def _get(self, step: int, path: str, intended_ns: int, give_up_ns: int | None = None) -> Reply:
        request = self._rush.origin.request(step, "GET", path, token=self._token)
        return self.act(request, intended_ns, give_up_ns=give_up_ns)


def _read(status: int, body: bytes, step: int) -> tuple[int, str | None, dict[str, Any]]:
    """Classify an answer: outcome, error word, and the JSON object if it is one."""
    if 200 <= status < 300 and step not in _READ_BY_STUDENTS:
        return OK, None, {}
    try:
        document: Any = json.loads(body.decode()) if body[:1] == b"{" else {}
    except ValueError:
        document = {}
    if 200 <= status < 300:
        return (OK, None, document) if document else (FAILED, "not_json", {})
    code = document.get("code")
    word = code if isinstance(code, str) and len(code) <= 64 else f"http_{status}"
    return (REFUSED if word in REFUSALS else FAILED), word, document
