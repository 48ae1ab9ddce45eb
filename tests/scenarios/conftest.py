"""A real HTTP server whose every answer a test decides, and a rush that aims at it."""

import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gevent
import pandas as pd
import pytest
from gevent.monkey import get_original

from dress_rehearsal.plans import Plan, read_plan, seeded_roster, write_roster
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.environment_variables import child_environment
from dress_rehearsal.records.tables import NS_PER_S, STUDENT_OUTCOMES
from dress_rehearsal.scenarios.client.origin import Origin
from dress_rehearsal.scenarios.loading import load_buyer
from dress_rehearsal.scenarios.recorder import Recorder
from dress_rehearsal.scenarios.rush import Rush
from dress_rehearsal.scenarios.students.journeys import perform
from dress_rehearsal.scenarios.ticket_open import ENTRY_TOKEN
from dress_rehearsal.scenarios.timetable import draw_timetable
from tests.scenarios.led import STUDENTS, Generator
from tests.scenarios.offices import QueueOffice, Received, Respond, TicketOffice, answer
from tests.scenarios.prepared import Prepared
from tests.scenarios.quick import QUICK


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


@contextmanager
def serving(address: str) -> Iterator[Server]:
    """A server at an address of this machine's."""
    state = Server()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                state.serve(self.request)

    class Listener(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False
        request_queue_size = 512

    with Listener((address, 0), Handler) as listener:
        state.port = listener.server_address[1]
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield state
        listener.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepared]:
    """Run code in a process of its own that has Locust: `apart(CODE, "word").stdout`."""
    with Prepared(tmp_path_factory.mktemp("apart")) as prepared:
        yield prepared


@pytest.fixture
def server() -> Iterator[Server]:
    """A server on loopback."""
    with serving("127.0.0.1") as state:
        yield state


@pytest.fixture
def small_plan() -> Callable[..., Plan]:
    """A plan that is over in about a second; keyword `section__key` overrides it."""

    def make(**overrides: Any) -> Plan:
        values = dict(QUICK)
        values |= {key.replace("__", "."): value for key, value in overrides.items()}
        return read_plan(Path("smoke"), [f"{key}={value}" for key, value in values.items()])

    return make


@pytest.fixture
def make_rush(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Plan], Rush]:
    """Return a rush at the server, recording into a run directory under `tmp_path`."""
    monkeypatch.setenv(ENTRY_TOKEN, "of-the-entrance")

    def make(plan: Plan) -> Rush:
        off_roster = plan.outsiders
        people = seeded_roster(plan.event.students - off_roster, off_roster, plan.seed)
        run = RunDirectory.create(tmp_path / "runs", plan)
        origin = Origin(f"127.0.0.1:{server.port}", ("127.0.0.1", server.port))
        recorder, timetable = Recorder(run, "test"), draw_timetable(plan, people)
        return Rush(run.id, plan, people, timetable, origin, recorder, load_buyer(plan))

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
    """Play every student of a rush to the end; return outcomes and requests, as they were sent."""

    def to_the_end(rush: Rush, t0_ns: int | None = None) -> tuple[list[str], pd.DataFrame]:
        rush.open_at(t0_ns or time.time_ns() + round(rush.plan.schedule.lead * NS_PER_S))
        students = [gevent.spawn(perform, rush, n) for n in range(rush.plan.event.students)]
        gevent.get_hub().loop.update_now()  # it stood still while other tests ran
        gevent.joinall(students, raise_error=True, timeout=20)
        rush.recorder.flush()
        outcomes = [STUDENT_OUTCOMES[code] for code in rush.census.outcome]
        requests = rush.recorder._run.request_table().to_pandas()
        return outcomes, requests.sort_values(["student", "seq"], ignore_index=True)

    return to_the_end


@pytest.fixture
def run(tmp_path: Path, small_plan: Callable[..., Plan]) -> RunDirectory:
    """An empty run directory."""
    return RunDirectory.create(tmp_path, small_plan())


@pytest.fixture
def kill_while_writing(
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[Callable[[], object]], None]:
    """Start a write and kill who waits for it, as everything is at the end of a run.

    On this disk the first table takes a while, whoever waits for it or does not.
    """
    write_table = RunDirectory.write_table
    sleep = get_original("time", "sleep")  # the thread's own, where Locust has replaced it
    takes_s = [0.1]

    def write_slowly(*arguments: Any) -> None:
        if takes_s:
            sleep(takes_s.pop())
        write_table(*arguments)

    def kill(write: Callable[[], object]) -> None:
        waiting = gevent.spawn(write)
        gevent.sleep(0.02)
        waiting.kill()

    monkeypatch.setattr(RunDirectory, "write_table", write_slowly)
    return kill


@pytest.fixture
def start(
    tmp_path: Path,
    small_plan: Callable[..., Plan],
    server: Server,
    ticket_office: type[TicketOffice],
) -> Iterator[Callable[..., tuple[RunDirectory, Generator]]]:
    """Start a generator on a plan, led as the conductor leads it; it is gone when the test ends."""
    server.respond = ticket_office(15)
    started: list[Generator] = []

    def begin(
        people: int = STUDENTS,
        variables: dict[str, str] | None = None,
        url: str | None = None,
        **overrides: Any,
    ) -> tuple[RunDirectory, Generator]:
        run = RunDirectory.create(
            tmp_path / "runs", small_plan(**{"event__students": STUDENTS} | overrides)
        )
        roster = tmp_path / "roster.csv"
        write_roster(roster, seeded_roster(people, 0, 1))
        process = Generator(
            "dress_rehearsal.scenarios",
            [str(run.path), str(roster), url or server.url],
            child_environment(variables),
            tmp_path / "generator.log",
        )
        started.append(process)
        return run, process

    yield begin
    for process in started:
        process.end()
