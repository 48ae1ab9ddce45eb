"""The topic of dead letters: what is in it is looked at, or put back where it came from."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer

from dress_rehearsal.target_app.errors import DependencyDownError
from dress_rehearsal.target_app.kafka.connection import (
    REQUEST_TIMEOUT_MS,
    TITLE,
    answered,
    body_of,
    ended,
    make_consumer,
)
from dress_rehearsal.target_app.kafka.lag import Lag, LagReader
from dress_rehearsal.target_app.telemetry.boundaries import measured

TAKE = 500


class DeadTopic:
    """Dead letters: what the topic holds and was not replayed."""

    def __init__(self, bootstrap: str, topic: str, group: str, lag: LagReader) -> None:
        self._bootstrap = bootstrap
        self.topic, self.group = topic, group
        self._lag = lag

    async def lag(self) -> Lag:
        """Return how many there are."""
        return await self._lag.read(self.topic, self.group)

    @measured("kafka", "look")
    async def bodies(self) -> list[str]:
        """Return what they say; they stay where they are."""
        async with self._reading() as consumer:
            return [body async for part in self._parts(consumer) for body in part]

    @measured("kafka", "replay")
    async def replay(self, send: Callable[[Sequence[str]], Awaitable[dict[int, str]]]) -> int:
        """Send each with `send`, which tells what was not accepted; return how many."""
        replayed = 0
        async with self._reading() as consumer:
            async for part in self._parts(consumer):
                refused = await send(part)
                if refused:
                    raise DependencyDownError(TITLE, "; ".join(refused.values()))
                async with answered():
                    await consumer.commit()
                replayed += len(part)
        return replayed

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[AIOKafkaConsumer]:
        partitions = await self._lag.partitions(self.topic)
        consumer = make_consumer(self._bootstrap, self.group)
        try:
            async with answered():
                await consumer.start()
                consumer.assign(partitions)
            yield consumer
        finally:
            await ended(consumer.stop)

    async def _parts(self, consumer: AIOKafkaConsumer) -> AsyncIterator[list[str]]:
        """Give all dead letters that there are by now, some at a time."""
        left = (await self.lag()).messages
        while left > 0:
            async with answered():
                taken = await consumer.getmany(timeout_ms=REQUEST_TIMEOUT_MS, max_records=TAKE)
            part = [body_of(record) for records in taken.values() for record in records]
            if not part:
                raise DependencyDownError(TITLE, f"{left} dead letters do not come")
            yield part
            left -= len(part)
