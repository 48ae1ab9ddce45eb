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

import gevent
import pandas as pd
import pytest

from dress_rehearsal.plans import Plan, read_plan, seeded_roster
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.tables import STUDENT_OUTCOMES
from dress_rehearsal.scenarios.client.http import Origin
from dress_rehearsal.scenarios.journeys import perform
from dress_rehearsal.scenarios.recorder import Recorder
from dress_rehearsal.scenarios.rush import Rush
from dress_rehearsal.scenarios.timetable import draw_timetable


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
        self.entered: set[str] = set()
        self.expired: list[str] = []
        """Payloads that were shown too long ago."""
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
        if request.headers.get("authorization") != "Bearer of-the-gate":
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
        self.holders[student] = (key, f"ticket-{len(self.holders)}")
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
    """Return a rush at the server, recording into a run directory under `tmp_path`."""

    def make(plan: Plan) -> Rush:
        off_roster = plan.outsiders
        people = seeded_roster(plan.event.students - off_roster, off_roster, plan.seed)
        run = RunDirectory.create(tmp_path / "runs", plan)
        origin = Origin(f"127.0.0.1:{server.port}", ("127.0.0.1", server.port))
        recorder, timetable = Recorder(run, "test"), draw_timetable(plan, people)
        return Rush(run.id, plan, people, timetable, origin, recorder, "of-the-gate")

    return make


@pytest.fixture
def respond() -> Callable[..., bytes]:
    """Write HTTP answers."""
    return answer


@pytest.fixture
def ticket_office() -> type[TicketOffice]:
    """The smallest ticket sale that plays by the rules."""
    return TicketOffice


@pytest.fixture
def queue_office() -> type[QueueOffice]:
    """The smallest ticket sale with a waiting room."""
    return QueueOffice


@pytest.fixture
def play() -> Callable[..., tuple[list[str], pd.DataFrame]]:
    """Play every student of a rush to the end; gives outcomes and requests, as they were sent."""

    def to_the_end(rush: Rush, t0_ns: int | None = None) -> tuple[list[str], pd.DataFrame]:
        rush.open_at(t0_ns or time.time_ns() + 300_000_000)
        students = [gevent.spawn(perform, rush, n) for n in range(rush.plan.event.students)]
        gevent.get_hub().loop.update_now()  # it stood still while other tests ran
        gevent.joinall(students, raise_error=True, timeout=20)
        rush.recorder.flush()
        outcomes = [STUDENT_OUTCOMES[code] for code in rush.census.outcome]
        requests = rush.recorder._run.request_table().to_pandas()
        return outcomes, requests.sort_values(["student", "seq"], ignore_index=True)

    return to_the_end
