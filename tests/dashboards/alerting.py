"""A real Prometheus, a real Alertmanager, and the places at both ends: a target and a webhook."""

import json
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from typing import Any

from tests.dashboards.binaries import binary

CONFIGS = Path(__file__).parents[2] / "compose" / "observability" / "alertmanager"
"""The committed configurations of Alertmanager, `slack.yml` and `nobody.yml`."""

_READY_S = 20.0
_SECRET = "/run/secrets/slack_webhook"


def slack_config(folder: Path, hook: str) -> Path:
    """Put `slack.yml` and the secret it reads into a folder; gives the configuration's path."""
    secret = folder / "slack_webhook"
    secret.write_text(hook)
    text = (CONFIGS / "slack.yml").read_text("utf-8")
    assert text.count(_SECRET) == 1
    config = folder / "alertmanager.yml"
    config.write_text(text.replace(_SECRET, str(secret)), "utf-8")
    return config


@contextmanager
def slack() -> Iterator[tuple[str, "Queue[dict[str, Any]]"]]:
    """A receiver of webhooks; yields its URL and what is posted to it."""
    posted: Queue[dict[str, Any]] = Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            posted.put(json.loads(self.rfile.read(length)))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: object) -> None:
            return

    with _serving(Handler) as address:
        yield f"http://{address}/hook", posted


@contextmanager
def target(metrics: str) -> Iterator[str]:
    """Something to scrape that always says the same; yields its `host:port`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(metrics.encode())

        def log_message(self, *_: object) -> None:
            return

    with _serving(Handler) as address:
        yield address


@contextmanager
def alertmanager(folder: Path, config: Path) -> Iterator[str]:
    """The real one, alone; yields its `host:port`."""
    address = _free_address()
    command = [
        binary("prometheus-alertmanager"),
        f"--config.file={config}",
        f"--storage.path={folder / 'alertmanager'}",
        "--cluster.listen-address=",
        f"--web.listen-address={address}",
    ]
    with _running(command, address, folder / "alertmanager.log"):
        yield address


@contextmanager
def prometheus(folder: Path, config: Path) -> Iterator[str]:
    """The real one; yields its `host:port`."""
    address = _free_address()
    command = [
        binary("prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}",
    ]
    with _running(command, address, folder / "prometheus.log"):
        yield address


@contextmanager
def _serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def _running(command: list[str], address: str, log: Path) -> Iterator[None]:
    with log.open("w") as output, subprocess.Popen(command, stdout=output, stderr=output) as child:
        try:
            deadline = time.monotonic() + _READY_S
            while not _answers(f"http://{address}/-/ready"):
                assert child.poll() is None and time.monotonic() < deadline, log.read_text()
                time.sleep(0.05)
            yield
        finally:
            child.terminate()


def _free_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"127.0.0.1:{free.getsockname()[1]}"


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:
            return bool(answer.status == 200)
    except urllib.error.URLError:
        return False
