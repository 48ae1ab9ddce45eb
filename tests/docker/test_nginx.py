"""nginx before an app that fails: what may be asked again is, a purchase that was sent is not."""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import docker
import httpx
import pytest
from docker.models.containers import Container

CONFIG = Path(__file__).parents[2] / "compose" / "nginx" / "nginx.conf"
TAKES_AND_CLOSES = """
import socket
server = socket.create_server(("0.0.0.0", 8080))
print("ready", flush=True)
while True:
    connection, _ = server.accept()
    print(connection.recv(65536).split(b" ")[0].decode(), flush=True)
    connection.close()
"""
"""An app that reads each request, writes its method down, and closes without an answer."""
SAYS_WHO_ASKS = """
from http.server import BaseHTTPRequestHandler, HTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        body = str(self.headers).encode()
        self.send_response(503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
server = HTTPServer(("0.0.0.0", 8080), Handler)
print("ready", flush=True)
server.serve_forever()
"""
"""An app that answers 503 with the headers it got."""


class Front:
    """nginx in a container, and what stands behind it."""

    def __init__(self, images: dict[str, str], stack: ExitStack) -> None:
        self._images, self._stack = images, stack
        self._client = stack.enter_context(closing(docker.from_env()))
        self._name = f"rehearsal-nginx-{secrets.token_hex(3)}"
        self._network = self._client.networks.create(self._name)
        stack.callback(self._network.remove)

    def app(self, program: str) -> Container:
        """Have this program behind nginx as the app's one container; it listens when this ends."""
        container = self._run("PYTHON", "app", ["python3", "-uc", program])
        until(lambda: b"ready" in container.logs())
        return container

    def start(self) -> str:
        """Start nginx and return where it answers."""
        mounted = {str(CONFIG): {"bind": "/etc/nginx/nginx.conf", "mode": "ro"}}
        nginx = self._run("NGINX", "nginx", ["nginx", "-g", "daemon off;"], volumes=mounted)
        nginx.reload()
        address = nginx.attrs["NetworkSettings"]["Networks"][self._name]["IPAddress"]
        url = f"http://{address}:8081/healthz"

        def answers() -> bool:
            try:
                return httpx.get(url, timeout=1).status_code == 200
            except httpx.TransportError:
                return False

        until(answers)
        return f"http://{address}:8080"

    def _run(self, image: str, alias: str, command: list[str], **more: object) -> Container:
        container = self._client.containers.create(
            self._images[f"REHEARSE_{image}_IMAGE"],
            command,
            name=f"{self._name}-{alias}",
            read_only=True,
            tmpfs={"/tmp": ""},
            user="10001:10001",
            **more,
        )
        self._stack.callback(container.remove, force=True)
        self._network.connect(container, aliases=[alias])
        container.start()
        return container


@pytest.fixture
def front(images: dict[str, str]) -> Iterator[Front]:
    with ExitStack() as stack:
        yield Front(images, stack)


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 15
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_purchase_that_was_sent_is_not_repeated(front: Front) -> None:
    app = front.app(TAKES_AND_CLOSES)
    url = front.start()
    assert httpx.post(f"{url}/events/festival/tickets", timeout=20).status_code == 502
    assert app.logs().decode().split() == ["ready", "POST"]
    assert httpx.get(f"{url}/events/festival", timeout=20).status_code == 502
    methods = app.logs().decode().split()[2:]
    assert len(methods) >= 2
    assert set(methods) == {"GET"}


def test_an_answer_of_the_apps_is_passed_on_and_its_client_named(front: Front) -> None:
    front.app(SAYS_WHO_ASKS)
    url = front.start()
    sent = {"X-Forwarded-For": "203.0.113.9", "traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
    answer = httpx.get(url, headers=sent, timeout=20)
    assert answer.status_code == 503  # it is the app's word, and no reason to ask another one
    got = dict(line.split(": ", 1) for line in answer.text.splitlines() if line)
    assert got["traceparent"] == sent["traceparent"]
    assert got["X-Request-Start"].startswith("t=")
    assert got["X-Forwarded-For"] not in ("", sent["X-Forwarded-For"])
    sent["X-Request-Start"] = "t=42"
    assert "X-Request-Start: t=42" in httpx.get(url, headers=sent, timeout=20).text
