"""An HTTP server that misbehaves in a named way, for whoever asks over HTTP to survive."""

import contextlib
import itertools
import socket
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

_DRIP_S = 0.02
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_JUNK = b"x" * 65_536


def _dripped(data: Iterable[bytes], stop: threading.Event) -> Iterator[bytes]:
    for piece in data:
        yield piece
        if stop.wait(_DRIP_S):
            return


def _nothing(stop: threading.Event) -> Iterator[bytes]:
    stop.wait()
    yield from ()


MODES = {
    "silent": ("late", _nothing),
    "slow_head": (
        "late",
        lambda stop: _dripped(itertools.chain([_HEAD + b"X: "], itertools.repeat(b"x")), stop),
    ),
    "slow_body": (
        "late",
        lambda stop: _dripped(
            itertools.chain([_HEAD + b"Content-Length: 99999\r\n\r\n"], itertools.repeat(b" ")),
            stop,
        ),
    ),
    "slow_chunks": (
        "late",
        lambda stop: _dripped(
            itertools.chain(
                [_HEAD + b"Transfer-Encoding: chunked\r\n\r\n"], itertools.repeat(b"1\r\n \r\n")
            ),
            stop,
        ),
    ),
    "slow_continue": (
        "late",
        lambda stop: _dripped(itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n"), stop),
    ),
    "endless_continue": (
        "large",
        lambda _: itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n" * 99),
    ),
    "endless_hints": (
        "large",
        lambda _: itertools.repeat(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 99),
    ),
    "endless_status": (
        "large",
        lambda _: itertools.chain([b"HTTP/1.1 200 "], itertools.repeat(_JUNK)),
    ),
    "endless_headers": (
        "large",
        lambda _: itertools.chain([_HEAD], itertools.repeat(b"X-More: again\r\n" * 99)),
    ),
    "endless_header": (
        "large",
        lambda _: itertools.chain([_HEAD + b"X: "], itertools.repeat(_JUNK)),
    ),
    "endless_chunks": (
        "large",
        lambda _: itertools.chain(
            [_HEAD + b"Transfer-Encoding: chunked\r\n\r\n"],
            itertools.repeat(b"10000\r\n" + _JUNK + b"\r\n"),
        ),
    ),
    "endless_small_chunks": (
        "large",
        lambda _: itertools.chain(
            [_HEAD + b"Transfer-Encoding: chunked\r\n\r\n"], itertools.repeat(b"1\r\n \r\n" * 999)
        ),
    ),
    "endless_extension": (
        "large",
        lambda _: itertools.chain(
            [_HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;"], itertools.repeat(_JUNK)
        ),
    ),
    "endless_body": (
        "large",
        lambda _: itertools.chain([_HEAD + b"\r\n"], itertools.repeat(_JUNK)),
    ),
    "closes": ("broken", lambda _: ()),
    "cut_head": ("broken", lambda _: (_HEAD,)),
    "cut_body": ("broken", lambda _: (_HEAD + b"Content-Length: 9\r\n\r\n{",)),
    "cut_chunks": ("broken", lambda _: (_HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{",)),
    "garbage": ("garbage", lambda _: (b"SSH-2.0-OpenSSH_9.2\r\n\r\n",)),
    "nulls": ("garbage", lambda _: (bytes(4096),)),
    "two_lengths": (
        "garbage",
        lambda _: (_HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} ",),
    ),
    "negative_length": ("garbage", lambda _: (_HEAD + b"Content-Length: -2\r\n\r\n{}",)),
    "upgrade": (
        "garbage",
        lambda _: (b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",),
    ),
}
"""By name: why there is no answer (`records.http.Failure`), and what the server sends."""


@dataclass
class Hostile:
    """A server that misbehaves; `seen` is what each connection sent it."""

    url: str
    seen: list[bytes] = field(default_factory=list)


@contextlib.contextmanager
def hostile(mode: str, *, location: str = "", reads: bool = True) -> Iterator[Hostile]:
    """Serve in one way to everybody who comes, while inside.

    Args:
        mode: one of `MODES`, or `redirect`.
        location: where `redirect` sends everybody.
        reads: whether it reads what it is sent before it answers.
    """
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = Hostile(f"http://127.0.0.1:{listening.getsockname()[1]}")
        threads = [
            threading.Thread(target=_accept, args=(listening, server, mode, location, reads, stop))
        ]
        threads[0].start()
        try:
            yield server
        finally:
            stop.set()
            listening.shutdown(socket.SHUT_RDWR)
            threads[0].join()


def _accept(
    listening: socket.socket,
    server: Hostile,
    mode: str,
    location: str,
    reads: bool,
    stop: threading.Event,
) -> None:
    serving = []
    while not stop.is_set():
        try:
            connection, _ = listening.accept()
        except OSError:
            break
        thread = threading.Thread(
            target=_serve, args=(connection, server, mode, location, reads, stop)
        )
        thread.start()
        serving.append(thread)
    for thread in serving:
        thread.join()


def _serve(
    connection: socket.socket,
    server: Hostile,
    mode: str,
    location: str,
    reads: bool,
    stop: threading.Event,
) -> None:
    with connection, contextlib.suppress(OSError):
        connection.settimeout(10)
        if reads:
            server.seen.append(connection.recv(65_536))
        if mode == "redirect":
            connection.sendall(
                b"HTTP/1.1 307 Temporary Redirect\r\nContent-Length: 0\r\nLocation: %b\r\n\r\n"
                % location.encode()
            )
            return
        for piece in MODES[mode][1](stop):
            connection.sendall(piece)
            if stop.is_set():
                return
