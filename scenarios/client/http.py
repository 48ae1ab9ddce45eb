"""HTTP/1.1 on the wire: request bytes made ahead of time, answers parsed by httptools."""

import hashlib
import re
import socket
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, Self
from urllib.parse import urlsplit

import httptools

from dress_rehearsal.scenarios.client.limits import (
    BEGINNING,
    FRAMING,
    KEPT_BODY,
    LARGEST_BODY,
    LARGEST_HEAD,
)
from dress_rehearsal.scenarios.errors import NotUnderstoodError, ScenarioError

_HTTP_PORT: Final = 80
_CONNECT_S: Final = 2.0
_RUN_ID_HEX_DIGITS: Final = 16
_INTERIM_STATUS: Final = 100
_FINAL_STATUS: Final = 200


_FORBIDDEN: Final = re.compile("[\\0\\r\\n]|[^\\x00-\\xff]")
"""What no line of a head may hold; every other character is a byte of its own."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request whose bytes are ready but for the trace ids and the time of sending."""

    step: int
    """Its place among the run's steps."""
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
            ValueError: a value holds what no header may (RFC 9110, section 5.5), such as a line
                break that would smuggle another.
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
        if any(_FORBIDDEN.search(line) for line in lines):
            raise ValueError("a header value holds a line break, or what is none of its characters")
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
    """An HTTP answer being put together by the parser (httptools' callback protocol).

    Whatever comes, it takes no more than `limits` say.
    """

    status: int = 0
    body: bytes = b""
    """Of one that is larger than is kept only the beginning."""
    server_timing: bytes = b""
    complete: bool = False
    """Whether all of it has come that anybody waits for."""
    whole: bool = False
    """Whether its end has come: only then can the connection carry another exchange."""
    keep_alive: bool = True
    body_bytes: int = 0
    """The size of the body, kept or not."""
    _beside: int = 0
    """Bytes so far that are not body."""
    _parts: list[bytes] = field(default_factory=list, repr=False)
    _parser: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)

    @property
    def whole_body(self) -> bool:
        """Whether all of the body has been kept."""
        return self.body_bytes <= KEPT_BODY

    def feed(self, data: bytes) -> None:
        """Take in bytes as they arrive.

        Raises:
            NotUnderstoodError: they are not HTTP/1.1, or more than anybody takes in.
        """
        before = self.body_bytes
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self.complete:
                raise NotUnderstoodError("protocol_error") from error
            self.keep_alive = False  # the answer had come; what follows is nobody's
        if self.whole:
            self._parser = None  # they refer to each other
        elif not self.complete:
            self._bound(len(data) - (self.body_bytes - before))

    def _bound(self, beside: int) -> None:
        """Hang up on what is larger than anything is."""
        self._beside += beside
        if self._beside > LARGEST_HEAD + FRAMING * self.body_bytes:
            raise NotUnderstoodError("head_too_large")
        if self.body_bytes > LARGEST_BODY and not self.lasts:
            raise NotUnderstoodError("body_too_large")

    @property
    def lasts(self) -> bool:
        """Whether it is meant to go on, however much comes in the end."""
        return False

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
        """Collect the body, as far as one of its size is kept."""
        if self.complete:
            return
        size = self.body_bytes
        self.body_bytes += len(body)
        if self.body_bytes <= KEPT_BODY:
            if size:
                self._parts.append(body)
            else:
                self.body = body
        elif size <= KEPT_BODY:
            self.body = b"".join((self.body, *self._parts, body))[:BEGINNING]
            self._parts = []

    def on_message_complete(self) -> None:
        """Close the answer; an interim one (1xx) only announces the one that counts."""
        if self.complete:
            return
        self.status = self._parser.get_status_code()
        if self.status >= _FINAL_STATUS:
            self.keep_alive = self.keep_alive and bool(self._parser.should_keep_alive())
            if self._parts:
                self.body = b"".join((self.body, *self._parts))
            self.complete = self.whole = True
        elif self.status < _INTERIM_STATUS:
            raise NotUnderstoodError("protocol_error")  # 000 is no status
        else:
            self.server_timing = b""
