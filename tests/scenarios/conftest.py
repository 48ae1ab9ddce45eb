"""A real HTTP server whose every answer a test decides, and a rush that aims at it."""

import json
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from plans import Plan, read_plan, seeded_roster
from records import RunDirectory
from scenarios.recorder import Recorder
from scenarios.rush import Rush
from scenarios.timetable import draw_timetable
from scenarios.wire import Origin


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


@dataclass
class Server:
    """A server in threads of its own; `respond` may send by itself and give b"" to hang up."""

    respond: Respond = lambda _request, _socket: answer(200, {"state": "open"})
    received: list[Received] = field(default_factory=list)
    port: int = 0
    idle_close_s: float | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def serve(self, connection: socket.socket) -> None:
        connection.settimeout(self.idle_close_s)
        file = connection.makefile("rb")
        while line := file.readline():
            method, path, _ = line.decode().split()
            headers = {}
            while (header := file.readline().decode().strip()) != "":
                name, _, value = header.partition(":")
                headers[name.lower()] = value.strip()
            body = file.read(int(headers.get("content-length", "0")))
            request = Received(method, path, headers, body)
            self.received.append(request)
            reply = self.respond(request, connection)
            if not reply:
                return
            connection.sendall(reply)


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                state.serve(self.request)

    class Listener(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False
        request_queue_size = 512

    with Listener(("127.0.0.1", 0), Handler) as listener:
        state.port = listener.server_address[1]
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield state
        listener.shutdown()
        thread.join()


class TicketOffice:
    """The smallest ticket sale that plays by the rules; a `Respond`."""

    def __init__(self, tickets: int, opens_at_ns: int = 0) -> None:
        self.tickets = tickets
        self.opens_at_ns = opens_at_ns
        self.holders: dict[str, tuple[str, str]] = {}
        self.refuse: list[bytes] = []
        """Answers to give to the next clicks instead of selling."""
        self._lock = threading.Lock()

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
                return answer(200, b"<svg/>", Content_Type="image/svg+xml")
            return answer(200, {"ticket": "t", "state": "issued"})
        return answer(200, {"state": "waiting", "opens_at_ns": self.opens_at_ns})

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
        self.holders[student] = (key, f"ticket-{len(self.holders)}")
        return answer(202, {"ticket": self.holders[student][1], "state": "pending"})


@pytest.fixture
def small_plan() -> Callable[..., Plan]:
    """A plan that is over in about a second; keyword `section__key` overrides it."""

    def make(**overrides: Any) -> Plan:
        values = {
            "event.students": 1,
            "event.tickets": 1,
            "schedule.lead": "300ms",
            "schedule.sale": "2s",
            "schedule.drain": "2s",
            "students.late": "0%",
            "students.outsiders": "0%",
            "students.double_clickers": "0%",
            "students.login_before": "100%",
            "students.click_offset": "50ms",
            "students.click_spread": "0s",
            "students.ticket_poll": "20ms",
            "students.qr_delay": "20ms",
            "students.retry_delay": "20ms",
            "students.early_retry": "30ms",
            "students.late_mean": "50ms",
            "students.retry": "100%",
            "students.typing": "20ms",
        }
        values |= {key.replace("__", "."): value for key, value in overrides.items()}
        return read_plan(Path("smoke"), [f"{key}={value}" for key, value in values.items()])

    return make


@pytest.fixture
def make_rush(tmp_path: Path, server: Server) -> Callable[[Plan], Rush]:
    """Give a rush at the server, recording into a run directory under `tmp_path`."""

    def make(plan: Plan) -> Rush:
        off_roster = plan.outsiders
        people = seeded_roster(plan.event.students - off_roster, off_roster, plan.seed)
        run = RunDirectory.create(tmp_path / "runs", plan)
        origin = Origin(f"127.0.0.1:{server.port}", ("127.0.0.1", server.port))
        recorder = Recorder(run, "test")
        return Rush(run.id, plan, people, draw_timetable(plan, people), origin, recorder)

    return make


@pytest.fixture
def respond() -> Callable[..., bytes]:
    """Write HTTP answers."""
    return answer


@pytest.fixture
def ticket_office() -> type[TicketOffice]:
    """The smallest ticket sale that plays by the rules."""
    return TicketOffice
