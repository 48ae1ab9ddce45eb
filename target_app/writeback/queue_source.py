"""A queue of grants as the write-back worker reads it, with what it has taken and not deleted.

What was taken is kept here until it is deleted, and a setback reads it again from here: with SQS
being received counts towards the dead-letter queue, and a store that is down is no fault of a
message.
"""

import asyncio
import logging

import msgspec
from redis.asyncio import Redis

from dress_rehearsal.target_app.queues.message import read_message
from dress_rehearsal.target_app.queues.queue import GrantQueue, Message
from dress_rehearsal.target_app.stores.redis_keys import EventKeys, Holder
from dress_rehearsal.target_app.telemetry.boundaries import measured
from dress_rehearsal.target_app.writeback.queue_sweep import QueueSweep
from dress_rehearsal.target_app.writeback.stream import (
    POISONED,
    REDELIVERED,
    Batch,
    Entry,
    Tell,
)

IDLE_S = 0.05  # before looking again, for a service that does not wait when asked to
_LOG = logging.getLogger(__name__)


class QueueSource:
    """Takes messages at least once each, and deletes those whose row is committed."""

    def __init__(self, queue: GrantQueue, redis: "Redis", event: str, tell: Tell) -> None:
        self._queue = queue
        self._tell = tell
        self._redis = redis
        self._keys = EventKeys(event)
        self._sweep = QueueSweep(queue, redis, event)
        self._held: dict[str, Entry] = {}  # taken, and neither deleted nor set aside
        self._messages: dict[str, Message] = {}  # of those
        self._poisoned: dict[str, Message] = {}  # to be given up
        self._told: set[str] = set()
        self._again = False

    def read_again(self) -> None:
        """Begin again with what is held."""
        self._again = True

    async def read(self) -> Batch:
        """Return the messages held, after a setback, or else new ones, if some come soon."""
        if self._again and self._held:
            REDELIVERED.inc(len(self._held))
        else:
            messages = await self._queue.take()
            if not messages:
                if not self._held:
                    await self._sweep.when_due()
                await asyncio.sleep(IDLE_S)
            self._hold(messages)
        self._again = False
        return Batch(list(self._held.values()), None)

    async def acknowledge(self, written: list[Entry]) -> None:
        """Tell the world that these tickets are issued; delete their messages, give others up."""
        if written:
            await self._tell_issued(written)
            await self._queue.delete([self._messages[entry.id] for entry in written])
        for entry in written:
            del self._held[entry.id], self._messages[entry.id]
        if self._held:
            await self._renew(list(self._held.values()))
        if self._poisoned:
            await self._queue.give_up(list(self._poisoned.values()))
            self._poisoned.clear()

    def set_aside(self, entry_id: str, why: str) -> None:
        """Have a message become a dead letter, now or in the end, and say so once."""
        self._held.pop(entry_id, None)
        self._poisoned[entry_id] = self._messages.pop(entry_id)
        if entry_id not in self._told:
            self._told.add(entry_id)
            POISONED.inc()
            self._tell("poisoned", f"Grant {entry_id} cannot be written: {why}.")
            _LOG.error("a grant cannot be written", extra={"entry": entry_id, "reason": why})

    async def is_empty(self, nothing_came: bool) -> bool:
        """Return whether the queue is, as far as this worker has to see to it.

        Poisoned messages leave it too, as dead letters.
        """
        return not self._held and await self._queue.is_empty(nothing_came)

    @measured("redis", "mark_issued")
    async def _tell_issued(self, written: list[Entry]) -> None:
        await self._redis.sadd(self._keys.issued, *(entry.ticket for entry in written))

    @measured("redis", "renew_grants")
    async def _renew(self, refused: list[Entry]) -> None:
        """What Redis still holds of grants whose epoch is over is of the epoch it is of now.

        The others were forgotten before their message was sent: whoever asked was told 503.
        """
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.hget(self._keys.details, "epoch")
            pipe.hmget(self._keys.holders, [entry.student for entry in refused])
            epoch, holders = await pipe.execute()
        for entry, holder in zip(refused, holders, strict=True):
            if epoch is not None and holder and Holder.read(holder).ticket == entry.ticket:
                self._held[entry.id] = entry._replace(epoch=int(epoch))
            else:
                self.set_aside(entry.id, "Redis was restored without it before it was sent")

    def _hold(self, messages: list[Message]) -> None:
        for message in messages:
            self._messages[message.id] = message
            try:
                grant = read_message(message.body)
            except msgspec.DecodeError as error:
                self.set_aside(message.id, f"it is no grant: {error}")
                continue
            self._held[message.id] = Entry(message.id, *msgspec.structs.astuple(grant))
