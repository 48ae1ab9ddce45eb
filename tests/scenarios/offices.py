"""Ticket sales that answer over HTTP by the rules, the smallest there can be, for tests to vary."""

import json
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Received:
    """A request as the server got it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


Respond = Callable[[Received, socket.socket], bytes]


def answer(status: int, document: dict[str, Any] | bytes, **headers: str) -> bytes:
    """Write an HTTP/1.1 answer."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    lines = [f"HTTP/1.1 {status} x", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


class TicketOffice:
    """The smallest ticket sale that plays by the rules; a `Respond`."""

    def __init__(self, tickets: int, opens_at_ns: int = 0) -> None:
        self.tickets = tickets
        self.opens_at_ns = opens_at_ns
        self.holders: dict[str, tuple[str, str]] = {}
        self.refuse: list[bytes] = []
        """Answers to give to the next clicks instead of selling."""
        self.entered: set[str] = set()
        self.expired: list[str] = []
        """Payloads that were shown too long ago."""
        self.name = "ticket-{}"
        """How a ticket is called, by its number from 0 on."""
        self._payloads = 0
        self._lock = threading.RLock()

    def __call__(self, request: Received, connection: socket.socket) -> bytes:
        with self._lock:
            return self._answer(request)

    def _answer(self, request: Received) -> bytes:
        if request.path == "/login":
            credentials = json.loads(request.body)
            return answer(200, {"token": credentials["student"], "expires_in": 60})
        if request.path.endswith("/tickets"):
            return self._sell(request)
        if request.path.startswith("/tickets/"):
            if request.path.endswith("/qr"):
                return self._show(request)
            return answer(200, {"ticket": "t", "state": "issued"})
        if request.path == "/gate/scan":
            return self._scan(request)
        return answer(200, {"state": "waiting", "opens_at_ns": self.opens_at_ns})

    def _show(self, request: Received) -> bytes:
        if request.headers.get("accept") != "text/plain":
            return answer(200, b"<svg/>", Content_Type="image/svg+xml")
        self._payloads += 1
        ticket = request.path.split("/")[2]
        return answer(200, f"{ticket}.{self._payloads}".encode(), Content_Type="text/plain")

    def _scan(self, request: Received) -> bytes:
        if request.headers.get("authorization") != "Bearer of-the-entrance":
            return answer(401, {"code": "unauthenticated"})
        payload = json.loads(request.body)["payload"]
        ticket = payload.split(".")[0]
        if payload in self.expired:
            return answer(409, {"code": "qr_expired"})
        if ticket in self.entered:
            return answer(409, {"code": "already_entered"})
        self.entered.add(ticket)
        return answer(200, {"ticket": ticket, "admitted": True})

    def _sell(self, request: Received) -> bytes:
        if self.refuse:
            return self.refuse.pop(0)
        student = request.headers["authorization"].removeprefix("Bearer ")
        key = request.headers["idempotency-key"]
        if time.time_ns() < self.opens_at_ns:
            return answer(409, {"code": "too_early"})
        if student in self.holders:
            held_key, ticket = self.holders[student]
            if key != held_key:
                return answer(409, {"code": "already_holds_ticket"})
            return answer(202, {"ticket": ticket, "state": "pending"})
        if len(self.holders) >= self.tickets:
            return answer(409, {"code": "sold_out"})
        self.holders[student] = (key, self.name.format(len(self.holders)))
        return answer(202, {"ticket": self.holders[student][1], "state": "pending"})


class QueueOffice(TicketOffice):
    """A ticket sale with a waiting room, by polling or by event stream."""

    def __init__(self, tickets: int, lets_in_at_ns: int = 0) -> None:
        super().__init__(tickets)
        self.lets_in_at_ns = lets_in_at_ns
        self.sold_out = False
        self.queue: list[str] = []
        self.answers: list[bytes] = []
        """To give to the next questions for a place instead of the true answer."""
        self.cut = 0
        """How many of the next streams are cut once they have told the place."""

    def __call__(self, request: Received, connection: socket.socket) -> bytes:
        if request.path.endswith("/queue/stream"):
            return self._stream(request, connection)
        return super().__call__(request, connection)

    def _answer(self, request: Received) -> bytes:
        if not request.path.endswith("/queue"):
            return super()._answer(request)
        student = request.headers["authorization"].removeprefix("Bearer ")
        if request.method == "POST" and student not in self.queue:
            self.queue.append(student)
        if request.method == "GET" and self.answers:
            return self.answers.pop(0)
        if student not in self.queue:
            return answer(409, {"code": "not_in_queue"})
        position = self.queue.index(student)
        return answer(
            200,
            {
                "position": position + 1,
                "ahead": position,
                "poll_after_ms": 100,
                "admitted": self._open,
                "state": "sold_out" if self.sold_out else "waiting",
            },
        )

    @property
    def _open(self) -> bool:
        return time.time_ns() >= self.lets_in_at_ns

    def _stream(self, request: Received, connection: socket.socket) -> bytes:
        def send(text: str) -> None:
            connection.sendall(f"{len(text):x}\r\n{text}\r\n".encode())

        connection.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        send("retry: 100\n\n")
        send('id: p7\nevent: place\ndata: {"position": 8}\n\n')
        if self.cut:
            self.cut -= 1
            return b""
        while not (self._open or self.sold_out):
            time.sleep(0.01)
            send(":\n\n")
        word = "sold_out" if self.sold_out else "admitted"
        send(f"id: {word}\nevent: {word}\ndata: {{}}\n\n")
        return b"0\r\n\r\n"
