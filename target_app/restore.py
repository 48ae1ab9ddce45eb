"""Restoring Redis: what it lost is put back from PostgreSQL and from what is left of the stream.

PostgreSQL counts the restorations (`events.epoch`), and a restoration holds the event's row while
it reads the tickets. Whoever writes a row for a grant made in Redis can so tell, within its own
transaction, whether numbers were handed out anew since the grant was read.
"""

import logging
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, NamedTuple

import asyncpg
from prometheus_client import Counter
from redis.exceptions import ResponseError

from target_app.cache import Cache, Word
from target_app.database import Database
from target_app.errors import DependencyDown
from target_app.keys import ROSTER_PINS, WRITEBACK_GROUP, EventKeys
from target_app.measured import measured
from target_app.metrics import REGISTRY

RESTORED = Counter(
    "redis_restored", "Times this process put back what Redis had lost.", registry=REGISTRY
)
LOCK_MS = 2_000  # it only spares the others the wait; what makes sure is the event's row
_CHUNK = 2_000
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


class _Holder(NamedTuple):
    student: str
    ticket: str
    number: int
    granted_ns: int
    idempotency: str

    def json(self) -> str:
        return (
            f'{{"ticket":"{self.ticket}","number":{self.number},'
            f'"granted_ns":{self.granted_ns},"idempotency":"{self.idempotency}"}}'
        )


class Restorer:
    """Puts an event back into a Redis that lost it, once, whoever of all processes notices.

    Until then Redis grants nothing: the script that grants wants the event's details, and they
    come back together with everything else. Sessions are not restored; students log in again.
    """

    def __init__(
        self,
        database: Database,
        cache: Cache,
        event: str,
        kind: Kind,
        tell: Callable[[str, str], None] | None = None,
    ) -> None:
        self._database = database
        self._cache = cache
        self._event = event
        self._kind = kind
        self._keys = EventKeys.of(event)
        self._tell = tell

    async def if_missing(self, may: Callable[[], Awaitable[bool]] | None = None) -> bool:
        """Restore where the event is missing and `may` agrees; returns whether that was done.

        Raises `Overloaded` and `DependencyDown`.
        """
        if await self._is_there() or (may is not None and not await may()):
            return False
        (locked,) = await self._cache.run(("SET", self._keys.restoring, 1, "NX", "PX", LOCK_MS))
        return bool(locked) and await self._restore()

    @measured("redis", "is_event_there")
    async def _is_there(self) -> bool:
        (there,) = await self._cache.run(("EXISTS", self._keys.details))
        return bool(there)

    async def _restore(self) -> bool:
        try:
            async with self._database.transaction() as connection:
                holders = await restore(
                    connection, self._cache, self._event, self._kind, only_missing=True
                )
        except asyncpg.UndefinedTableError:
            return False  # never prepared
        if holders is None:
            return False
        RESTORED.inc()
        what = f"Redis had lost {self._event}; restored with {holders} tickets held"
        _LOG.warning(what, extra={"holders": holders})
        if self._tell is not None:
            self._tell("restored", what)
        return True


async def restore(
    connection: Any, cache: Cache, event: str, kind: Kind, *, only_missing: bool = False
) -> int | None:
    """Put roster, event and holders into Redis, all at one instant; what is there already stays.

    `connection` must be in a transaction. Returns how many holders there are to know of, or None
    where PostgreSQL does not know the event or, with `only_missing`, Redis has it after all.
    """
    keys = EventKeys.of(event)
    details = await connection.fetchrow(
        "UPDATE events SET epoch = epoch + 1 WHERE event = $1 "
        "RETURNING title, tickets, opens_at_ns, epoch",
        event,
    )
    if details is None:
        return None
    (there,) = await cache.run(("EXISTS", keys.details))
    if there and only_missing:
        return None
    students = await connection.fetch("SELECT student, pin_hash, enrolled FROM students")
    commands: list[tuple[Word, ...]] = [
        *_roster(keys, students),
        ("HSET", keys.details, *(word for pair in details.items() for word in pair)),
        ("SETNX", keys.views, 0),
        ("DEL", keys.restoring),
    ]
    holders: list[_Holder] = []
    if kind.in_redis:
        rows = await connection.fetch(
            "SELECT student, ticket, number, granted_ns, idempotency FROM tickets "
            "WHERE event = $1 ORDER BY number",
            event,
        )
        written = [_Holder(*row) for row in rows]
        lost = kind.streams and not there
        holders = written + (await _unwritten(cache, keys, details["tickets"]) if lost else [])
        commands += _holders(keys, written, holders)
    if kind.streams:
        commands.append(("XGROUP", "CREATE", keys.grants, WRITEBACK_GROUP, "0", "MKSTREAM"))
    await _at_once(cache, commands)
    return len(holders)


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
    keys: EventKeys, written: list[_Holder], holders: list[_Holder]
) -> Iterator[tuple[Word, ...]]:
    for holder in holders:
        yield ("HSETNX", keys.holders, holder.student, holder.json())
    for start in range(0, len(written), _CHUNK):
        yield ("SADD", keys.issued, *(row.ticket for row in written[start : start + _CHUNK]))
    granted = max((holder.number for holder in holders), default=0)
    yield ("EVAL", _RAISE_GRANTED, 1, keys.details, granted)


async def _unwritten(cache: Cache, keys: EventKeys, tickets: int) -> list[_Holder]:
    """What the stream tells of grants; entries that are none are left to the write-back."""
    (entries,) = await cache.run(("XRANGE", keys.grants, "-", "+"))
    holders = []
    for _, words in entries:
        fields = dict(zip(words[::2], words[1::2], strict=True))
        try:
            holder = _Holder(
                fields[b"student"].decode(),
                fields[b"ticket"].decode(),
                int(fields[b"number"]),
                int(fields[b"granted_ns"]),
                fields[b"idempotency"].decode(),
            )
        except (KeyError, ValueError):
            continue
        if 1 <= holder.number <= tickets:
            holders.append(holder)
    return holders


@measured("redis", "restore")
async def _at_once(cache: Cache, commands: list[tuple[Word, ...]]) -> None:
    replies = await cache.run(("MULTI",), *commands, ("EXEC",))
    for reply in replies[-1]:
        # BUSYGROUP: the stream was left, and its readers with it
        if isinstance(reply, ResponseError) and not str(reply).startswith("BUSYGROUP"):
            raise DependencyDown("Redis", f"it answered {reply}") from reply
