"""The queue as a stream of server-sent events: one for each student who waits with it.

A stream sleeps until something concerns it: its student is admitted, all tickets are gone, or the
place has come nearer by a quarter or a second's worth of admissions. A heap of those watermarks
wakes just the streams whose turn it is, however many are open.

Events are named by what they tell (`admitted`, `sold_out`, `p<watermark>`), so that any worker, at
any time, knows from `Last-Event-ID` what a browser that comes back has heard. One that has heard
how it ended is answered 204, at which browsers stop coming back.
"""

import asyncio
import heapq
import itertools
import random
import re
from collections import deque
from typing import Any, Final, Protocol

import msgspec
from litestar.types import Receive, Scope, Send

from dress_rehearsal.target_app.http.response import Answer
from dress_rehearsal.target_app.telemetry.metrics import QUEUE_STREAMS

STREAMS_EACH: Final = 8
"""Streams of one student at a worker; one more ends the oldest, which a cut may have left behind.

Room for six devices, and for browsers that come back before their dead stream is noticed."""
HEARTBEAT_S = 10.0
MEDIA_TYPE = b"text/event-stream"
_HEADERS = [
    (b"content-type", MEDIA_TYPE),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # proxies of the nginx family would hold events back
]
_RETRY_MS = (500, 1500)  # spread, so that a worker's streams do not come back all at once
_PLACE_ID = re.compile(rb"p(\d{1,15})")
_NOTHING_MORE = Answer(204)
_ENCODE = msgspec.json.Encoder().encode


class QueueState(Protocol):
    """What a stream asks of the queue that its student waits in."""

    @property
    def watermark(self) -> int:
        """The last position admitted."""

    @property
    def sold_out(self) -> bool:
        """Whether all tickets are gone."""

    @property
    def rate(self) -> int:
        """How many students are admitted a second."""


class Whereabouts(msgspec.Struct):
    """The data of a `place` event."""

    position: int
    ahead: int


class PlaceStreams:
    """The open streams of one worker, by the watermark that concerns each next."""

    def __init__(self, queue: QueueState) -> None:
        self.queue = queue
        self.closing = False
        self._open: set[PlaceStream] = set()
        self._of_student: dict[str, deque[PlaceStream]] = {}
        self._turns: list[tuple[int, int, PlaceStream]] = []
        self._numbers = itertools.count()
        QUEUE_STREAMS.set_function(lambda: len(self._open))

    def answer(self, student: str, position: int, last_event: bytes) -> "Answer | PlaceStream":
        """Return the stream for a student at `position` who last heard `last_event`, if any."""
        admitted = position <= self.queue.watermark
        if last_event == b"admitted" and admitted:
            return _NOTHING_MORE
        if last_event == b"sold_out" and self.queue.sold_out:
            return _NOTHING_MORE
        told = _PLACE_ID.fullmatch(last_event)
        return PlaceStream(self, student, position, int(told[1]) if told else None)

    def add(self, stream: "PlaceStream") -> None:
        """Note that a stream has opened; the student's oldest ends where there are too many."""
        self._open.add(stream)
        own = self._of_student.setdefault(stream.student, deque())
        own.append(stream)
        if len(own) > STREAMS_EACH:
            own.popleft().end()

    def remove(self, stream: "PlaceStream") -> None:
        """Note that a stream has ended. Once most turns are of such, all are forgotten at once."""
        self._open.discard(stream)
        own = self._of_student.get(stream.student)
        if own is not None and stream in own:
            own.remove(stream)
            if not own:
                del self._of_student[stream.student]
        if len(self._turns) > 2 * len(self._open):
            self._turns = [turn for turn in self._turns if turn[2] in self._open]
            heapq.heapify(self._turns)

    def wake_at(self, watermark: int, stream: "PlaceStream") -> None:
        """Wake the stream when that watermark is reached."""
        heapq.heappush(self._turns, (watermark, next(self._numbers), stream))

    def look(self) -> None:
        """Wake whoever is concerned by the watermark as it is now, or everyone if all is sold."""
        while self._turns and self._turns[0][0] <= self.queue.watermark:
            heapq.heappop(self._turns)[2].wake()
        if self._open and self.queue.sold_out:
            self._wake_all()

    def end(self) -> None:
        """End all streams: the worker closes. Browsers come back, to another one."""
        self.closing = True
        self._wake_all()

    def _wake_all(self) -> None:
        for stream in self._open:
            stream.wake()


class PlaceStream:
    """One student's stream, as the ASGI answer to the request that opened it."""

    def __init__(
        self, streams: PlaceStreams, student: str, position: int, told: int | None
    ) -> None:
        self.student = student
        self._streams = streams
        self._queue = streams.queue
        self._position = position
        # the watermark told in the last `place` event, and the next one that is worth telling
        self._next = 0 if told is None else self._worth_telling(min(told, self._queue.watermark))
        self._rest: asyncio.Future[bool] | None = None
        self._gone = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        sending: Any = send
        await sending({"type": "http.response.start", "status": 200, "headers": _HEADERS.copy()})
        leaving = asyncio.create_task(self._watch(receive))
        self._streams.add(self)
        if self._next:
            self._streams.wake_at(min(self._next, self._position), self)
        try:
            await _send(sending, b"retry: %d\n\n" % random.randint(*_RETRY_MS))
            await self._tell(sending)
        finally:
            self._streams.remove(self)
            leaving.cancel()
        await sending({"type": "http.response.body", "body": b"", "more_body": False})

    def wake(self) -> None:
        """Look again: something may have changed for this student."""
        if self._rest is not None and not self._rest.done():
            self._rest.set_result(True)

    def end(self) -> None:
        """Tell nothing more: whoever listened has gone, or listens elsewhere."""
        self._gone = True
        self.wake()

    async def _tell(self, send: Any) -> None:
        queue = self._queue
        while not self._gone and not self._streams.closing:
            if queue.sold_out:
                await _send(send, b"id: sold_out\nevent: sold_out\ndata: {}\n\n")
                return
            watermark = queue.watermark
            if self._position <= watermark:
                await _send(send, b"id: admitted\nevent: admitted\ndata: {}\n\n")
                return
            if watermark >= self._next:
                self._next = self._worth_telling(watermark)
                self._streams.wake_at(min(self._next, self._position), self)
                where = _ENCODE(Whereabouts(self._position, self._position - watermark - 1))
                await _send(send, b"id: p%d\nevent: place\ndata: %b\n\n" % (watermark, where))
            elif not await self._sleep():
                await _send(send, b":\n\n")

    async def _sleep(self) -> bool:
        """Rest until woken (True) or until a heartbeat is due (False)."""
        loop = asyncio.get_running_loop()
        rest: asyncio.Future[bool] = loop.create_future()
        self._rest = rest
        alarm = loop.call_later(HEARTBEAT_S, _heartbeat, rest)
        try:
            return await rest
        finally:
            alarm.cancel()
            self._rest = None

    def _worth_telling(self, watermark: int) -> int:
        ahead = self._position - watermark - 1
        return watermark + max(1, ahead // 4, self._queue.rate)

    async def _watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self.end()


def _heartbeat(rest: "asyncio.Future[bool]") -> None:
    if not rest.done():
        rest.set_result(False)


async def _send(send: Any, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})
