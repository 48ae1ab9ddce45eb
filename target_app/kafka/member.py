"""A member of the group that reads the topic of grants: its share, and how far that is dealt with.

Offsets mean something in the topic they were read from. One that was deleted, or lost with its
broker, and is there again has another id: it is read from its beginning then, and nothing of the
old one is committed. What was read twice is found written.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.errors import CommitFailedError, IllegalStateError

from dress_rehearsal.target_app.errors import DependencyDownError
from dress_rehearsal.target_app.kafka.connection import (
    answered,
    body_of,
    ended,
    make_consumer,
    started,
)
from dress_rehearsal.target_app.kafka.lag import Lag, LagReader
from dress_rehearsal.target_app.kafka.progress import Progress
from dress_rehearsal.target_app.queues.queue import Message
from dress_rehearsal.target_app.telemetry.boundaries import measured

TAKE = 500
WAIT_MS = 200  # how long a take waits for a first message
JOIN_TIMEOUT_S = 10.0  # before reading is left to begin later
_LOG = logging.getLogger(__name__)


class Member:
    """Reads its share of the topic; connects when first needed."""

    def __init__(self, bootstrap: str, topic: str, group: str, lag: LagReader) -> None:
        self._bootstrap = bootstrap
        self._topic, self._group = topic, group
        self._lag = lag
        self._consumer: AIOKafkaConsumer | None = None
        self._progress = Progress()
        self._shared = asyncio.Event()
        self._rewound: set[TopicPartition] = set()
        self._beyond: frozenset[TopicPartition] = frozenset()
        self._read_id = self._known_id = b""
        self._leaving_ends: Mapping[TopicPartition, int] | None = None

    async def close(self) -> None:
        """Leave the group."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await ended(consumer.stop)

    async def join(self) -> None:
        """Join the group and wait for a share of the topic; brokers let some seconds pass first."""
        async with answered(JOIN_TIMEOUT_S):
            await self._reading()
            await self._shared.wait()

    def see(self, lag: Lag) -> None:
        """Take note of what the topic looks like by now."""
        self._known_id, self._beyond = lag.topic, lag.beyond
        self._rewound &= lag.beyond  # of the others what is committed means something again

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
                messages.append(Message(name, body_of(record), handle))
        return messages

    async def delete(self, messages: Sequence[Message]) -> None:
        """Commit the offsets before which nothing is left to do."""
        consumer = self._consumer
        if consumer is None:
            return
        self._known_id = await self._lag.topic_id(self._topic)
        self._rewind(consumer)
        for message in messages:
            self._progress.finish(*message.handle)
        await self._commit(consumer)

    async def is_empty(self) -> bool:
        """Return whether this member may leave without a grant of its share being forgotten.

        The last one to leave leaves nothing. One of several leaves once all that waited when this
        was first asked is committed, by whoever has it: what comes since is the others'.
        """
        lag = await self._lag.read(self._topic, self._group)
        if not lag.messages:
            return True
        if self._leaving_ends is None:
            self._leaving_ends = lag.ends
        consumer = self._consumer
        if consumer is None or not self._shared.is_set():
            return False  # whose the partitions will be is not known yet
        is_last = consumer.assignment() >= lag.ends.keys()
        return not is_last and all(
            lag.done.get(each, 0) >= end for each, end in self._leaving_ends.items()
        )

    @measured("kafka", "commit")
    async def _commit(self, consumer: AIOKafkaConsumer) -> None:
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
        """Read from its beginning what is another topic by now than that offsets were for.

        Once each: what was committed for the old one stands until the first commit for the new.
        """
        mine = consumer.assignment()
        is_other = self._known_id != self._read_id
        due = mine if is_other else (self._beyond & mine) - self._rewound
        self._read_id = self._known_id
        if is_other:
            self._progress.begin_anew()
        if not due:
            return
        numbers = sorted(partition.partition for partition in due)
        _LOG.warning(
            "the topic begins anew; it is read from its beginning", extra={"partitions": numbers}
        )
        self._progress.forget(due)
        self._rewound |= due
        for partition in due:
            consumer.seek(partition, 0)

    async def _reading(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            # Before the client has read where the group is: a topic that begins later differs.
            self._read_id = self._known_id = await self._lag.topic_id(self._topic)
            self._consumer = await started(make_consumer(self._bootstrap, self._group))
            self._share(self._consumer)
        return self._consumer

    def _share(self, consumer: AIOKafkaConsumer) -> None:
        """Have the group share the topic with this member too; that takes some seconds."""
        consumer.subscribe([self._topic], listener=_Listener(self))

    def revoked(self) -> None:
        """Know of no share, until the next is told."""
        self._shared.clear()
        self._begin_anew()

    def assigned(self, partitions: Iterable[TopicPartition]) -> None:
        """Have a share, which is read from what was committed."""
        self._begin_anew()
        self._shared.set()
        numbers = sorted(partition.partition for partition in partitions)
        _LOG.info("partitions shared anew", extra={"partitions": numbers})

    def _begin_anew(self) -> None:
        self._progress.begin_anew()
        self._rewound.clear()


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """Tells a member whenever partitions are shared anew: all are read again from what was
    committed, those that stay included."""

    def __init__(self, member: Member) -> None:
        self._member = member

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:  # noqa: ARG002
        self._member.revoked()

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self._member.assigned(assigned)
