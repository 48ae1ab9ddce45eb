"""HTTP/1.1 on the wire: request bytes made ahead of time, answers parsed by httptools."""

from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import httptools

from dress_rehearsal.scenarios.client.content_encoding import Decoder, decoder_of
from dress_rehearsal.scenarios.client.limits import (
    BEGINNING,
    FRAMING,
    KEPT_BODY,
    LARGEST_BODY,
    LARGEST_HEAD,
)
from dress_rehearsal.scenarios.client.tls import Secure
from dress_rehearsal.scenarios.client.whole_answer import headers_of, whole_answer
from dress_rehearsal.scenarios.errors import NotUnderstoodError

_INTERIM_STATUS: Final = 100
_FINAL_STATUS: Final = 200
_SIZED: Final = frozenset({b"content-length", b"transfer-encoding"})
"""Headers without which an answer's body ends with the connection."""


class Place(Protocol):
    """Where a request goes: what it takes to connect there."""

    @property
    def url(self) -> str:
        """Scheme, host and port, without a path."""

    @property
    def address(self) -> tuple[str, int]:
        """What is connected to: an IP address and a port."""

    @property
    def secure(self) -> Secure | None:
        """What stands between a connection and it; None: it speaks plain HTTP."""


@dataclass(slots=True)  # one a request: freezing it would cost
class Request:
    """A request whose bytes are ready but for the trace ids and the time of sending."""

    head: bytes = field(repr=False)
    """Request line and headers, without the two that are known only when sending."""
    body: bytes = field(default=b"", repr=False)
    origin: Place | None = None
    """Where it goes if not to the target, and then over a connection of its own."""
    refused: str | None = None
    """Why nothing is ever sent of it: a word of `records.tables.CONNECT_ERRORS`."""

    def wire(self, trace: bytes, now_ns: int) -> bytes:
        """Return the bytes to send: `traceparent` and `X-Request-Start` close the head."""
        return b"%btraceparent: %b\r\nX-Request-Start: t=%d\r\n\r\n%b" % (
            self.head,
            trace,
            now_ns,
            self.body,
        )


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
    sets_cookies: bool = False
    _headed: bool = False
    """Whether the head is whole of the answer that counts."""
    _encoding: bytes = b""
    _decoder: Decoder | None = None
    _beside: int = 0
    """Bytes so far that are not body."""
    _parts: list[bytes] | tuple[()] = ()
    """Of the body, beside its first."""
    _parser: Any = None
    """Made when the first bytes come."""

    _head: bytes = b""
    """Headers that nobody has asked for yet."""
    _headers: list[tuple[bytes, bytes]] | None = None
    is_plain: bool = True
    """Whether it ends as its head says, and is complete then."""

    def __init__(
        self, status: int = 0, body: bytes = b"", server_timing: bytes = b"", complete: bool = False
    ) -> None:
        if status:  # of one that did not come over a connection
            self.status, self.body, self.server_timing = status, body, server_timing
            self.complete, self.body_bytes = complete, len(body)

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """As they came, in their order; those of interim answers are not among them."""
        if self._headers is None:
            self._headers = headers_of(self._head)
        return self._headers

    @property
    def whole_body(self) -> bool:
        """Whether all of the body has been kept."""
        return self.body_bytes <= KEPT_BODY

    def feed(self, data: bytes) -> None:
        """Take in bytes as they arrive.

        Raises:
            NotUnderstoodError: they are not HTTP/1.1, or more than anybody takes in.
        """
        if self._parser is None:
            found = whole_answer(data) if self.is_plain and not self.complete else None
            if found is not None:
                self.status, self._head, body, self.server_timing, self.sets_cookies, keep = found
                self.body, self.body_bytes, self.keep_alive = body, len(body), keep
                self.complete = self.whole = self._headed = True
                return
            self._parser = httptools.HttpResponseParser(self)
        before = self.body_bytes
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self.complete:
                if isinstance(error.__context__, NotUnderstoodError):
                    raise error.__context__ from None  # of a callback
                raise NotUnderstoodError("protocol_error") from error
            self.keep_alive = False  # the answer had come; what follows is nobody's
        if self.whole:
            self.drop()
        elif not self.complete:
            self._bound(len(data) - (self.body_bytes - before))

    def drop(self) -> None:
        """Care no more for the rest."""
        self._parser = None  # they refer to each other

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
        """Keep a header; some of them are looked at here, for whatever else is done with them."""
        if self._headed:  # a trailer, or nobody's
            if not self.complete and name.lower() == b"server-timing":
                self.server_timing = value
            return
        self.headers.append((name, value))
        length = len(name)
        if length == 13 and name.lower() == b"server-timing":
            self.server_timing = value
        elif length == 10 and name.lower() == b"set-cookie":
            self.sets_cookies = True
        elif length == 16 and name.lower() == b"content-encoding":
            self._encoding = value

    def on_headers_complete(self) -> None:
        """Take the status; an interim answer (1xx) only announces the one that counts."""
        if self.complete:
            return
        self.status = self._parser.get_status_code()
        if self.status >= _FINAL_STATUS:
            self._headed = True
            if self._encoding:
                self._decoder = decoder_of(self._encoding)
        elif self.status < _INTERIM_STATUS:
            raise NotUnderstoodError("protocol_error")  # 000 is no status
        else:
            self.headers.clear()
            self.server_timing = self._encoding = b""
            self.sets_cookies = False

    def on_body(self, body: bytes) -> None:
        """Collect the body, as it was before it was compressed."""
        if self.complete:
            return
        if self._decoder is None:
            self._keep(body)
            return
        for part in self._decoder.parts(body):
            self._keep(part)
            if self.body_bytes > LARGEST_BODY:
                raise NotUnderstoodError("body_too_large")

    def _keep(self, body: bytes) -> None:
        """Keep a part of the body, as far as one of its size is kept."""
        size = self.body_bytes
        self.body_bytes += len(body)
        if self.body_bytes <= KEPT_BODY:
            if not size:
                self.body = body
            elif self._parts:
                self._parts.append(body)
            else:
                self._parts = [body]
        elif size <= KEPT_BODY:
            self.body = b"".join((self.body, *self._parts, body))[:BEGINNING]
            self._parts = ()

    def on_message_complete(self) -> None:
        """Close the answer that counts."""
        if not self._headed or self.complete:
            return
        if self._decoder is not None and self._decoder.cut_short:
            raise NotUnderstoodError("encoding_error")
        self.keep_alive = self.keep_alive and bool(self._parser.should_keep_alive())
        if self._parts:
            self.body = b"".join((self.body, *self._parts))
        self.complete = self.whole = True

    def end(self) -> bool:
        """Take in that the connection has ended; return whether that is the answer's end as well.

        It is where nothing else says how long the body is (RFC 9112, section 6.3).

        Raises:
            NotUnderstoodError: the body is compressed and has not ended.
        """
        sized = any(name.lower() in _SIZED for name, _ in self.headers)
        if sized or not self._headed or self.lasts:
            return False
        self.keep_alive = False
        self.on_message_complete()
        self.drop()
        return True


class HeadAnswer(Answer):
    """An answer to HEAD: it ends with its head, whatever size that tells of the body."""

    is_plain = False

    def on_headers_complete(self) -> None:
        """Close the answer that counts."""
        super().on_headers_complete()
        if self._headed:
            self.on_message_complete()
