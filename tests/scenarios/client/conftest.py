"""An authority of our own, and servers that speak TLS with its certificates."""

import datetime
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trustme

from dress_rehearsal.plans.sections.target import Target
from dress_rehearsal.scenarios.client.connection import Connection
from dress_rehearsal.scenarios.client.exchange import Exchange
from dress_rehearsal.scenarios.client.http import Answer, Request
from dress_rehearsal.scenarios.client.origin import Origin
from dress_rehearsal.scenarios.client.session import Client
from dress_rehearsal.scenarios.errors import ExchangeError
from tests.scenarios.conftest import Server

LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass
class Authority:
    """A certificate authority, and its own certificate as a file."""

    ca: trustme.CA
    file: str

    def context(self, *names: str, expired: bool = False) -> ssl.SSLContext:
        """Return what a server of these names shows; by default of those of this machine."""
        then = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
        dates = {"not_before": then, "not_after": then + datetime.timedelta(1)} if expired else {}
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(*(names or LOOPBACK), **dates).configure_cert(context)
        return context


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    ca = trustme.CA()
    file = tmp_path_factory.mktemp("ca") / "ca.pem"
    ca.cert_pem.write_to_path(str(file))
    return Authority(ca, str(file))


Speak = Callable[[socket.socket], None]


@dataclass
class Listener:
    """A server whose every connection is handed to a function, in a thread of its own."""

    port: int
    taken: list[socket.socket] = field(default_factory=list)


@pytest.fixture
def listen() -> Iterator[Callable[[Speak], Listener]]:
    """Start a server; it ends with the test."""
    opened: list[tuple[socket.socket, threading.Thread]] = []

    def start(speak: Speak) -> Listener:
        listener = socket.create_server(("127.0.0.1", 0))
        made = Listener(listener.getsockname()[1])

        def serve(taken: socket.socket) -> None:
            with suppress(OSError), taken:
                speak(taken)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    taken, _ = listener.accept()
                    made.taken.append(taken)
                    threading.Thread(target=serve, args=(taken,), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        opened.append((listener, thread))
        return made

    yield start
    for listener, thread in opened:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


@pytest.fixture
def serve_tls(
    authority: Authority, listen: Callable[[Speak], Listener]
) -> Callable[..., tuple[Server, Listener]]:
    """Serve HTTP by TLS: `respond` of what is returned decides, as of the plain `server`."""

    def start(context: ssl.SSLContext | None = None) -> tuple[Server, Listener]:
        state, shown = Server(), context or authority.context()

        def speak(plain: socket.socket) -> None:
            with shown.wrap_socket(plain, server_side=True) as secret:
                state.serve(secret)
                with suppress(OSError):
                    secret.unwrap()

        listener = listen(speak)
        state.port = listener.port
        return state, listener

    return start


@pytest.fixture
def no_ca(tmp_path: Path) -> str:
    """A file that holds no certificate."""
    file = tmp_path / "none.pem"
    file.write_text("none")
    return str(file)


class Performer:
    """Sends what a client asks for, and keeps a row of it."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.rows: list[tuple[str, str | int]] = []
        self._connections: dict[str, Connection] = {}

    def __call__(self, request: Request, step: str) -> Answer:
        origin = request.origin or self.origin
        line = self._connections.get(origin.url)
        if line is None:
            line = Connection(origin.address, 2.0, secure=origin.secure)
            self._connections[origin.url] = line
        try:
            answer = line.exchange(request, b"00-0-0-01", Exchange())
        except ExchangeError as error:
            self.rows.append((step, error.word))
            return Answer()
        self.rows.append((step, answer.status))
        return answer

    def close(self) -> None:
        for line in self._connections.values():
            line.close()


@pytest.fixture
def client_of():
    made = []

    def make(url: str, **target: object) -> tuple[Client, Performer]:
        origin = Origin.of(url, Target(stage="external", url=url, **target), "run-1")
        made.append(Performer(origin))
        return Client(origin, made[-1]), made[-1]

    yield make
    for performer in made:
        performer.close()
