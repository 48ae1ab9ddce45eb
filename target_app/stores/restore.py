"""Restoring Redis: what it lost is put back from PostgreSQL and from what is left of the stream.

PostgreSQL counts the restorations (`events.epoch`), Redis keeps the count it was restored with, and
whoever writes a row for a grant made in Redis compares the two within its own transaction.

A restoration is two transactions, each holding the event's row. The first begins a new epoch: from
its commit on nothing granted before is written any more. The second reads the tickets, to which
none can come by then, and fills Redis; it changes nothing in PostgreSQL, so that whoever dies in it
leaves nothing half done. Where the two counts differ although Redis has lost nothing, the same two
bring them together, and Redis keeps what it holds.
"""

import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from enum import Enum
from typing import Any, NamedTuple

import asyncpg
from prometheus_client import Counter
from redis.exceptions import ResponseError

from dress_rehearsal.target_app.errors import DependencyDownError
from dress_rehearsal.target_app.stores.postgres import Database
from dress_rehearsal.target_app.stores.redis import RedisStore, Word
from dress_rehearsal.target_app.stores.redis_keys import (
    ROSTER_PINS,
    WRITEBACK_GROUP,
    EventKeys,
    Holder,
)
from dress_rehearsal.target_app.telemetry.boundaries import measured
from dress_rehearsal.target_app.telemetry.metrics import REGISTRY

RESTORED = Counter(
    "redis_restored", "Times this process put back what Redis had lost.", registry=REGISTRY
)
LOCK_MS = 2_000  # it only spares the others the wait; what makes sure is the event's row
_CHUNK = 2_000
_Held = tuple[str, Holder]  # a student, and the ticket held
Begin = Callable[[], AbstractAsyncContextManager[Any]]
"""Begins a transaction; what it enters is the connection."""
_LOG = logging.getLogger(__name__)

# The count of grants never goes back: numbers handed out since the tickets were read stay so.
_RAISE_GRANTED = """
local now = redis.call('HGET', KEYS[1], 'granted')
if not now or tonumber(now) < tonumber(ARGV[1]) then
  redis.call('HSET', KEYS[1], 'granted', ARGV[1])
end
"""


class Kind(NamedTuple):
    """What of the event an allocation keeps in Redis."""

    in_redis: bool  # who holds which ticket
    streams: bool  # the grants whose rows are to come


class Need(Enum):
    """What has to be so for Redis to be filled."""

    ANY = "any"
    LOST = "lost"  # it does not have the event, or is of another epoch
    OUTDATED = "outdated"  # it has the event and is of another epoch

    def is_met(self, found: int | None, epoch: int) -> bool:
        """By the epoch found in Redis, None where it lost the event, and PostgreSQL's."""
        return self is Need.ANY or (found != epoch and (self is Need.LOST or found is not None))


class Restorer:
    """Puts an event back into a Redis that lost it, once, whoever of all processes notices.

    Until then Redis grants nothing: the script that grants wants the event's details, and they
    come back together with everything else. Sessions are not restored; students log in again.
    """

    def __init__(
        self,
        database: Database,
        redis_store: RedisStore,
        event: str,
        kind: Kind,
        tell: Callable[[str, str], None],
    ) -> None:
        self._database = database
        self._redis_store = redis_store
        self._event = event
        self._kind = kind
        self._keys = EventKeys(event)
        self._tell = tell
        self._doubted = False

    def doubt(self) -> None:
        """Have the next look compare the epochs: a row was refused for that of its grant."""
        self._doubted = True

    async def if_missing(self, may: Callable[[], Awaitable[bool]] | None = None) -> bool:
        """Restore where the event is missing and `may` agrees, or where the epochs differ.

        Return whether that was done. Raises `OverloadedError` and `DependencyDownError`.
        """
        lost = not await self._is_there()
        if lost and may is not None and not await may():
            return False
        if not (lost or self._doubted) or not await self._is_ours_to_do():
            return False
        restored = await self._restore(lost)
        self._doubted = False
        return restored

    @measured("redis", "is_event_there")
    async def _is_there(self) -> bool:
        (there,) = await self._redis_store.run(("HEXISTS", self._keys.details, "tickets"))
        return bool(there)

    @measured("redis", "claim_restoration")
    async def _is_ours_to_do(self) -> bool:
        (claimed,) = await self._redis_store.run(
            ("SET", self._keys.restoring, 1, "NX", "PX", LOCK_MS)
        )
        return bool(claimed)

    async def _restore(self, lost: bool) -> bool:
        need = Need.LOST if lost else Need.OUTDATED
        try:
            holders = await restore(
                self._database.transaction, self._redis_store, self._event, self._kind, need
            )
        except asyncpg.UndefinedTableError:
            return False  # never prepared
        if holders is None:
            return False
        RESTORED.inc()
        how = "Redis had lost" if lost else "Redis was of another epoch than PostgreSQL for"
        what = f"{how} {self._event}; restored with {holders} tickets held"
        _LOG.warning(what, extra={"holders": holders})
        self._tell("restored", what)
        return True


async def restore(
    begin: Begin, redis_store: RedisStore, event: str, kind: Kind, need: Need = Need.ANY
) -> int | None:
    """Put roster, event and holders into Redis, all at one instant; what is there already stays.

    Return how many holders there are to know of, or None where PostgreSQL does not know the event
    or there was no `need`.
    """
    while (epoch := await _begin_epoch(begin, redis_store, event, need)) is not None:
        holders = await _fill(begin, redis_store, event, kind, need, epoch)
        if holders is not None:
            return holders
    return None


@measured("postgres", "begin_epoch")
async def _begin_epoch(begin: Begin, redis_store: RedisStore, event: str, need: Need) -> int | None:
    """Begin an epoch where there is `need` and return it, else None."""
    async with begin() as connection:
        epoch = await connection.fetchval(
            "SELECT epoch FROM events WHERE event = $1 FOR UPDATE", event
        )
        if epoch is None or not need.is_met(await _epoch_of(redis_store, event), epoch):
            return None
        return int(
            await connection.fetchval(
                "UPDATE events SET epoch = epoch + 1 WHERE event = $1 RETURNING epoch", event
            )
        )


@measured("postgres", "restore")
async def _fill(
    begin: Begin, redis_store: RedisStore, event: str, kind: Kind, need: Need, epoch: int
) -> int | None:
    """Fill Redis, as of `epoch`, with what PostgreSQL has and what is left of the stream.

    Return how many holders there are, or None where somebody began another epoch meanwhile: an
    epoch is filled once, by whoever began it, for Redis may have been filled,
    sold from and lost again since.
    """
    keys = EventKeys(event)
    async with begin() as connection:
        details = await connection.fetchrow(
            "SELECT title, tickets, opens_at_ns, epoch FROM events "
            "WHERE event = $1 AND epoch = $2 FOR UPDATE",
            event,
            epoch,
        )
        if details is None:
            return None
        found = await _epoch_of(redis_store, event)
        if not need.is_met(found, epoch):
            return None
        students = await connection.fetch("SELECT student, pin_hash, enrolled FROM students")
        commands: list[tuple[Word, ...]] = [
            *_roster(keys, students),
            ("HSET", keys.details, *(word for pair in details.items() for word in pair)),
            ("SETNX", keys.views, 0),
            ("DEL", keys.restoring),
        ]
        held: list[_Held] = []
        if kind.in_redis:
            rows = await connection.fetch(
                "SELECT student, ticket, number, granted_ns, idempotency FROM tickets "
                "WHERE event = $1 ORDER BY number",
                event,
            )
            written: list[_Held] = [(student, Holder(*rest)) for student, *rest in rows]
            left = kind.streams and found is None
            unwritten = await _unwritten(redis_store, keys, details["tickets"]) if left else []
            held = written + unwritten
            commands += _holders(keys, written, held)
        if kind.streams:
            commands.append(("XGROUP", "CREATE", keys.grants, WRITEBACK_GROUP, "0", "MKSTREAM"))
        await _at_once(redis_store, commands)
    return len(held)


@measured("redis", "read_epoch")
async def _epoch_of(redis_store: RedisStore, event: str) -> int | None:
    """The epoch Redis was restored with; None where it does not have the event."""
    ((tickets, epoch),) = await redis_store.run(
        ("HMGET", EventKeys(event).details, "tickets", "epoch")
    )
    return None if tickets is None else int(epoch or 0)


def _roster(keys: EventKeys, students: list[Any]) -> Iterator[tuple[Word, ...]]:
    yield ("DEL", ROSTER_PINS, keys.enrolled)
    for start in range(0, len(students), _CHUNK):
        part = students[start : start + _CHUNK]
        pins = [word for row in part for word in (row["student"], row["pin_hash"])]
        yield ("HSET", ROSTER_PINS, *pins)
        enrolled = [row["student"] for row in part if row["enrolled"]]
        if enrolled:
            yield ("SADD", keys.enrolled, *enrolled)


def _holders(
    keys: EventKeys, written: list[_Held], held: list[_Held]
) -> Iterator[tuple[Word, ...]]:
    for student, holder in held:
        yield ("HSETNX", keys.holders, student, holder.written())
    for start in range(0, len(written), _CHUNK):
        part = written[start : start + _CHUNK]
        yield ("SADD", keys.issued, *(holder.ticket for _, holder in part))
    granted = max((holder.number for _, holder in held), default=0)
    yield ("EVAL", _RAISE_GRANTED, 1, keys.details, granted)


async def _unwritten(redis_store: RedisStore, keys: EventKeys, tickets: int) -> list[_Held]:
    """What the stream tells of grants; entries that are none are left to the write-back."""
    (entries,) = await redis_store.run(("XRANGE", keys.grants, "-", "+"))
    held = []
    for _, words in entries:
        try:
            student, holder = Holder.of_entry(dict(zip(words[::2], words[1::2], strict=True)))
        except (KeyError, ValueError):
            continue
        if 1 <= holder.number <= tickets:
            held.append((student, holder))
    return held


@measured("redis", "restore")
async def _at_once(redis_store: RedisStore, commands: list[tuple[Word, ...]]) -> None:
    replies = await redis_store.run(("MULTI",), *commands, ("EXEC",))
    for reply in replies[-1]:
        # BUSYGROUP: the stream was left, and its readers with it
        if isinstance(reply, ResponseError) and not str(reply).startswith("BUSYGROUP"):
            raise DependencyDownError("Redis", f"it answered {reply}") from reply
