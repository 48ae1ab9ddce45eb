"""The sweep: grants that Redis holds and nobody ever told the queue of are sent to it after all.

A request that dies between its grant and its message leaves such a grant. The student's next click
would send it; the sweep is for students who do not come back.
"""

import logging
import time

import msgspec
from prometheus_client import Counter
from redis.asyncio import Redis

from dress_rehearsal.target_app.errors import DependencyDownError
from dress_rehearsal.target_app.queues.message import GrantMessage, read_message, write_message
from dress_rehearsal.target_app.queues.queue import GrantQueue
from dress_rehearsal.target_app.stores.redis_keys import EventKeys, Holder
from dress_rehearsal.target_app.telemetry.boundaries import measured
from dress_rehearsal.target_app.telemetry.metrics import REGISTRY

SWEEP_S = 5.0  # between looks, while nothing comes
OLD_S = 15.0  # by then a request under way has sent its message or given up

SENT_AGAIN = Counter(
    "writeback_sent_again",
    "Grants without row and message that the write-back sent to the queue itself.",
    registry=REGISTRY,
)
_LOG = logging.getLogger(__name__)


class QueueSweep:
    """Looks for forgotten grants now and then. Sending one too many is harmless: one row comes."""

    def __init__(self, queue: GrantQueue, redis: "Redis", event: str) -> None:
        self._queue = queue
        self._redis = redis
        self._keys = EventKeys(event)
        self._sent: set[str] = set()
        self._dead: set[str] = set()
        self._due_s = 0.0

    async def when_due(self) -> int:
        """Sweep if the last time is `SWEEP_S` ago; to be called while nothing is held.

        Return how many grants were sent. Raises `DependencyDownError` and `RedisError`.
        """
        if time.monotonic() < self._due_s:
            return 0
        self._due_s = time.monotonic() + SWEEP_S
        return await self._sweep()

    async def _sweep(self) -> int:
        forgotten = await self._forgotten()
        if not forgotten:
            return 0
        counts = await self._queue.count()
        if counts.waiting:
            return 0  # what waits is not forgotten
        forgotten = await self._without_dead(forgotten, counts.dead)
        if not forgotten:
            return 0
        for start in range(0, len(forgotten), self._queue.batch):
            part = forgotten[start : start + self._queue.batch]
            refused = await self._queue.send([write_message(grant) for grant in part])
            if refused:
                raise DependencyDownError(self._queue.title, "; ".join(refused.values()))
            self._sent.update(grant.ticket for grant in part)
        SENT_AGAIN.inc(len(forgotten))
        _LOG.warning("grants had no message; sent now", extra={"grants": len(forgotten)})
        return len(forgotten)

    async def _without_dead(self, grants: list[GrantMessage], dead: int) -> list[GrantMessage]:
        """Return the grants that are no dead letters; none where that cannot be told now."""
        if not dead:
            self._dead.clear()  # replayed or purged: what is forgotten now is so for good
            return grants
        if any(grant.ticket not in self._dead for grant in grants):
            letters = await self._queue.dead_letters()
            self._dead.update(filter(None, map(_ticket_of, letters)))
            if len(letters) < dead:
                return []  # others look at them, or put them back
        return [grant for grant in grants if grant.ticket not in self._dead]

    @measured("redis", "read_forgotten")
    async def _forgotten(self) -> list[GrantMessage]:
        """Grants that are old and not known to be committed, and were not sent from here."""
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.hlen(self._keys.holders)
            pipe.scard(self._keys.issued)
            held, issued = await pipe.execute()
        if held <= issued:
            return []
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.hgetall(self._keys.holders)
            pipe.smembers(self._keys.issued)
            pipe.hget(self._keys.details, "epoch")
            holders, tickets, epoch = await pipe.execute()
        now_ns = time.time_ns()
        grants = []
        for student, text in holders.items():
            holder = Holder.read(text)
            known = holder.ticket in self._sent or holder.ticket.encode() in tickets
            if not known and holder.age_s(now_ns) > OLD_S:
                grant = msgspec.structs.asdict(holder)
                grants.append(
                    GrantMessage(student=student.decode(), epoch=int(epoch or 0), **grant)
                )
        return grants


def _ticket_of(body: str) -> str | None:
    """Return the ticket that a dead letter tells of; None where it is no grant."""
    try:
        return read_message(body).ticket
    except msgspec.DecodeError:
        return None
