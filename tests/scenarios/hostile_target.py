"""A target that answers one student as no target should, and everybody else by the rules.

Each mode is one way of answering badly: what is asked, what comes back, and what may be recorded of
it. The answers go over a real socket, as raw bytes.
"""

import itertools
import json
import socket
import time
from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from tests.scenarios.offices import Received, Respond, answer

LOGIN, BUY, TICKET = "POST /login", "POST /events/{event}/tickets", "GET /tickets/{ticket}"
PAGE, COUNTDOWN, QR = (
    "GET /events/{event}",
    "GET /events/{event}/countdown",
    "GET /tickets/{ticket}/qr",
)
JOIN, QUEUE = "POST /events/{event}/queue", "GET /events/{event}/queue"
STREAM, SCAN = "GET /events/{event}/queue/stream", "POST /gate/scan"
_ENDS: Final = {
    ("POST", "login"): LOGIN,
    ("POST", "tickets"): BUY,
    ("GET", "countdown"): COUNTDOWN,
    ("GET", "qr"): QR,
    ("POST", "queue"): JOIN,
    ("GET", "queue"): QUEUE,
    ("GET", "stream"): STREAM,
    ("POST", "scan"): SCAN,
}
_STUDENT_DIGITS: Final = slice(19, 27)
"""Where a `traceparent` has the student's number, from 1 on."""

ENDED: Final = frozenset({"ticket", "failed", "unknown", "refused", "gave_up", "sold_out"})
"""Where a story can end that is not left hanging."""


def step_of(request: Received) -> str:
    """Return the step that a request is of."""
    found = _ENDS.get((request.method, request.path.rsplit("/", 1)[1]))
    return found or (TICKET if request.path.startswith("/tickets/") else PAGE)


def student_of(request: Received) -> int:
    """Return the student that a request is of."""
    return int(request.headers["traceparent"][_STUDENT_DIGITS], 16) - 1


@dataclass(frozen=True)
class Mode:
    """One way of answering badly.

    Attributes:
        give: the answer's bytes, or a generator of them for what comes bit by bit, or never ends.
        words: what may be recorded of it: words in `error`, None for none.
        ends: how the student's story may end.
        lost: names of values that are to be counted as not kept.
        times: how often the answer is given; then the student is served by the rules too.
        plan: what the plan needs so that students ask for this.
    """

    step: str
    give: bytes | Callable[[], Iterable[bytes]]
    words: frozenset[str | None]
    ends: frozenset[str] = ENDED
    lost: frozenset[str] = frozenset()
    times: int = 1000
    plan: tuple[tuple[str, Any], ...] = ()


class HostileTarget:
    """Answers requests of one step as a mode says, of the first student or of some; a `Respond`."""

    def __init__(self, office: Respond, mode: Mode, students: Container[int] = (0,)) -> None:
        self.office, self.mode, self.students = office, mode, students
        self.given = 0

    def __call__(self, request: Received, connection: socket.socket) -> bytes:
        """Answer a request."""
        if (
            step_of(request) != self.mode.step
            or student_of(request) not in self.students
            or self.given >= self.mode.times
        ):
            return self.office(request, connection)
        self.given += 1
        if isinstance(self.mode.give, bytes):
            return self.mode.give
        with suppress(OSError):  # the client has had enough
            for part in self.mode.give():
                connection.sendall(part)
        return b""


def says(document: Any, status: int = 200, **headers: str) -> bytes:
    """Write an answer whose body is JSON, or bytes that claim to be."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return answer(status, body, **headers)


HEAD: Final = b"HTTP/1.1 200 OK\r\n"
EVENTS: Final = HEAD + b"Content-Type: text/event-stream\r\n\r\nretry: 100\n\n"
CHUNKED: Final = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
GOOD_LOGIN: Final = {"token": "0", "expires_in": 60}
MANY_DIGITS: Final = b"9" * 5000


def endless(begin: bytes, part: bytes) -> Callable[[], Iterator[bytes]]:
    """Give a beginning, and then a part again and again until the client hangs up."""
    return lambda: itertools.chain([begin], itertools.repeat(part * (16_384 // len(part) + 1)))


def dripping(content: bytes, pause_s: float = 0.02) -> Callable[[], Iterator[bytes]]:
    """Give a byte at a time, and the last one again and again."""

    def give() -> Iterator[bytes]:
        for at in itertools.count():
            yield content[min(at, len(content) - 1) :][:1]
            time.sleep(pause_s)

    return give
