"""Server-sent events as they arrive: an answer that goes on until an event decides.

Events follow the HTML standard's `text/event-stream`, with lines that end in LF or CRLF: an event
counts only if it carries data, and its id is what a later `Last-Event-ID` names.
"""

from dataclasses import dataclass
from typing import Final

from dress_rehearsal.scenarios.client.http import Answer

ADMITTED: Final = "admitted"
SOLD_OUT: Final = "sold_out"
_PLACE: Final = b"place"
_DECISIVE: Final = {b"admitted": ADMITTED, b"sold_out": SOLD_OUT}


@dataclass(slots=True)
class EventStream(Answer):
    """An answer of server-sent events, complete once one of them decides a student's wait.

    An answer that is not such a stream (a refusal, an error) is collected like any other.
    """

    last_event_id: str | None = None
    """Of the last whole event; begin a stream with it and its answer may go on without one."""
    retry_ms: int | None = None
    """How long the far end wants a reader to wait before coming back, if it said so."""
    decision: str | None = None
    """`ADMITTED` or `SOLD_OUT`; None while neither has come."""
    is_stream: bool = False
    """Whether it is answered with events at all."""
    whole: bool = False
    """Whether its end has come: only then can the connection carry another exchange."""
    first_place: bytes = b""
    """The data of the first event that told the place, which is told as soon as a stream opens."""
    _line: bytes = b""
    _event: bytes = b""
    _data: bytes = b""
    _id: bytes | None = None

    # A slotted dataclass is made twice, so `super()` without arguments would look at the other.

    @property
    def claim(self) -> bytes:
        """What it tells beside its decision: the first place."""
        return self.first_place

    def feed(self, data: bytes) -> None:
        """Take in bytes as they arrive, the end after the decision included.

        Raises:
            httptools.HttpParserError: they are not HTTP/1.1.
        """
        self._parser.feed_data(data)
        if self.whole:
            self._parser = None

    def drop(self) -> None:
        """Care no more for the rest."""
        self._parser = None

    def on_header(self, name: bytes, value: bytes) -> None:
        """Notice the content type, which says whether there are events."""
        if name.lower() == b"content-type":
            self.is_stream = value.startswith(b"text/event-stream")
        Answer.on_header(self, name, value)

    def on_headers_complete(self) -> None:
        """Take the status now: the answer may never be whole."""
        self.status = self._parser.get_status_code()
        self.is_stream = self.is_stream and self.status == 200

    def on_body(self, body: bytes) -> None:
        """Take in lines as they become whole."""
        if not self.is_stream:
            Answer.on_body(self, body)
            return
        *lines, self._line = (self._line + body).split(b"\n")
        for line in lines:
            self._take_in(line.removesuffix(b"\r"))

    def on_message_complete(self) -> None:
        """End the answer, which may have decided before."""
        if self.decision is not None:
            self.keep_alive = self.keep_alive and bool(self._parser.should_keep_alive())
        Answer.on_message_complete(self)
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
            self._data = self._data + b"\n" + value if self._data else value
        elif name == b"id" and b"\0" not in value:
            self._id = value
        elif name == b"retry" and value.isdigit():
            self.retry_ms = int(value)

    def _dispatch(self) -> None:
        if self._id is not None:
            # As one byte a character, so that it goes back over the wire as it came.
            self.last_event_id = self._id.decode("latin-1") or None
        if self._event == _PLACE and not self.first_place:
            self.first_place = self._data
        if self._data and self.decision is None:
            self.decision = _DECISIVE.get(self._event)
            if self.decision is not None:
                self.complete = True
        self._event = self._data = b""
