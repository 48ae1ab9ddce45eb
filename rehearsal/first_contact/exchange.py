"""An exchange of the probe's student: sent for a scenario, and kept to be shown."""

import time
from dataclasses import dataclass, field
from typing import Final

from dress_rehearsal.records.requests.trace_ids import TraceIds
from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.rehearsal.first_contact.discretion import Discretion
from dress_rehearsal.scenarios.client.connection import Connection
from dress_rehearsal.scenarios.client.exchange import Exchange
from dress_rehearsal.scenarios.client.http import Answer, Place, Request
from dress_rehearsal.scenarios.client.origin import Origin
from dress_rehearsal.scenarios.client.sse import EventStream
from dress_rehearsal.scenarios.errors import ExchangeError

_MOST: Final = 100
"""How many exchanges of one step of the scenario are made before it is stopped."""
_RUN: Final = "probe"


@dataclass(frozen=True, slots=True)
class Exchanged:
    """One request and its answer.

    Attributes:
        step: the name that it is counted by.
        status: 0: there is no answer, and `error` says why in a word.
        body_bytes: the size of the whole body.
    """

    step: str
    target: str
    sent: bytes
    status: int
    error: str
    took_ms: float
    body: bytes
    body_bytes: int
    kind: str


class TooManyRequestsError(BaseException):
    """A method of the scenario does not stop asking, whatever it catches."""


@dataclass(slots=True)
class Wire:
    """Sends what a scenario asks, one request after the other, and keeps what came of it.

    Args:
        discretion: learns of secrets as they are sent and received.
    """

    origin: Origin
    timeout_s: float
    discretion: Discretion
    exchanged: list[Exchanged] = field(default_factory=list)
    _connections: dict[str, Connection] = field(default_factory=dict)
    _ids: TraceIds = field(default_factory=lambda: TraceIds(_RUN))

    def perform(self, request: Request, step: str, stream: EventStream | None = None, /) -> Answer:
        """Send one request; without an answer its status is 0.

        Raises:
            TooManyRequestsError: one method has sent a hundred.
        """
        if len(self.exchanged) >= _MOST:
            raise TooManyRequestsError
        line, headers = _taken_apart(request.head)
        self.discretion.hide_headers(headers)
        into, error, answer = Exchange(), "", Answer()
        begun_s = time.monotonic()
        try:
            answer = self._connection(request.origin).exchange(
                request,
                self._ids.traceparent(0, len(self.exchanged)),
                into,
                None if stream is None else time.time_ns() + round(self.timeout_s * NS_PER_S),
                stream,
            )
        except ExchangeError as failed:
            error = failed.word
        took_ms = (time.monotonic() - begun_s) * 1e3
        if into.sent_ns is not None and into.done_ns is not None:
            took_ms = (into.done_ns - into.sent_ns) / 1e6
        answered = [
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.headers
        ]
        self.discretion.hide_headers(answered)
        self.exchanged.append(
            Exchanged(
                step=step,
                target=" ".join(line.split(" ")[:2]) or step,
                sent=request.body,
                status=answer.status,
                error=error,
                took_ms=took_ms,
                body=answer.body,
                body_bytes=answer.body_bytes,
                kind=next(
                    (value for name, value in answered if name.lower() == "content-type"), ""
                ),
            )
        )
        return answer

    def close(self) -> None:
        """Close every connection."""
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()

    def _connection(self, place: Place | None) -> Connection:
        at: Place = place or self.origin
        if at.url not in self._connections:
            self._connections[at.url] = Connection(at.address, self.timeout_s, secure=at.secure)
        return self._connections[at.url]


def _taken_apart(head: bytes) -> tuple[str, list[tuple[str, str]]]:
    """Return a request's first line, and its headers."""
    line, *rest = head.decode("latin-1").split("\r\n")
    return line, [
        (name, value.strip()) for name, _, value in (each.partition(":") for each in rest)
    ]
