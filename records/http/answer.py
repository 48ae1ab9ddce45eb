"""An answer of HTTP as the conductor takes it in: whole and within its size, or none and why."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import httptools

KIB: Final = 1 << 10
MIB: Final = 1 << 20

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


@dataclass(slots=True)
class Reading:
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
            raise NoAnswerError("large", f"more than {size_of(_BESIDE_BYTES)} beside its body")

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


def size_of(limit_bytes: int) -> str:
    """Return a size as a sentence shows it."""
    whole, rest = divmod(limit_bytes, MIB)
    return f"{limit_bytes / KIB:g} KiB" if rest or not whole else f"{whole} MiB"
