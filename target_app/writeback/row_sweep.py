"""The row sweep of `redis_script`: grants that Redis holds without a row in PostgreSQL get it.

A request that dies, or finds PostgreSQL down, between its grant and its row leaves such a grant,
which nobody else can have. The student's next click writes the row; the sweep is for students who
do not come back.
"""

import logging
import time
from collections import deque
from collections.abc import Callable

from dress_rehearsal.target_app.allocators.redis_script import RedisScript
from dress_rehearsal.target_app.errors import UnavailableError
from dress_rehearsal.target_app.periodic import Periodic
from dress_rehearsal.target_app.stores.postgres import Database
from dress_rehearsal.target_app.stores.redis import RedisStore
from dress_rehearsal.target_app.stores.redis_keys import EventKeys, Holder
from dress_rehearsal.target_app.telemetry.boundaries import measured
from dress_rehearsal.target_app.writeback.rows import Rows
from dress_rehearsal.target_app.writeback.stream import Batch, Entry

SWEEP_S = 1.0
LOOKS = 3  # that a grant has to be without a row in
OLD_S = (LOOKS - 1) * SWEEP_S
_CHUNK = 500
_LOG = logging.getLogger(__name__)


class RowSweep:
    """Compares every second how many tickets are held and how many of them have their row.

    Only where that differs, and has for a while, one of the workers looks for which they are.
    Writing the row of a request still under way is harmless: one row comes.
    """

    def __init__(
        self,
        allocator: RedisScript,
        database: Database,
        redis_store: RedisStore,
        doubt: Callable[[], None],
        tell: Callable[[str, str], None],
    ) -> None:
        self._allocator = allocator
        allocator.doubt = doubt
        self._redis_store = redis_store
        self._tell = tell
        self._keys = EventKeys(allocator.event)
        self._rows = Rows(database, allocator.event, self._set_aside, doubt)
        self._held: deque[int] = deque(maxlen=LOOKS)
        self._poisoned: set[str] = set()
        self._periodic = Periodic("row-sweep", SWEEP_S, self._try)

    def open(self) -> None:
        """Start sweeping."""
        self._periodic.start()

    async def close(self) -> None:
        """Stop sweeping."""
        await self._periodic.stop()

    async def sweep(self) -> int:
        """Look once; return for how many grants a row was written or found.

        Raises `OverloadedError` and `DependencyDownError`.
        """
        held, issued, epoch = await self._compare()
        self._held.append(held)
        enough = issued + len(self._poisoned) >= min(self._held)
        if enough or len(self._held) < LOOKS or epoch is None or not await self._is_ours_to_do():
            return 0
        found = 0
        cursor = b"0"
        while True:
            cursor, entries = await self._read(cursor)
            if entries:
                written = await self._rows.write(Batch(entries, epoch))
                self._allocator.committed += [entry.ticket for entry in written]
                found += len(written)
            if cursor == b"0":
                break
        if found:
            _LOG.warning("grants were without a row; written now", extra={"grants": found})
        return found

    async def _try(self) -> None:
        try:
            await self.sweep()
        except UnavailableError as error:
            _LOG.debug("grants without a row cannot be seen to: %s", error)

    @measured("redis", "mark_issued")
    async def _compare(self) -> tuple[int, int, int | None]:
        """How many tickets are held, how many have their row, after telling of new ones; epoch."""
        committed = self._allocator.committed[:]
        mark = [("SADD", self._keys.issued, *committed)] if committed else []
        *_, held, issued, epoch = await self._redis_store.run(
            *mark,
            ("HLEN", self._keys.holders),
            ("SCARD", self._keys.issued),
            ("HGET", self._keys.details, "epoch"),
        )
        del self._allocator.committed[: len(committed)]
        return held, issued, None if epoch is None else int(epoch)

    @measured("redis", "claim_sweep")
    async def _is_ours_to_do(self) -> bool:
        held_ms = round(SWEEP_S * 900)  # until just before this worker's next look
        (claimed,) = await self._redis_store.run(
            ("SET", self._keys.sweeping, 1, "NX", "PX", held_ms)
        )
        return bool(claimed)

    @measured("redis", "read_holders")
    async def _read(self, cursor: bytes) -> tuple[bytes, list[Entry]]:
        """The next holders, of them the old ones whose row is not known to be committed."""
        ((cursor, words),) = await self._redis_store.run(
            ("HSCAN", self._keys.holders, cursor, "COUNT", _CHUNK)
        )
        if not words:
            return cursor, []
        now_ns = time.time_ns()
        entries = []
        for student, text in zip(words[::2], words[1::2], strict=True):
            holder = Holder.read(text)
            if holder.age_s(now_ns) > OLD_S:
                entries.append(Entry.of(holder.ticket, student.decode(), holder))
        if not entries:
            return cursor, []
        (known,) = await self._redis_store.run(
            ("SMISMEMBER", self._keys.issued, *(entry.ticket for entry in entries))
        )
        return cursor, [
            entry
            for entry, issued in zip(entries, known, strict=True)
            if not issued and entry.ticket not in self._poisoned
        ]

    def _set_aside(self, ticket: str, why: str) -> None:
        """Leave a grant that cannot be written, and say so."""
        self._poisoned.add(ticket)
        self._tell("poisoned", f"Ticket {ticket} cannot be written: {why}.")
        _LOG.error("a grant cannot be written", extra={"ticket": ticket, "reason": why})
