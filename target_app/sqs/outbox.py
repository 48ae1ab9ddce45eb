"""The outbox: letters of many purchases leave together, and each learns when its own has left.

A grant cannot be taken back because SQS is slow, so purchases wait for a place in the outbox before
they are granted anything, and a letter that is posted leaves as soon as a call can take it.
"""

import asyncio
import contextvars
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from dress_rehearsal.target_app.errors import DependencyDownError, UnavailableError
from dress_rehearsal.target_app.request_context import CURRENT
from dress_rehearsal.target_app.sqs.queue import BATCH, GrantQueue
from dress_rehearsal.target_app.stores.pool_limit import Turnstile

COLLECT_S = 0.003  # how long a letter waits for others at most, while sending is possible
SENDS_AT_ONCE = 8
PLACES = SENDS_AT_ONCE * BATCH
TIMEOUT_S = 5.0


class _Letter(NamedTuple):
    body: str
    accepted: "asyncio.Future[None]"


class Outbox:
    """Sends to the queue in batches. Under load batches fill by themselves: they wait their turn.

    Its places are a pool like the others, called `sqs`.
    """

    def __init__(self, queue: GrantQueue) -> None:
        self.turnstile = Turnstile("sqs", PLACES, TIMEOUT_S)
        self._queue = queue
        self._turns = asyncio.Semaphore(SENDS_AT_ONCE)
        self._letters: deque[_Letter] = deque()
        self._on_the_way: dict[str, asyncio.Future[None]] = {}
        self._alarm: asyncio.TimerHandle | None = None
        self._sending: set[asyncio.Task[None]] = set()
        self._queued = 0  # batches that wait for their turn, and take their letters then

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Keep room for one letter. Raises `OverloadedError` where there is none within `TIMEOUT_S`."""
        entered_ns = await self.turnstile.enter()
        try:
            yield
        finally:
            self.turnstile.leave(entered_ns)

    async def send(self, name: str, body: str) -> None:
        """Return when SQS has accepted the letter; the same `name` meanwhile is the same letter.

        To be called with a place. Raises `DependencyDownError` where SQS did not accept it.
        """
        began_ns = time.perf_counter_ns()
        accepted = self._on_the_way.get(name)
        if accepted is None:
            accepted = self._post(name, body)
        try:
            await asyncio.shield(accepted)  # others may wait for it too
        finally:
            exchange = CURRENT.get()
            if exchange is not None:
                exchange.add_external(time.perf_counter_ns() - began_ns)

    async def close(self) -> None:
        """Send what has not left yet."""
        self._leave()
        while self._sending:
            await asyncio.wait(self._sending)

    def _post(self, name: str, body: str) -> "asyncio.Future[None]":
        loop = asyncio.get_running_loop()
        accepted: asyncio.Future[None] = loop.create_future()
        self._on_the_way[name] = accepted
        accepted.add_done_callback(lambda done: self._forget(name, done))
        self._letters.append(_Letter(body, accepted))
        if len(self._letters) >= BATCH * (self._queued + 1):
            self._leave()
        elif self._alarm is None and len(self._letters) > BATCH * self._queued:
            self._alarm = loop.call_later(COLLECT_S, self._leave)
        return accepted

    def _forget(self, name: str, accepted: "asyncio.Future[None]") -> None:
        del self._on_the_way[name]
        accepted.exception()  # seen, even where whoever asked is gone

    def _leave(self) -> None:
        """Let enough batches queue for a turn to take all letters there are."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        while BATCH * self._queued < len(self._letters):
            self._queued += 1
            # A context of its own: it sends the letters of many requests.
            task = asyncio.get_running_loop().create_task(
                self._send_batch(), context=contextvars.Context()
            )
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _send_batch(self) -> None:
        async with self._turns:
            letters = self._take()
            try:
                bodies = [letter.body for letter in letters]
                refused = await self._queue.send(bodies) if letters else {}
            except Exception as error:
                for letter in letters:
                    letter.accepted.set_exception(error)
                if not isinstance(error, UnavailableError):
                    raise
                return
        for index, letter in enumerate(letters):
            if index in refused:
                letter.accepted.set_exception(DependencyDownError("SQS", refused[index]))
            else:
                letter.accepted.set_result(None)

    def _take(self) -> list[_Letter]:
        self._queued -= 1
        return [self._letters.popleft() for _ in range(min(BATCH, len(self._letters)))]
