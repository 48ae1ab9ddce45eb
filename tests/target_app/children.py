"""Child processes of the tests: modules of the service, its neighbours, and a queue server."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis

from dress_rehearsal.compose.servers.binaries import tansu_binary
from tests.target_app.apps import App, Stage
from tests.target_app.waiting import can_connect, eventually, free_port

REPOSITORY = Path(__file__).resolve().parents[2]


class Child:
    """A process of the service, its JSON log lines gathered as they come."""

    def __init__(self, module: str, environment: Mapping[str, str]) -> None:
        self.lines: list[str] = []
        inherited = {
            name: value
            for name, value in os.environ.items()
            if name in ("PATH", "HOME", "XDG_RUNTIME_DIR") or name.startswith("COV")
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=REPOSITORY,
            env={**inherited, **environment},
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
        code = self.process.wait(120)
        self._reader.join(120)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


@contextmanager
def killed_after_grant(
    stage: Stage, spawn: Callable[..., Child], connect_app: Callable[[Stage], App]
) -> Iterator[redis.Redis]:
    """A worker died between granting a ticket and answering; yields the Redis that holds it.

    The student does not come back.
    """
    stage.environment["APP_REDIS_URL"] = stage.redis.url(3)  # switches are the whole Redis'
    stage.prepare()
    with stage.redis.client(3) as client:
        client.hset("faults", "kill_after_grant", "1.0")
        spawn("dress_rehearsal.target_app", stage)
        app = connect_app(stage)
        bearer = app.login(0)
        with pytest.raises(httpx.TransportError):
            while app.buy(bearer).status_code == 503:
                pass
        assert client.hlen(f"event:{stage.event}:holders") == 1
        assert stage.rows() == []
        yield client


class Neighbours:
    """The university's enrolment API and alert API, as a child process."""

    def __init__(self, roster_file: Path) -> None:
        port, token = free_port(), "neighbours-token-of-the-tests"
        environment = {
            "NEIGHBOURS_PORT": str(port),
            "NEIGHBOURS_TOKEN": token,
            "NEIGHBOURS_LATENCY": "0",
            "NEIGHBOURS_FAILURES": "0",
            "APP_ROSTER_FILE": str(roster_file),
        }
        self.child = Child("dress_rehearsal.target_app.neighbours", environment)
        self.url = f"http://127.0.0.1:{port}"
        self.bearer = {"Authorization": f"Bearer {token}"}
        self.http = httpx.Client(base_url=self.url, timeout=10, verify=False)
        self.settings = {
            "APP_ENROLMENT_URL": f"{self.url}/enrolment",
            "APP_ALERT_URL": f"{self.url}/alerts",
        }
        self._heard_before = 0
        eventually(lambda: can_connect(port))

    def begin_anew(self) -> None:
        """Be quick and faultless, and forget which alerts were heard until now."""
        self.behave()
        self._heard_before += len(self.alerts())

    def close(self) -> None:
        self.http.close()
        if self.child.process.poll() is None:
            self.child.process.kill()
            self.child.wait()

    def behave(self, latency_s: float = 0.0, failures: float = 0.0) -> httpx.Response:
        return self.http.put(
            "/behaviour",
            json={"latency_s": latency_s, "failures": failures},
            headers=self.bearer,
        )

    def alerts(self) -> list[dict[str, Any]]:
        return list(self.http.get("/alerts", headers=self.bearer).json())[self._heard_before :]


@contextmanager
def serving_kafka(port: int | None = None) -> Iterator[str]:
    """Serve Kafka from a child process, Tansu with its topics in memory; yields where it is."""
    at = f"127.0.0.1:{port or free_port()}"
    url = f"tcp://{at}"
    server = subprocess.Popen(
        [tansu_binary(), "broker", "--listener-url", url, "--advertised-listener-url", url],
        env=dict(os.environ),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        eventually(lambda: can_connect(int(at.rpartition(":")[2])), timeout_s=30)
        yield at
    finally:
        server.kill()
        server.wait()


@contextmanager
def serving_sqs(module: str) -> Iterator[str]:
    """Serve SQS from a child process: our `moto_server` or `moto.server`; yields its URL."""
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
