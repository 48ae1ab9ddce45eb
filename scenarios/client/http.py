"""HTTP/1.1 on the wire: request bytes made ahead of time, answers parsed by httptools."""

import hashlib
import socket
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, Self
from urllib.parse import urlsplit

import httptools

from dress_rehearsal.scenarios.errors import ScenarioError

_HTTP_PORT: Final = 80
_CONNECT_S: Final = 2.0
_RUN_ID_HEX_DIGITS: Final = 16


@dataclass(frozen=True, slots=True)
class Request:
    """A request whose bytes are ready but for the trace ids and the time of sending."""

    step: int
    """Position in `records.tables.STEPS`."""
    head: bytes
    """Request line and headers, without the two that are known only when sending."""
    body: bytes = b""

    def wire(self, trace: bytes, now_ns: int) -> bytes:
        """Return the bytes to send: `traceparent` and `X-Request-Start` close the head."""
        return b"%btraceparent: %b\r\nX-Request-Start: t=%d\r\n\r\n%b" % (
            self.head,
            trace,
            now_ns,
            self.body,
        )


@dataclass(frozen=True, slots=True)
class Origin:
    """Where requests go and the headers they all share."""

    host: str
    """As the `Host` header names it, with its port."""
    address: tuple[str, int]
    """Where it answers: an IP address, found once for all students, and the port."""

    @classmethod
    def of(cls, url: str) -> Self:
        """Take a target's URL apart and find where it answers, once for all students.

        Of several addresses it is the first that takes a connection, as it is for everybody else
        who connects by name: `localhost` may be `::1` first while a server listens on 127.0.0.1.

        Raises:
            ScenarioError: it is not `http://host[:port]`, or there is no such host.
        """
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname or parts.path not in ("", "/"):
            raise ScenarioError(
                f"The target {url} cannot be rushed: give it as http://host:port, without a path."
            )
        port = parts.port or _HTTP_PORT
        try:
            found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise ScenarioError(
                f"The target {url} cannot be rushed: its host is not found ({error.strerror})."
            ) from error
        addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
        return cls(parts.netloc, (_answering(addresses, port), port))

    def request(
        self,
        step: int,
        method: str,
        path: str,
        *,
        token: str | None = None,
        body: bytes | None = None,
        idempotency_key: str | None = None,
        accept: str | None = None,
        last_event_id: str | None = None,
    ) -> Request:
        """Return a prepared request; header values come from target or plan, never raw input.

        Raises:
            ValueError: a value holds a line break and would smuggle a header.
        """
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.host}"]
        if token is not None:
            lines.append(f"Authorization: Bearer {token}")
        if idempotency_key is not None:
            lines.append(f"Idempotency-Key: {idempotency_key}")
        if accept is not None:
            lines.append(f"Accept: {accept}")
        if last_event_id is not None:
            lines.append(f"Last-Event-ID: {last_event_id}")
        if body is not None:
            lines.append("Content-Type: application/json")
        if body is not None or method == "POST":
            lines.append(f"Content-Length: {len(body or b'')}")
        if any("\r" in line or "\n" in line for line in lines):
            raise ValueError("a header value holds a line break")
        return Request(step, ("\r\n".join(lines) + "\r\n").encode("latin-1"), body or b"")


def _answering(addresses: list[str], port: int) -> str:
    """Return the first address that takes a connection; the first at all where none does."""
    for address in addresses if len(addresses) > 1 else ():
        with suppress(OSError), socket.create_connection((address, port), _CONNECT_S):
            return address
    return addresses[0]


class TraceIds:
    """W3C trace ids: 8 bytes of the run, then the student and the student's request number."""

    def __init__(self, run: str) -> None:
        self.run = hashlib.sha256(run.encode()).hexdigest()[:_RUN_ID_HEX_DIGITS]

    def traceparent(self, student: int, seq: int) -> bytes:
        """Return the `traceparent` header of one request; its span id is never zero."""
        ids = f"{student + 1:08x}{seq:08x}"
        return f"00-{self.run}{ids}-{ids}-01".encode()


@dataclass(slots=True)
class Answer:
    """An HTTP answer being put together by the parser (httptools' callback protocol)."""

    status: int = 0
    body: bytes = b""
    server_timing: bytes = b""
    complete: bool = False
    keep_alive: bool = True
    _parser: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        """Take in bytes as they arrive.

        Raises:
            httptools.HttpParserError: they are not HTTP/1.1.
        """
        self._parser.feed_data(data)
        if self.complete:
            self._parser = None  # they refer to each other

    @property
    def claim(self) -> bytes:
        """What it tells: the body."""
        return self.body

    def on_message_begin(self) -> None:
        """Notice bytes beyond the answer: the connection cannot be trusted with another."""
        if self.complete:
            self.keep_alive = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep the one header that the record needs."""
        if len(name) == 13 and name.lower() == b"server-timing":
            self.server_timing = value

    def on_body(self, body: bytes) -> None:
        """Collect the body."""
        self.body += body

    def on_message_complete(self) -> None:
        """Close the answer; an interim one (1xx) only announces the one that counts."""
        if self.complete:
            return
        self.status = self._parser.get_status_code()
        if self.status >= 200:
            self.keep_alive = self.keep_alive and bool(self._parser.should_keep_alive())
            self.complete = True
        else:
            self.body = self.server_timing = b""
