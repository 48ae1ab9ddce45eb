"""The outbox: messages of many purchases leave together, and each learns when its own has left.

A grant cannot be taken back because a queue is slow, so purchases wait for a place in the outbox
before they are granted anything, and a message that is queued leaves as soon as a call can take it.
"""

import asyncio
import contextvars
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from dress_rehearsal.target_app.errors import DependencyDownError, UnavailableError
from dress_rehearsal.target_app.queues.queue import GrantQueue
from dress_rehearsal.target_app.request_context import add_time
from dress_rehearsal.target_app.stores.pool_limit import PoolLimit

SENDS_AT_ONCE = 8
TIMEOUT_S = 5.0


class _Outgoing(NamedTuple):
    body: str
    accepted: "asyncio.Future[None]"


class Outbox:
    """Sends to the queue in batches. Under load batches fill by themselves: they wait their turn.

    Its places are a pool like the others, called as the queue's service is.
    """

    def __init__(self, queue: GrantQueue) -> None:
        self.pool_limit = PoolLimit(queue.kind, SENDS_AT_ONCE * queue.batch, TIMEOUT_S)
        self.queue = queue
        self._turns = asyncio.Semaphore(SENDS_AT_ONCE)
        self._messages: deque[_Outgoing] = deque()
        self._on_the_way: dict[str, asyncio.Future[None]] = {}
        self._alarm: asyncio.TimerHandle | None = None
        self._sending: set[asyncio.Task[None]] = set()
        self._queued = 0  # batches that wait for their turn, and take their messages then

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Keep room for one message.

        Raises `OverloadedError` where there is none within `TIMEOUT_S`.
        """
        entered_ns = await self.pool_limit.enter()
        try:
            yield
        finally:
            self.pool_limit.leave(entered_ns)

    async def send(self, name: str, body: str) -> None:
        """Return when the message was accepted; the same `name` meanwhile is the same message.

        To be called with a place. Raises `DependencyDownError` where it was not accepted.
        """
        began_ns = time.perf_counter_ns()
        accepted = self._on_the_way.get(name)
        if accepted is None:
            accepted = self._enqueue(name, body)
        try:
            await asyncio.shield(accepted)  # others may wait for it too
        finally:
            add_time("external", time.perf_counter_ns() - began_ns)

    async def open(self) -> None:
        """Get ready to send."""
        await self.queue.open()

    async def close(self) -> None:
        """Send what has not left yet, then close the queue's connections."""
        self._flush()
        while self._sending:
            await asyncio.wait(self._sending)
        await self.queue.close()

    def _enqueue(self, name: str, body: str) -> "asyncio.Future[None]":
        loop = asyncio.get_running_loop()
        accepted: asyncio.Future[None] = loop.create_future()
        self._on_the_way[name] = accepted
        accepted.add_done_callback(lambda done: self._forget(name, done))
        self._messages.append(_Outgoing(body, accepted))
        if len(self._messages) >= self.queue.batch * (self._queued + 1):
            self._flush()
        elif self._alarm is None and len(self._messages) > self.queue.batch * self._queued:
            self._alarm = loop.call_later(self.queue.collect_s, self._flush)
        return accepted

    def _forget(self, name: str, accepted: "asyncio.Future[None]") -> None:
        del self._on_the_way[name]
        accepted.exception()  # seen, even where whoever asked is gone

    def _flush(self) -> None:
        """Let enough batches queue for a turn to take all messages there are."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        while self.queue.batch * self._queued < len(self._messages):
            self._queued += 1
            # A context of its own: it sends the messages of many requests.
            task = asyncio.get_running_loop().create_task(
                self._send_batch(), context=contextvars.Context()
            )
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _send_batch(self) -> None:
        async with self._turns:
            messages = self._take()
            try:
                bodies = [message.body for message in messages]
                refused = await self.queue.send(bodies) if messages else {}
            except Exception as error:
                for message in messages:
                    message.accepted.set_exception(error)
                if not isinstance(error, UnavailableError):
                    raise
                return
        for index, message in enumerate(messages):
            if index in refused:
                message.accepted.set_exception(
                    DependencyDownError(self.queue.title, refused[index])
                )
            else:
                message.accepted.set_result(None)

    def _take(self) -> list[_Outgoing]:
        self._queued -= 1
        return [self._messages.popleft() for _ in range(min(self.queue.batch, len(self._messages)))]
