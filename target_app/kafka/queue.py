"""The topic of grants in Kafka and that of its dead letters.

The write-back reads the topic as a consumer group, and commits an offset when every row before it
is committed. Between the two it may die: what it had read comes again, to it or to another of the
group, and its rows are found written. The producer is no idempotent one, which not every broker
takes: a message sent twice is written once for the same reason.
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from prometheus_client import Gauge

from dress_rehearsal.target_app.errors import DependencyDownError
from dress_rehearsal.target_app.kafka.connection import (
    REQUEST_TIMEOUT_MS,
    TITLE,
    TopicMissingError,
    answered,
    client_settings,
)
from dress_rehearsal.target_app.kafka.lag import Lag, LagReader
from dress_rehearsal.target_app.kafka.progress import Progress
from dress_rehearsal.target_app.queues.queue import Counts, Message
from dress_rehearsal.target_app.telemetry.boundaries import measured
from dress_rehearsal.target_app.telemetry.metrics import REGISTRY

PARTITIONS = 4  # of a topic created here: as many of the write-back may share it
TAKE = 500
WAIT_MS = 200  # how long a take waits for a first message
SESSION_MS = 6_000  # silent for so long, a member is dead to the group; brokers want no less
HEARTBEAT_MS = 500
JOIN_TIMEOUT_MS = 15_000  # a group is answered when all have joined, or the dead are given up
JOIN_TIMEOUT_S = 10.0  # before reading is left to begin later
_EXISTS = 36

LAG = Gauge(
    "kafka_consumergroup_lag",
    "Messages of a topic that a group has not committed; each member tells of the whole group.",
    ["consumergroup", "topic"],
    registry=REGISTRY,
)
_LOG = logging.getLogger(__name__)


class KafkaQueue:
    """A client of the two topics: what `GrantQueue` says."""

    kind: ClassVar[str] = "kafka"
    title: ClassVar[str] = TITLE
    batch: ClassVar[int] = 50
    collect_s: ClassVar[float] = 0.0

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._where = client_settings(bootstrap)
        self.topic, self.dead = topic, f"{topic}-dead"
        self.group, self._replay_group = f"{topic}-writeback", f"{topic}-replay"
        self._lag = LagReader(bootstrap)
        self._producer: AIOKafkaProducer | None = None
        self._consumer: AIOKafkaConsumer | None = None
        self._connecting = asyncio.Lock()
        self._progress = Progress()
        self._joined = asyncio.Event()
        self._begun_anew: frozenset[TopicPartition] = frozenset()

    async def open(self) -> None:
        """Connect, so that no purchase waits for it; where brokers are down, whoever is next."""
        try:
            async with answered():
                producer = await self._sending()
                known = await producer.client.fetch_all_metadata()
                if self.topic in known.topics():  # asked for by name some brokers would create it
                    await producer.partitions_for(self.topic)
        except DependencyDownError as error:
            _LOG.warning("connected to when first needed: %s", error)

    async def close(self) -> None:
        """Leave the group and close all connections."""
        producer, self._producer = self._producer, None
        consumer, self._consumer = self._consumer, None
        for each in (producer, consumer):
            if each is not None:
                try:
                    async with answered():
                        await each.stop()
                except DependencyDownError as error:
                    _LOG.warning("closed without saying goodbye: %s", error)
        await self._lag.close()

    @measured("kafka", "create")
    async def create(self) -> None:
        """Create the topics where they are missing; those that exist stay as they are."""
        async with answered():
            admin = AIOKafkaAdminClient(**self._where)
            try:
                await admin.start()
                topics = [NewTopic(name, PARTITIONS, 1) for name in (self.topic, self.dead)]
                answer = await admin.create_topics(topics)
            finally:
                await admin.close()
        for topic, error, *why in answer.topic_errors:
            if error not in (0, _EXISTS):
                raise DependencyDownError(TITLE, f"topic {topic} cannot be created: {why}")

    async def send(self, bodies: Sequence[str]) -> dict[int, str]:
        """Send messages; return which were not accepted by all brokers they belong to, and why."""
        return await self._send(self.topic, bodies)

    @measured("kafka", "send")
    async def _send(self, topic: str, bodies: Sequence[str]) -> dict[int, str]:
        async with answered():
            producer = await self._sending()
            results = await asyncio.gather(
                *(producer.send_and_wait(topic, body.encode()) for body in bodies),
                return_exceptions=True,
            )
        refused = {}
        for index, result in enumerate(results):
            if isinstance(result, KafkaError | OSError):
                refused[index] = f"{type(result).__name__}: {result}"
            elif isinstance(result, BaseException):
                raise result
        return refused

    async def join(self) -> None:
        """Join the group and wait for a share of the topic; brokers let some seconds pass first."""
        async with answered(JOIN_TIMEOUT_S):
            await self._reading()
            await self._joined.wait()

    @measured("kafka", "take")
    async def take(self) -> list[Message]:
        """Return the next messages of the partitions that are this member's."""
        async with answered():
            consumer = await self._reading()
            self._rewind(consumer)
            if not consumer.assignment():  # the client would wait for one, however long that takes
                await asyncio.sleep(WAIT_MS / 1000)
                return []
            taken = await consumer.getmany(timeout_ms=WAIT_MS, max_records=TAKE)
        messages = []
        for partition, records in taken.items():
            for record in records:
                self._progress.take(partition, record.offset)
                handle = (partition, record.offset)
                name = f"{partition.partition}-{record.offset}"
                messages.append(
                    Message(name, (record.value or b"").decode(errors="replace"), handle)
                )
        return messages

    async def delete(self, messages: Sequence[Message]) -> None:
        """Commit the offsets before which nothing is left to do."""
        for message in messages:
            self._progress.finish(*message.handle)
        await self._commit()

    async def give_up(self, messages: Sequence[Message]) -> None:
        """Put messages among the dead letters, then be done with them."""
        bodies = [message.body for message in messages]
        refused = await self._send(self.dead, bodies)
        if refused:
            raise DependencyDownError(TITLE, "; ".join(refused.values()))
        await self.delete(messages)

    @measured("kafka", "count")
    async def count(self) -> Counts:
        """Return how many messages nobody of the group has committed, and how many dead letters.

        Topics that were there and are not any more are created anew, for others to send to.
        """
        try:
            grants, dead = await self._lags()
        except TopicMissingError as error:
            _LOG.warning("a topic is created anew: %s", error)
            await self.create()
            grants, dead = await self._lags()
        self._begun_anew = grants.begun_anew
        LAG.labels(self.group, self.topic).set(grants.messages)
        LAG.labels(self._replay_group, self.dead).set(dead.messages)
        return Counts(grants.messages, dead.messages, grants.oldest_s)

    async def _lags(self) -> tuple[Lag, Lag]:
        grants = await self._lag.read(self.topic, self.group)
        return grants, await self._lag.read(self.dead, self._replay_group)

    @measured("kafka", "replay")
    async def replay(self) -> int:
        """Send every dead letter to the topic again; return how many."""
        left = (await self._lag.read(self.dead, self._replay_group)).messages
        replayed = 0
        consumer = self._make_consumer(self._replay_group)
        try:
            async with answered():
                await consumer.start()
                consumer.assign(await self._lag.partitions(self.dead))
            while replayed < left:
                async with answered():
                    taken = await consumer.getmany(timeout_ms=REQUEST_TIMEOUT_MS, max_records=TAKE)
                bodies = [record.value.decode() for part in taken.values() for record in part]
                if not bodies:
                    raise DependencyDownError(TITLE, f"{left - replayed} dead letters do not come")
                refused = await self.send(bodies)
                if refused:
                    raise DependencyDownError(TITLE, "; ".join(refused.values()))
                async with answered():
                    await consumer.commit()
                replayed += len(bodies)
        finally:
            await consumer.stop()
        return replayed

    @measured("kafka", "commit")
    async def _commit(self) -> None:
        consumer = self._consumer
        if consumer is None:
            return
        mine = consumer.assignment()
        offsets = {each: at for each, at in self._progress.offsets().items() if each in mine}
        if not offsets:
            return
        try:
            async with answered():
                await consumer.commit(offsets)
        except DependencyDownError as error:
            if not isinstance(error.__cause__, CommitFailedError | IllegalStateError):
                raise
            # Partitions are being shared anew; whoever gets them finds these rows written.
            _LOG.info("offsets were not committed: %s", error)

    def _rewind(self, consumer: AIOKafkaConsumer) -> None:
        """Read from its beginning what is another topic by now than that offsets were for."""
        for partition in self._begun_anew & consumer.assignment():
            _LOG.warning("the topic begins anew; it is read from its beginning")
            consumer.seek(partition, 0)
            self._progress.begin_anew()
        self._begun_anew = frozenset()

    async def _sending(self) -> AIOKafkaProducer:
        async with self._connecting:
            if self._producer is None:
                producer = AIOKafkaProducer(**self._where, acks="all", enable_idempotence=False)
                self._producer = await _started(producer)
        return self._producer

    async def _reading(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            self._consumer = await _started(self._make_consumer(self.group))
            self._share(self._consumer)
        return self._consumer

    def _share(self, consumer: AIOKafkaConsumer) -> None:
        """Have the group share the topic with this member too; that takes some seconds."""
        consumer.subscribe([self.topic], listener=_Listener(self._progress, self._joined))

    def _make_consumer(self, group: str) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            **self._where | {"request_timeout_ms": JOIN_TIMEOUT_MS},
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=SESSION_MS,
            heartbeat_interval_ms=HEARTBEAT_MS,
        )


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """Forgets how far partitions were read whenever they are shared anew: all are read again from
    what was committed, those that stay included."""

    def __init__(self, progress: Progress, joined: asyncio.Event) -> None:
        self._progress = progress
        self._joined = joined

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:  # noqa: ARG002
        self._progress.begin_anew()

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self._progress.begin_anew()
        self._joined.set()
        numbers = sorted(partition.partition for partition in assigned)
        _LOG.info("partitions shared anew", extra={"partitions": numbers})


async def _started(client: Any) -> Any:
    try:
        await client.start()
    except BaseException:
        await client.stop()
        raise
    return client
