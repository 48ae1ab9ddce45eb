"""Where the write-back reads grants: what every source does, and the Redis stream as one.

Of the stream it reads first what was delivered before and not acknowledged, then what arrives.
"""

import logging
from collections.abc import Callable
from typing import NamedTuple, Protocol, Self

import msgspec
from prometheus_client import Counter
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from dress_rehearsal.target_app.stores.redis_keys import WRITEBACK_GROUP, EventKeys, Holder
from dress_rehearsal.target_app.telemetry.boundaries import measured
from dress_rehearsal.target_app.telemetry.metrics import REGISTRY

BATCH = 500
BLOCK_MS = 200
CONSUMER = "writeback"  # fixed, so that a restarted worker finds what it had not acknowledged
NO_EPOCH = -1
Tell = Callable[[str, str], None]
"""Takes an alert: its kind and a sentence."""

REDELIVERED = Counter(
    "writeback_redelivered",
    "Entries read again because they were delivered before and not acknowledged.",
    registry=REGISTRY,
)
POISONED = Counter(
    "writeback_poisoned",
    "Entries that cannot be written; they stay pending in the stream, or become dead letters.",
    registry=REGISTRY,
)
_LOG = logging.getLogger(__name__)


class Entry(NamedTuple):
    """One grant on its way to the table; `id` is its own in the stream or queue it came by."""

    id: str
    ticket: str
    student: str
    number: int
    granted_ns: int
    idempotency: str
    epoch: int | None = None  # that it was granted in, where the entry tells

    @classmethod
    def of(cls, entry_id: str, student: str, holder: Holder) -> Self:
        """Return the entry of the ticket that a student holds."""
        return cls(entry_id, holder.ticket, student, *msgspec.structs.astuple(holder)[1:])


class Batch(NamedTuple):
    """Grants read together.

    `epoch` is how often Redis had been restored when they were read: where it has been since, their
    numbers may be somebody else's, and they must be read again. None where each tells its own.
    """

    entries: list[Entry]
    epoch: int | None


class Source(Protocol):
    """Where grants come from, at least once each, until they are acknowledged or set aside."""

    async def read(self) -> Batch:
        """Return the next grants; none where none came for a moment."""

    async def acknowledge(self, written: list[Entry]) -> None:
        """Tell the world that these tickets are issued, and the source that it may forget them."""

    def read_again(self) -> None:
        """Begin again with everything that was read and not acknowledged."""

    def set_aside(self, entry_id: str, why: str) -> None:
        """Leave an entry that cannot be written, and say so once."""

    async def is_empty(self, nothing_came: bool) -> bool:
        """Return whether nothing is left that this worker has to write.

        To be asked after each batch; `nothing_came` says that there was none to write.
        """


class StreamSource:
    """Reads entries at least once: until they are acknowledged, or set aside as poisoned."""

    def __init__(self, redis: "Redis", event: str, tell: Tell) -> None:
        self._redis = redis
        self._tell = tell
        self._keys = EventKeys(event)
        self._pending_after: str | None = "0"  # where to go on among delivered entries; None: done
        self._set_aside: set[str] = set()
        self._epoch = NO_EPOCH

    def read_again(self) -> None:
        """Begin again with everything delivered and not acknowledged."""
        self._pending_after = "0"

    async def read(self) -> Batch:
        """Return the next entries, at most `BATCH`; empty when none came within `BLOCK_MS`."""
        while self._pending_after is not None:
            raw = await self._read(self._pending_after, None)
            self._pending_after = raw[-1][0].decode() if raw else None
            batch = self._parse([pair for pair in raw if pair[0].decode() not in self._set_aside])
            if batch:
                REDELIVERED.inc(len(batch))
                return Batch(batch, self._epoch)
        return Batch(self._parse(await self._read(">", BLOCK_MS)), self._epoch)

    @measured("redis", "acknowledge")
    async def acknowledge(self, written: list[Entry]) -> None:
        """Tell the world that these tickets are issued, and the stream that they are done with."""
        if not written:
            return
        # One after the other: MULTI would acknowledge even where the set could not be added to.
        await self._redis.sadd(self._keys.issued, *(entry.ticket for entry in written))
        await self._redis.xack(self._keys.grants, WRITEBACK_GROUP, *(entry.id for entry in written))

    def set_aside(self, entry_id: str, why: str) -> None:
        """Leave a poisoned entry pending, and say so once."""
        if entry_id not in self._set_aside:
            self._set_aside.add(entry_id)
            POISONED.inc()
            self._tell("poisoned", f"Grant {entry_id} cannot be written: {why}.")
            _LOG.error("a grant cannot be written", extra={"entry": entry_id, "reason": why})

    async def is_empty(self, nothing_came: bool) -> bool:
        """Return whether nothing came: the stream gives everything it has."""
        return nothing_came

    @measured("redis", "read_grants")
    async def _read(
        self, after: str, block_ms: int | None
    ) -> list[tuple[bytes, dict[bytes, bytes]]]:
        """Read entries, and before them the epoch they are of."""
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.hget(self._keys.details, "epoch")
            pipe.xreadgroup(
                WRITEBACK_GROUP, CONSUMER, {self._keys.grants: after}, count=BATCH, block=block_ms
            )
            epoch, reply = await pipe.execute(raise_on_error=False)
        if isinstance(reply, ResponseError) and str(reply).startswith("NOGROUP"):
            await self._redis.xgroup_create(
                self._keys.grants, WRITEBACK_GROUP, id="0", mkstream=True
            )
            return []
        for answer in (epoch, reply):
            if isinstance(answer, Exception):
                raise answer
        self._epoch = NO_EPOCH if epoch is None else int(epoch)
        entries: list[tuple[bytes, dict[bytes, bytes]]] = reply[0][1] if reply else []
        return entries

    def _parse(self, raw: list[tuple[bytes, dict[bytes, bytes]]]) -> list[Entry]:
        batch = []
        for entry_id, fields in raw:
            try:
                batch.append(Entry.of(entry_id.decode(), *Holder.of_entry(fields)))
            except (KeyError, ValueError) as error:
                self.set_aside(entry_id.decode(), f"its fields are not a grant's: {error!r}")
        return batch
