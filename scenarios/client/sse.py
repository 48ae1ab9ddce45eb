"""Server-sent events as they arrive: an answer that goes on until an event decides.

Events follow the HTML standard's `text/event-stream`, with lines that end in LF, CRLF or CR: an
event counts only if it carries data, and its id is what a later `Last-Event-ID` names.
"""

from typing import Final

from dress_rehearsal.scenarios.client.http import Answer
from dress_rehearsal.scenarios.client.limits import (
    KEPT_BODY,
    LARGEST_EVENT,
    LONGEST_ID,
    LONGEST_RETRY_MS,
)
from dress_rehearsal.scenarios.errors import NotUnderstoodError

_PLACE: Final = b"place"
_UNNAMED: Final = b"message"
"""What an event is called that says no name of its own."""


class EventStream(Answer):
    """An answer of server-sent events, complete once one comes that is waited for.

    An answer that is not such a stream (a refusal, an error) is collected like any other.

    Args:
        until: the names of the events that are waited for: the first of them decides.
        last_event_id: begin a stream with that of an earlier one that it goes on from.
    """

    is_plain = False
    retry_ms: int | None = None
    """How long the far end wants a reader to wait before coming back, if it said so."""
    decision: str | None = None
    """The name of the event that has decided; None while none has."""
    decisive: bytes = b""
    """The data of that event."""
    is_stream: bool = False
    """Whether it is answered with events at all."""
    first_place: bytes = b""
    """The data of the first event that told the place, which is told as soon as a stream opens."""
    _events: bool = False
    """Whether the content type is that of events."""
    _after_cr: bool = False
    _event: bytes = b""
    _data_bytes: int = 0
    _too_large: bool = False
    """Whether an event was larger than one may be."""
    _id: bytes | None = None

    def __init__(
        self, until: frozenset[bytes] = frozenset(), last_event_id: str | None = None
    ) -> None:
        super().__init__()
        self.until = until
        self.last_event_id = last_event_id
        """Of the last whole event."""
        self._line = bytearray()
        """What has come of a line that has not ended."""
        self._data: list[bytes] = []

    @property
    def claim(self) -> bytes:
        """What it tells beside its decision: the first place."""
        return self.first_place

    @property
    def lasts(self) -> bool:
        """Whether it is a stream: only its events are bounded."""
        return self.is_stream

    @property
    def whole_body(self) -> bool:
        """Whether all is kept that it tells: of a stream no more than its first place is."""
        return self.is_stream or self.body_bytes <= KEPT_BODY

    def feed(self, data: bytes) -> None:
        """Take in bytes as they arrive, the end after the decision included.

        Raises:
            NotUnderstoodError: they are not HTTP/1.1, or more than anybody takes in.
        """
        super().feed(data)
        if not self.complete and (self._too_large or len(self._line) > LARGEST_EVENT):
            raise NotUnderstoodError("event_too_large")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Notice the content type, which says whether there are events."""
        if name.lower() == b"content-type" and not self.complete:
            self._events = value.startswith(b"text/event-stream")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Know by the head whether there are events: the answer may never be whole."""
        super().on_headers_complete()
        self.is_stream = self._events and self.status == 200

    def on_body(self, body: bytes) -> None:
        """Take in lines as they become whole; after the decision nothing counts."""
        if not self.is_stream:
            super().on_body(body)
            return
        self.body_bytes += len(body)
        if self.complete:
            return
        if self._after_cr and body[:1] == b"\n":
            body = body[1:]
        self._after_cr = body[-1:] == b"\r"
        if b"\r" in body:
            body = body.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        self._line += body
        if b"\n" in body:
            *lines, rest = bytes(self._line).split(b"\n")
            self._line = bytearray(rest)
            for line in lines:
                self._take_in(line)
                if self.complete:
                    return

    def on_message_complete(self) -> None:
        """End the answer, which may have decided before."""
        if self.decision is not None:
            self.keep_alive = self.keep_alive and bool(self._parser.should_keep_alive())
        super().on_message_complete()
        self.whole = self.complete

    def _take_in(self, line: bytes) -> None:
        if not line:
            self._dispatch()
            return
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"event":
            self._event = value
        elif name == b"data":
            self._data_bytes += len(value) + 1
            self._too_large = self._too_large or self._data_bytes > LARGEST_EVENT
            if not self._too_large:
                self._data.append(value)
        elif name == b"id" and b"\0" not in value:
            if len(value) <= LONGEST_ID:
                self._id = value
        elif name == b"retry" and value.isdigit():
            self._retry(value)

    def _retry(self, digits: bytes) -> None:
        """Take a time that somebody could mean; of any other it is as if it had not been said."""
        if len(digits) <= len(str(LONGEST_RETRY_MS)) and int(digits) <= LONGEST_RETRY_MS:
            self.retry_ms = int(digits)

    def _dispatch(self) -> None:
        if self._id is not None:
            # As one byte a character, so that it goes back over the wire as it came.
            self.last_event_id = self._id.decode("latin-1") or None
        if self._event == _PLACE and not self.first_place:
            self.first_place = b"\n".join(self._data)
        name = self._event or _UNNAMED
        if self._data and self.decision is None and name in self.until:
            self.decision, self.decisive = name.decode("utf-8", "replace"), b"\n".join(self._data)
            self.complete = True
        self._event, self._data, self._data_bytes = b"", [], 0
