"""HTTP as a client: the one that the conductor, Slack, Grafana and the Locust front end ask with.

Whoever answers is not trusted with anything but the question. An answer is whole within a deadline
and within a size, both over all of it: connecting, TLS, sending, interim answers (1xx), head, chunk
framing and body. A redirect is an answer like any other and is not followed, so what a request
holds goes to the host that was named and nowhere else. No variable of the environment names a proxy
here, and no `.netrc` a password. Only finding a name's addresses is left to the system's resolver,
which has bounds of its own.

An exception's sentence never quotes the URL or a header: both may hold a secret.
"""

import contextlib
import json
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import httptools

KIB: Final = 1 << 10
MIB: Final = 1 << 20

_CONNECT_S: Final = 5.0
"""The most of a deadline that connecting may take: who is there at all says so at once."""
_READ_BYTES: Final = 64 * KIB
_BESIDE_BYTES: Final = 256 * KIB
"""How much more than the body may be what is none: status lines, headers and chunks' frames.
Putting together a header of megabytes takes the parser time that is quadratic in its length."""

Failure = Literal["usage", "unreachable", "tls", "late", "large", "broken", "garbage"]
"""Why there is no answer.

usage        the URL or a header cannot be sent
unreachable  no such host, or no connection
tls          no trusted TLS connection
late         connected, but no whole answer in time
large        more than was allowed
broken       the connection ended before the answer did
garbage      what came is not HTTP
"""


class NoAnswerError(Exception):
    """There is no whole answer; as text the end of a sentence, such as `it does not listen`.

    Attributes:
        failure: why.
    """

    def __init__(self, failure: Failure, why: str) -> None:
        self.failure: Final = failure
        super().__init__(why)


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer.

    Attributes:
        headers: by their names in lower case.
        body: as it was sent; no encoding was asked for.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


def json_of(text: bytes | str) -> Any:
    """Return what a text of JSON from outside holds.

    Raises:
        ValueError: it is no JSON, or lists in it stand in each other deeper than can be read.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error


def ask(
    method: str,
    url: str,
    *,
    deadline_s: float,
    limit_bytes: int,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    tls: ssl.SSLContext | None = None,
) -> Answer:
    """Ask one question over a connection of its own (see `Connection.ask`).

    Raises:
        NoAnswerError: there is no whole answer, and why.
    """
    with contextlib.closing(Connection(url, tls=tls)) as connection:
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

    Raises:
        NoAnswerError: that is no such URL.
    """

    def __init__(self, url: str, *, tls: ssl.SSLContext | None = None) -> None:
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
        self._tls = tls
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
        wire = self._wire(method, path, body, headers or {})
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

    def _wire(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> bytes:
        """Return the bytes of a request."""
        lines = [
            f"{method} {path} HTTP/1.1",
            f"Host: {self._name}",
            "User-Agent: dress-rehearsal",
            "Accept-Encoding: identity",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        if body is not None or method != "GET":
            lines.append(f"Content-Length: {len(body or b'')}")
        if not _sendable(lines):
            raise NoAnswerError("usage", "what is to be sent has a character that no header may")
        return b"\r\n".join([*(line.encode("ascii") for line in lines), b"", body or b""])

    def _connected(self, deadline: "_Deadline") -> socket.socket:
        plain = _connected(self._host, self._port, deadline)
        if not self._secure:
            return plain
        try:
            plain.settimeout(deadline.left())
            context = self._tls or ssl.create_default_context()
            return context.wrap_socket(plain, server_hostname=self._host)
        except TimeoutError as error:
            raise deadline.missed() from error
        except (OSError, ValueError) as error:
            raise NoAnswerError("tls", _tls_words(error)) from error
        finally:
            plain.close()  # what was wrapped has gone over to the other


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
    reading = _Reading()
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
                raise NoAnswerError("large", f"more than {_size(limit_bytes)}")
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


@dataclass(slots=True)
class _Reading:
    """An answer being put together by the parser (httptools' callback protocol)."""

    complete: bool = False
    _status: int = 0
    _headers: dict[str, str] = field(default_factory=dict)
    _body: list[bytes] = field(default_factory=list)
    _beside: int = 0
    _headed: bool = False
    _kept: bool = True
    _parser: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        """Take in bytes as they arrive.

        Raises:
            NoAnswerError: they are no HTTP, or hardly any of them a body.
        """
        self._beside += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self.complete:  # what follows a whole answer is nobody's
                raise NoAnswerError("garbage", "what answers does not speak HTTP") from error
            self._kept = False
        if self._beside > _BESIDE_BYTES and not self.complete:
            raise NoAnswerError("large", f"more than {_size(_BESIDE_BYTES)} beside its body")

    def end(self) -> None:
        """Take in the end of the connection, which is an answer's end where nothing else says it.

        Raises:
            NoAnswerError: it is none.
        """
        told = {"content-length", "transfer-encoding"} & self._headers.keys()
        if not self._headed or told:
            raise NoAnswerError("broken", "the connection was closed before the answer was whole")
        self.complete, self._kept = True, False

    def answer(self) -> tuple[Answer, bool]:
        """Return the whole answer, and whether the connection can take another question."""
        self._parser = None  # they refer to each other
        return Answer(self._status, self._headers, b"".join(self._body)), self._kept

    def on_message_begin(self) -> None:
        """Notice bytes beyond the answer: the connection cannot be trusted with another."""
        if self.complete:
            self._kept = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; several of a name are one."""
        if self.complete:
            return
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        self._headers[key] = f"{self._headers[key]}, {text}" if key in self._headers else text

    def on_headers_complete(self) -> None:
        """Take the status; an interim answer (1xx) only announces the one that counts."""
        if self.complete:
            return
        self._status = self._parser.get_status_code()
        self._headed = self._status >= 200
        if not self._headed:
            self._headers.clear()

    def on_body(self, body: bytes) -> None:
        """Collect the body."""
        if not self.complete:
            self._body.append(body)
            self._beside -= 2 * len(body)

    def on_message_complete(self) -> None:
        """Close the answer."""
        if self._headed and not self.complete:
            self.complete = True
            self._kept = self._kept and bool(self._parser.should_keep_alive())


def _tls_words(error: OSError | ValueError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return str(error.verify_message or "its certificate is not trusted").rstrip(".")
    if isinstance(error, ssl.SSLError) and error.reason:
        return str(error.reason).replace("_", " ").lower()
    return "the handshake failed"


def _size(limit_bytes: int) -> str:
    whole, rest = divmod(limit_bytes, MIB)
    return f"{limit_bytes / KIB:g} KiB" if rest or not whole else f"{whole} MiB"
