"""Rows of tickets in PostgreSQL, as the write-back worker writes them: together, or one by one."""

import logging
from collections.abc import Callable
from typing import Any

import asyncpg
from prometheus_client import Counter, Histogram

from dress_rehearsal.target_app.errors import UnavailableError
from dress_rehearsal.target_app.faults import FAULTS
from dress_rehearsal.target_app.stores.postgres import Database
from dress_rehearsal.target_app.telemetry.boundaries import measured
from dress_rehearsal.target_app.telemetry.metrics import POOL_EDGES_S, REGISTRY
from dress_rehearsal.target_app.writeback.stream import Batch, Entry

COMMITTED = Counter(
    "writeback_committed", "Tickets whose row this worker committed.", registry=REGISTRY
)
BATCH_TIME = Histogram(
    "writeback_batch_seconds",
    "Time to write one batch of grants to PostgreSQL.",
    buckets=POOL_EDGES_S,
    registry=REGISTRY,
)

_PLAIN_INSERT = """
INSERT INTO tickets (event, ticket, student, number, granted_ns, idempotency)
SELECT $1, * FROM unnest($2::text[], $3::text[], $4::int[], $5::bigint[], $6::text[])
"""
_INSERT = f"{_PLAIN_INSERT} ON CONFLICT DO NOTHING RETURNING ticket"
_ALREADY = "SELECT ticket FROM tickets WHERE event = $1 AND ticket = ANY($2::text[])"
# Locked, so that a restoration of Redis comes before these rows or sees them.
_EPOCH = "SELECT epoch FROM events WHERE event = $1 FOR SHARE"
_LOG = logging.getLogger(__name__)


class OutdatedError(UnavailableError):
    """Redis was restored since the batch was read; nothing of it was written."""

    def __init__(self) -> None:
        super().__init__("Redis was restored since these grants were read; read them again.")


class Rows:
    """Writes grants as rows, any number of times with the same result."""

    def __init__(
        self,
        database: Database,
        event: str,
        set_aside: Callable[[str, str], None],
        doubt: Callable[[], None] = lambda: None,
    ) -> None:
        """`doubt` is told when something was refused for its epoch."""
        self._database = database
        self._event = event
        self._set_aside = set_aside
        self._doubt = doubt

    async def write(self, batch: Batch) -> list[Entry]:
        """Write the batch in one transaction and return the entries whose row is committed.

        Where PostgreSQL refuses the batch, its entries are written one by one, and the ones it
        refuses again are set aside. Entries that tell an epoch which is over are left out.

        Raises `DependencyDownError` when PostgreSQL does not answer and `OutdatedError` when the
        batch is of such an epoch.
        """
        with BATCH_TIME.time():
            try:
                if FAULTS.strikes("redelivery"):
                    return await self._write_twice(batch)
                return await self._write(batch)
            except (asyncpg.PostgresError, OverflowError, ValueError) as error:
                _LOG.warning("a batch was refused; writing it row by row: %s", error)
            written = []
            for entry in batch.entries:
                try:
                    written += await self._write(Batch([entry], batch.epoch))
                except (asyncpg.PostgresError, OverflowError, ValueError) as error:
                    self._set_aside(entry.id, f"{type(error).__name__}: {error}")
            return written

    @measured("postgres", "write_batch")
    async def _write(self, batch: Batch) -> list[Entry]:
        async with self._database.transaction() as connection:
            epoch = await connection.fetchval(_EPOCH, self._event)
            if batch.epoch is not None and batch.epoch != epoch:
                self._doubt()
                raise OutdatedError
            valid = [entry for entry in batch.entries if entry.epoch in (None, epoch)]
            rows = await connection.fetch(_INSERT, self._event, *_columns(valid))
            inserted = {row["ticket"] for row in rows}
            found = set(inserted)
            if len(inserted) < len(batch.entries):
                rest = [entry.ticket for entry in batch.entries if entry.ticket not in inserted]
                rows = await connection.fetch(_ALREADY, self._event, rest)
                found |= {row["ticket"] for row in rows}
        COMMITTED.inc(len(inserted))
        for entry in batch.entries:
            if entry.ticket in found:
                continue
            if entry.epoch in (None, epoch):
                self._set_aside(entry.id, "another ticket has its student or its number")
            else:
                self._doubt()
        return [entry for entry in batch.entries if entry.ticket in found]

    @measured("postgres", "write_batch_twice")
    async def _write_twice(self, batch: Batch) -> list[Entry]:
        """The fault `redelivery`: delivered twice, written twice, and nobody looks.

        Only a table without constraints takes it; one that has them refuses the whole of it.
        """
        async with self._database.transaction() as connection:
            for _ in range(2):
                await connection.execute(_PLAIN_INSERT, self._event, *_columns(batch.entries))
        COMMITTED.inc(2 * len(batch.entries))
        return batch.entries


def _columns(entries: list[Entry]) -> tuple[list[Any], ...]:
    return (
        [entry.ticket for entry in entries],
        [entry.student for entry in entries],
        [entry.number for entry in entries],
        [entry.granted_ns for entry in entries],
        [entry.idempotency for entry in entries],
    )
