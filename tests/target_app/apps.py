"""Apps under test: what one is set to, how a student uses it, and one that is served here."""

import asyncio
import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import granian.server.common
import httpx
from granian.constants import Interfaces
from granian.server.embed import Server

from dress_rehearsal.target_app.app import create_app
from dress_rehearsal.target_app.middleware import RequestMiddleware
from dress_rehearsal.target_app.prepare import prepare
from dress_rehearsal.target_app.roster import Student
from dress_rehearsal.target_app.settings import Settings
from tests.target_app.servers import Postgres, RedisServer
from tests.target_app.waiting import can_connect, eventually

# Its `logging.config.dictConfig` would close every handler of this process, pytest's included.
granian.server.common.configure_logging = lambda *_: None

ADMIN_TOKEN = "admin-token-of-the-tests"


@dataclass
class Stage:
    """Settings for an app on the session's stores, under an event of its own."""

    postgres: Postgres
    redis: RedisServer
    root: Path
    roster: list[Student]
    environment: dict[str, str] = field(default_factory=dict)
    _read: tuple[dict[str, str], Settings] | None = None

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
        """The settings of the environment as it is now; read once as long as it stays so."""
        if self._read is None or self._read[0] != self.environment:
            self._read = (dict(self.environment), Settings.read(self.environment))
        return self._read[1]

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
        self._newcomers = itertools.count()

    def login(self, index: int) -> dict[str, str]:
        """The headers of a student logged in; negative indexes are outsiders."""
        student = self.stage.roster[index]
        answer = self.http.post("/login", json={"student": student.student, "pin": student.pin})
        assert answer.status_code == 200, answer.text
        return {"Authorization": f"Bearer {answer.json()['token']}"}

    def newcomer(self) -> dict[str, str]:
        """The headers of a student whom no test on this app has used before."""
        return self.login(next(self._newcomers))

    def buy(self, bearer: dict[str, str], key: str = "key") -> httpx.Response:
        return self.http.post(f"{self.path}/tickets", headers={**bearer, "Idempotency-Key": key})

    def reschedule(self, opens_at_ns: int, token: str = ADMIN_TOKEN) -> httpx.Response:
        return self.http.put(
            f"/admin{self.path}",
            json={"opens_at_ns": opens_at_ns},
            headers={"Authorization": f"Bearer {token}"},
        )

    def switch(self, fault: str, grade: float) -> None:
        """Switch a fault on or (0) off, as the stage does."""
        answer = self.http.put(
            f"/admin/faults/{fault}",
            json={"grade": grade},
            headers={"Authorization": f"Bearer {ADMIN_TOKEN}"},
        )
        assert answer.json() == {"fault": fault, "grade": grade}, answer.text

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
        self.asgi: RequestMiddleware = create_app(stage.settings)
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
        return self.asgi.services.event_status._periodic._task.get_loop()

    def call(self, coroutine: Any) -> Any:
        """Run a coroutine on the app's loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(20)

    def close(self) -> None:
        self.http.close()
        self._server.stop()
        self._thread.join(15)
        assert not self._thread.is_alive()
