"""The ledger of tickets in PostgreSQL as the write-back worker fills it: all rows or one by one."""

import logging
from collections.abc import Callable
from typing import Any

import asyncpg
from prometheus_client import Counter, Histogram

from target_app.database import Database
from target_app.grants import Entry
from target_app.measured import measured
from target_app.metrics import POOL_EDGES_S, REGISTRY

COMMITTED = Counter(
    "writeback_committed", "Tickets whose row this worker committed.", registry=REGISTRY
)
BATCH_TIME = Histogram(
    "writeback_batch_seconds",
    "Time to write one batch of grants to PostgreSQL.",
    buckets=POOL_EDGES_S,
    registry=REGISTRY,
)

_INSERT = """
INSERT INTO tickets (event, ticket, student, number, granted_ns, idempotency)
SELECT $1, * FROM unnest($2::text[], $3::text[], $4::int[], $5::bigint[], $6::text[])
ON CONFLICT DO NOTHING
RETURNING ticket
"""
_ALREADY = "SELECT ticket FROM tickets WHERE event = $1 AND ticket = ANY($2::text[])"
_LOG = logging.getLogger(__name__)


class Ledger:
    """Writes grants as rows, any number of times with the same result."""

    def __init__(
        self, database: Database, event: str, set_aside: Callable[[str, str], None]
    ) -> None:
        self._database = database
        self._event = event
        self._set_aside = set_aside

    async def write(self, batch: list[Entry]) -> list[Entry]:
        """Write the batch in one transaction and return the entries whose row is committed.

        Where PostgreSQL refuses the batch, its entries are written one by one, and the ones it
        refuses again are set aside. Raises `DependencyDown` when it does not answer.
        """
        with BATCH_TIME.time():
            try:
                return await self._write(batch)
            except (asyncpg.PostgresError, OverflowError, ValueError) as error:
                _LOG.warning("a batch was refused; writing it row by row: %s", error)
            written = []
            for entry in batch:
                try:
                    written += await self._write([entry])
                except (asyncpg.PostgresError, OverflowError, ValueError) as error:
                    self._set_aside(entry.id, f"{type(error).__name__}: {error}")
            return written

    @measured("postgres", "write_batch")
    async def _write(self, batch: list[Entry]) -> list[Entry]:
        async with self._database.transaction() as connection:
            inserted = {row["ticket"] for row in await self._insert(connection, batch)}
            found = set(inserted)
            if len(inserted) < len(batch):
                rest = [entry.ticket for entry in batch if entry.ticket not in inserted]
                rows = await connection.fetch(_ALREADY, self._event, rest)
                found |= {row["ticket"] for row in rows}
        COMMITTED.inc(len(inserted))
        for entry in batch:
            if entry.ticket not in found:
                self._set_aside(entry.id, "another ticket has its student or its number")
        return [entry for entry in batch if entry.ticket in found]

    async def _insert(self, connection: Any, batch: list[Entry]) -> Any:
        return await connection.fetch(
            _INSERT,
            self._event,
            [entry.ticket for entry in batch],
            [entry.student for entry in batch],
            [entry.number for entry in batch],
            [entry.granted_ns for entry in batch],
            [entry.idempotency for entry in batch],
        )
