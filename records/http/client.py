"""HTTP as a client: the one that the conductor, Slack, Grafana and the Locust front end ask with.

Whoever answers is not trusted with anything but the question. An answer is whole within a deadline
and within a size, both over all of it: connecting, TLS, sending, interim answers (1xx), head, chunk
framing and body. A redirect is an answer like any other and is not followed, so what a request
holds goes to the host that was named and nowhere else, or through the one proxy that a plan names.
No variable of the environment names a proxy here, and no `.netrc` a password. Only finding a name's
addresses is left to the system's resolver, which has bounds of its own.

An exception's sentence never quotes the URL or a header: both may hold a secret.
"""

import contextlib
import json
import re
import socket
import ssl
import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from dress_rehearsal.records.http.answer import (
    KIB,
    MIB,
    Answer,
    Failure,
    NoAnswerError,
    Reading,
    size_of,
)
from dress_rehearsal.records.http.reach import Reach, trusting

__all__ = ["KIB", "MIB", "Answer", "Connection", "Failure", "NoAnswerError", "ask", "json_of"]

_CONNECT_S: Final = 5.0
"""The most of a deadline that connecting may take: who is there at all says so at once."""
_LARGEST_TUNNEL: Final = 8 * KIB
"""The most that a proxy may say before it connects on."""
_TUNNELLED: Final = re.compile(rb"HTTP/1\.[01] 2[0-9][0-9]\b")
_READ_BYTES: Final = 64 * KIB


def json_of(text: bytes | str) -> Any:
    """Return what a text of JSON from outside holds.

    Raises:
        ValueError: it is no JSON, or lists in it stand in each other deeper than can be read.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error


NO_TLS: Final = "what answers there does not speak TLS (http:// may be meant)"
"""What is said where something else than TLS is spoken."""


def ask(
    method: str,
    url: str,
    *,
    deadline_s: float,
    limit_bytes: int,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    tls: ssl.SSLContext | None = None,
    reach: Reach | None = None,
) -> Answer:
    """Ask one question over a connection of its own (see `Connection.ask`).

    Raises:
        NoAnswerError: there is no whole answer, and why.
    """
    with contextlib.closing(Connection(url, tls=tls, reach=reach)) as connection:
        return connection.ask(
            method,
            connection.path,
            deadline_s=deadline_s,
            limit_bytes=limit_bytes,
            body=body,
            headers={"Connection": "close", **(headers or {})},
        )


class Connection:
    """A connection to one server, made when it is needed and kept while it is good.

    Args:
        url: `http://…` or `https://…`; of its path only `path` takes notice.
        tls: what is trusted; by default what the system trusts.
        reach: what is trusted, and a proxy to go through.

    Raises:
        NoAnswerError: that is no such URL.
    """

    def __init__(
        self, url: str, *, tls: ssl.SSLContext | None = None, reach: Reach | None = None
    ) -> None:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
            known = parts.scheme in ("http", "https") and bool(host) and "@" not in parts.netloc
            name = parts.netloc.encode("ascii" if parts.netloc.isascii() else "idna").decode()
        except ValueError as error:
            raise NoAnswerError("usage", "its URL is not one") from error
        if not known or host is None:
            raise NoAnswerError(
                "usage", "its URL is not http://host or https://host, or has a login"
            )
        self.path: Final = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        """The path and the query of the URL."""
        self._secure = parts.scheme == "https"
        self._host, self._port = host, port or (443 if self._secure else 80)
        self._name = name
        reach = reach or Reach()
        self._tls = tls or reach.tls
        self._proxy = reach.proxy
        self._login = (
            {}
            if self._proxy is None or self._proxy.login is None
            else {"Proxy-Authorization": self._proxy.login}
        )
        self._socket: socket.socket | None = None

    def ask(
        self,
        method: str,
        path: str,
        *,
        deadline_s: float,
        limit_bytes: int,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Ask one question.

        Args:
            method: any but HEAD and CONNECT, whose answers end elsewhere.
            deadline_s: seconds within which the answer must be whole.
            limit_bytes: the most that is read from the wire, whatever it is.

        Raises:
            NoAnswerError: there is no whole answer, and why; the connection is closed.
        """
        deadline = _Deadline(deadline_s)
        sent = headers or {}
        if self._proxy is not None and not self._secure:
            path, sent = f"http://{self._name}{path}", {**self._login, **sent}
        wire = _wire(method, path, self._name, body, sent)
        try:
            if self._socket is None:
                self._socket = self._connected(deadline)
            answer, kept = _exchanged(self._socket, wire, deadline, limit_bytes)
        except BaseException:
            self.close()
            raise
        if not kept:
            self.close()
        return answer

    def close(self) -> None:
        """Close it; the next question makes a new one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connected(self, deadline: "_Deadline") -> socket.socket:
        if self._proxy is None:
            plain = _connected(self._host, self._port, deadline)
        else:
            plain = _connected(self._proxy.host, self._proxy.port, deadline)
        if not self._secure:
            return plain
        try:
            if self._proxy is not None:
                self._open_tunnel(plain, deadline)
            plain.settimeout(deadline.left())
            context = self._tls or trusting()
            return context.wrap_socket(plain, server_hostname=self._host)
        except TimeoutError as error:
            raise deadline.missed() from error
        except (OSError, ValueError) as error:
            raise NoAnswerError("tls", _tls_words(error)) from error
        finally:
            plain.close()  # what was wrapped has gone over to the other

    def _open_tunnel(self, plain: socket.socket, deadline: "_Deadline") -> None:
        """Have the proxy connect on; its answer is read a byte at a time, for TLS comes next."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        authority = f"{host}:{self._port}"
        asked = _wire("CONNECT", authority, authority, None, self._login)
        plain.settimeout(deadline.left())
        plain.sendall(asked)
        reply = b""
        while not reply.endswith(b"\r\n\r\n"):
            plain.settimeout(deadline.left())
            byte = plain.recv(1)
            reply += byte
            if not byte or len(reply) > _LARGEST_TUNNEL:
                raise NoAnswerError("unreachable", "the proxy does not connect to it")
        if not _TUNNELLED.match(reply):
            raise NoAnswerError("unreachable", "the proxy does not connect to it")


def _wire(
    method: str, path: str, host: str, body: bytes | None, headers: Mapping[str, str]
) -> bytes:
    """Return the bytes of a request."""
    lines = [
        f"{method} {path} HTTP/1.1",
        f"Host: {host}",
        "User-Agent: dress-rehearsal",
        "Accept-Encoding: identity",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    if body is not None or method not in ("GET", "CONNECT"):
        lines.append(f"Content-Length: {len(body or b'')}")
    if not _sendable(lines):
        raise NoAnswerError("usage", "what is to be sent has a character that no header may")
    return b"\r\n".join([*(line.encode("ascii") for line in lines), b"", body or b""])


def _sendable(lines: list[str]) -> bool:
    """Return whether a request line and headers can be sent as just that many lines."""
    request, *headers = lines
    return (
        request.isascii()
        and len(request.split(" ")) == 3
        and all(line.isprintable() and line.isascii() for line in headers)
        and request.isprintable()
    )


class _Deadline:
    """The moment by which a question is answered."""

    def __init__(self, within_s: float) -> None:
        self._within_s = within_s
        self._at_s = time.monotonic() + within_s

    def left(self) -> float:
        """Return how many seconds are left.

        Raises:
            NoAnswerError: none.
        """
        left_s = self._at_s - time.monotonic()
        if left_s <= 0:
            raise self.missed()
        return left_s

    def missed(self) -> NoAnswerError:
        """Return what to raise where it has passed."""
        return NoAnswerError("late", f"no whole answer within {self._within_s:g} s")


def _connected(host: str, port: int, deadline: _Deadline) -> socket.socket:
    """Connect to the first address of a host that answers; each gets its share of the time."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, ValueError) as error:
        words = getattr(error, "strerror", None) or "its name is not one"
        raise NoAnswerError("unreachable", words) from error
    until_s = time.monotonic() + min(deadline.left(), _CONNECT_S)
    given_s = until_s - time.monotonic()
    last: OSError = OSError("it has no address")
    for position, (family, kind, protocol, _, address) in enumerate(found):
        share_s = (until_s - time.monotonic()) / (len(found) - position)
        if share_s <= 0:
            break
        made = socket.socket(family, kind, protocol)
        try:
            made.settimeout(share_s)
            made.connect(address)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            made.close()
            last = error
        else:
            return made
    if isinstance(last, TimeoutError):
        raise NoAnswerError("unreachable", f"no connection within {given_s:.2g} s") from last
    raise NoAnswerError("unreachable", last.strerror or str(last)) from last


def _exchanged(
    connection: socket.socket, wire: bytes, deadline: _Deadline, limit_bytes: int
) -> tuple[Answer, bool]:
    """Send a request and read its answer; also whether the connection can take another."""
    reading = Reading()
    unread = limit_bytes
    try:
        waiting = memoryview(wire)
        while waiting:
            connection.settimeout(deadline.left())
            waiting = waiting[connection.send(waiting) :]
        while not reading.complete:
            connection.settimeout(deadline.left())
            data = connection.recv(min(_READ_BYTES, unread + 1))
            unread -= len(data)
            if unread < 0:
                raise NoAnswerError("large", f"more than {size_of(limit_bytes)}")
            if not data:
                reading.end()
            else:
                reading.feed(data)
    except TimeoutError as error:
        raise deadline.missed() from error
    except OSError as error:
        words = f"the connection broke off: {error.strerror or type(error).__name__}"
        raise NoAnswerError("broken", words) from error
    return reading.answer()


def _tls_words(error: OSError | ValueError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return str(error.verify_message or "its certificate is not trusted").rstrip(".")
    if isinstance(error, ssl.SSLError) and error.reason == "WRONG_VERSION_NUMBER":
        return NO_TLS
    if isinstance(error, ssl.SSLError) and error.reason:
        return str(error.reason).replace("_", " ").lower()
    return "the handshake failed"
