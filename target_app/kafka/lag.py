"""The lag of a consumer group: how many messages of a topic it has not committed, and how old.

A topic's end is read off the answer to a fetch, its high watermark. Asked for by ListOffsets, some
brokers (Tansu 0.6, which the embedded stage runs) tell where the last batch begins.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import NamedTuple

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.offset import OffsetRequest
from aiokafka.record.memory_records import MemoryRecords

from dress_rehearsal.target_app.errors import DependencyDownError
from dress_rehearsal.target_app.kafka.connection import (
    TITLE,
    TopicMissingError,
    answered,
    client_settings,
    ended,
)
from dress_rehearsal.target_app.kafka.topic_id import topic_id

_EARLIEST = -2
_WAIT_MS = 5  # with 0 some brokers answer with nothing
_ENOUGH_BYTES = 1 << 20
_FIRST_BATCH_BYTES = 1  # brokers give the first batch of an answer whole, however little is asked
_OUT_OF_RANGE = 1
_MS_PER_S = 1000


class Lag(NamedTuple):
    """How far a group is behind."""

    topic: bytes
    """The topic's id: another one where it was deleted, or lost, and is there again."""
    messages: int
    oldest_s: float
    """For how long the oldest of them has been there; 0 without any."""
    done: Mapping[TopicPartition, int]
    """The first offset of each partition that is not committed."""
    ends: Mapping[TopicPartition, int]
    """The offset that each partition's next message will have."""
    beyond: frozenset[TopicPartition]
    """Partitions that end before what was committed, so that it means nothing any more."""


class _Tail(NamedTuple):
    """What a partition holds from an offset on."""

    begin: int
    end: int
    oldest_ms: int | None


class LagReader:
    """Reads the lag of groups; connects when first needed, and anew after an error.

    All methods but `close` raise `DependencyDownError` where Kafka does not answer and
    `TopicMissingError` where it has no such topic.
    """

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._admin: AIOKafkaAdminClient | None = None
        self._client: AIOKafkaClient | None = None
        self._partitions: dict[str, list[TopicPartition]] = {}
        self._asking = asyncio.Lock()  # several ask, and one that fails closes for all

    async def close(self) -> None:
        """Close the connections."""
        async with self._asking:
            await self._close()

    async def _close(self) -> None:
        admin, self._admin = self._admin, None
        client, self._client = self._client, None
        self._partitions.clear()
        for each in (admin, client):
            if each is not None:
                await ended(each.close)

    async def read(self, topic: str, group: str) -> Lag:
        """Return the lag of `group` in `topic`."""
        async with self._asked():
            return await self._read(topic, group)

    async def partitions(self, topic: str) -> list[TopicPartition]:
        """Return a topic's partitions."""
        async with self._asked():
            return await self._partitions_of(topic)

    async def topic_id(self, topic: str) -> bytes:
        """Return a topic's id, as `Lag.topic`."""
        async with self._asked():
            return await topic_id(await self._connected(), topic)

    @asynccontextmanager
    async def _asked(self) -> AsyncIterator[None]:
        async with self._asking:
            try:
                async with answered():
                    yield
            except DependencyDownError:
                await self._close()
                raise

    async def _partitions_of(self, topic: str) -> list[TopicPartition]:
        known = self._partitions.get(topic)
        if known is None:
            client = await self._connected()
            # Not by name: some brokers create a topic that is asked for.
            numbers = (await client.fetch_all_metadata()).partitions_for_topic(topic)
            if not numbers:
                raise TopicMissingError(topic)
            await client.add_topic(topic)
            known = [TopicPartition(topic, number) for number in sorted(numbers)]
            self._partitions[topic] = known
        return known

    async def _read(self, topic: str, group: str) -> Lag:
        now = await topic_id(await self._connected(), topic)
        partitions = await self._partitions_of(topic)
        assert self._admin is not None
        stored = await self._admin.list_consumer_group_offsets(group, partitions=partitions)
        committed = {
            partition: max(0, stored[partition].offset) if partition in stored else 0
            for partition in partitions
        }
        tails = await self._fetch(committed)
        lost = [
            each for each in partitions if each not in tails or tails[each].end < committed[each]
        ]
        if lost:
            tails |= await self._fetch(await self._begin(lost))
        if len(tails) < len(partitions):
            raise DependencyDownError(TITLE, f"offsets of {topic} change while they are asked for")
        oldest = [tail.oldest_ms for tail in tails.values() if tail.oldest_ms is not None]
        return Lag(
            now,
            sum(tail.end - tail.begin for tail in tails.values()),
            max(0.0, time.time() - min(oldest) / _MS_PER_S) if oldest else 0.0,
            {each: tail.begin for each, tail in tails.items()},
            {each: tail.end for each, tail in tails.items()},
            frozenset(each for each in lost if committed[each] > tails[each].end),
        )

    async def _fetch(self, offsets: Mapping[TopicPartition, int]) -> dict[TopicPartition, _Tail]:
        """Return what follows each offset; no entry where the offset is none of the partition's.

        Each partition is asked for by itself: of the second one in an answer Kafka gives only what
        fits into the bytes asked for.
        """
        client = await self._connected()
        asked = [
            client.send(
                node,
                FetchRequest(
                    _WAIT_MS,
                    0,
                    _ENOUGH_BYTES,
                    0,
                    [(each.topic, [(each.partition, offsets[each], _FIRST_BATCH_BYTES)])],
                ),
            )
            for node, partitions in self._by_leader(offsets).items()
            for each in partitions
        ]
        tails = {}
        for answer in await asyncio.gather(*asked):
            ((topic, ((number, error, end, *_, records),)),) = answer.topics
            each = TopicPartition(topic, number)
            if error == _OUT_OF_RANGE:
                continue
            if error:
                raise DependencyDownError(TITLE, f"error {error} of {topic}[{number}]")
            begin = offsets[each]
            tails[each] = _Tail(begin, end, _first_ms(records, begin))
        return tails

    async def _begin(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Return each partition's first offset."""
        client = await self._connected()
        found = {}
        for node, led in self._by_leader(partitions).items():
            asked = [
                (topic, [(each.partition, _EARLIEST) for each in own])
                for topic, own in _by_topic(led).items()
            ]
            answer = await client.send(node, OffsetRequest(-1, 0, asked))
            for topic, answers in answer.topics:
                for number, error, _, offset, *_ in answers:
                    if error:
                        raise DependencyDownError(TITLE, f"error {error} of {topic}[{number}]")
                    found[TopicPartition(topic, number)] = offset
        return found

    def _by_leader(self, partitions: Iterable[TopicPartition]) -> dict[int, list[TopicPartition]]:
        assert self._client is not None
        led = defaultdict(list)
        for each in partitions:
            leader = self._client.cluster.leader_for_partition(each)
            if leader is None or leader < 0:
                raise DependencyDownError(TITLE, f"nobody leads {each.topic}[{each.partition}]")
            led[leader].append(each)
        return led

    async def _connected(self) -> AIOKafkaClient:
        if self._client is None:
            where = client_settings(self._bootstrap)
            self._admin, self._client = AIOKafkaAdminClient(**where), AIOKafkaClient(**where)
            await self._admin.start()
            await self._client.bootstrap()
        return self._client


def _by_topic(partitions: Iterable[TopicPartition]) -> dict[str, list[TopicPartition]]:
    topics = defaultdict(list)
    for each in partitions:
        topics[each.topic].append(each)
    return topics


def _first_ms(records: bytes | None, offset: int) -> int | None:
    """Return when the first record from `offset` on was made; batches may begin before it."""
    if not records:
        return None
    batches = MemoryRecords(records)
    while batches.has_next():
        for record in batches.next_batch():
            if record.offset >= offset:
                return int(record.timestamp)
    return None
