"""The topic of grants in Kafka and that of its dead letters.

The write-back reads the topic as a consumer group, and commits an offset when every row before it
is committed. Between the two it may die: what it had read comes again, to it or to another of the
group, and its rows are found written. The producer is no idempotent one, which not every broker
takes: a message sent twice is written once for the same reason.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import ClassVar

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError
from prometheus_client import Gauge

from dress_rehearsal.target_app.errors import DependencyDownError
from dress_rehearsal.target_app.kafka.connection import (
    TITLE,
    TopicMissingError,
    answered,
    client_settings,
    ended,
    started,
)
from dress_rehearsal.target_app.kafka.dead_topic import DeadTopic
from dress_rehearsal.target_app.kafka.lag import Lag, LagReader
from dress_rehearsal.target_app.kafka.member import Member
from dress_rehearsal.target_app.queues.queue import Counts, Message
from dress_rehearsal.target_app.telemetry.boundaries import measured
from dress_rehearsal.target_app.telemetry.metrics import REGISTRY

PARTITIONS = 4  # of a topic created here: as many of the write-back may share it
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
        self.topic, self.group = topic, f"{topic}-writeback"
        self._lag = LagReader(bootstrap)
        self._member = Member(bootstrap, topic, self.group, self._lag)
        self.dead = DeadTopic(bootstrap, f"{topic}-dead", f"{topic}-replay", self._lag)
        self._producer: AIOKafkaProducer | None = None
        self._connecting = asyncio.Lock()

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
        if producer is not None:
            await ended(producer.stop)
        await self._member.close()
        await self._lag.close()

    @measured("kafka", "create")
    async def create(self) -> None:
        """Create the topics where they are missing; those that exist stay as they are."""
        async with answered():
            admin = AIOKafkaAdminClient(**self._where)
            try:
                await admin.start()
                topics = [NewTopic(name, PARTITIONS, 1) for name in (self.topic, self.dead.topic)]
                answer = await admin.create_topics(topics)
            finally:
                await ended(admin.close)
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
        await self._member.join()

    async def take(self) -> list[Message]:
        """Return the next messages of the partitions that are this member's."""
        return await self._member.take()

    async def delete(self, messages: Sequence[Message]) -> None:
        """Commit the offsets before which nothing is left to do."""
        await self._member.delete(messages)

    async def give_up(self, messages: Sequence[Message]) -> None:
        """Put messages among the dead letters, then be done with them."""
        bodies = [message.body for message in messages]
        refused = await self._send(self.dead.topic, bodies)
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
        self._member.see(grants)
        LAG.labels(self.group, self.topic).set(grants.messages)
        LAG.labels(self.dead.group, self.dead.topic).set(dead.messages)
        return Counts(grants.messages, dead.messages, grants.oldest_s)

    async def _lags(self) -> tuple[Lag, Lag]:
        return await self._lag.read(self.topic, self.group), await self.dead.lag()

    async def is_empty(self, nothing_came: bool) -> bool:  # noqa: ARG002 (offsets tell it better)
        """Return whether this member of the group may leave."""
        return await self._member.is_empty()

    async def dead_letters(self) -> list[str]:
        """Return what the dead letters say; they stay where they are."""
        return await self.dead.bodies()

    async def replay(self) -> int:
        """Send every dead letter to the topic again; return how many."""
        return await self.dead.replay(self.send)

    async def _sending(self) -> AIOKafkaProducer:
        async with self._connecting:
            if self._producer is None:
                producer = AIOKafkaProducer(**self._where, acks="all", enable_idempotence=False)
                self._producer = await started(producer)
        return self._producer
