"""Brings schema, roster and event into PostgreSQL and Redis.

Run as `python -m dress_rehearsal.target_app.prepare`.

It may be run again at will. Tickets granted before stay granted: counters are set from the tickets
that exist, and holders that Redis lost are put back from PostgreSQL.
"""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Any

import asyncpg

from dress_rehearsal.target_app.allocators import ALLOCATIONS
from dress_rehearsal.target_app.errors import RosterError, SettingsError, UnavailableError
from dress_rehearsal.target_app.queues.setup import make_queue
from dress_rehearsal.target_app.roster import Student, read_roster
from dress_rehearsal.target_app.secret_files import environment
from dress_rehearsal.target_app.sessions import hash_pin
from dress_rehearsal.target_app.settings import Settings
from dress_rehearsal.target_app.stores.constraints import drop_constraints, ensure_constraints
from dress_rehearsal.target_app.stores.redis import RedisStore
from dress_rehearsal.target_app.stores.redis_keys import EventKeys
from dress_rehearsal.target_app.stores.restore import Kind, restore
from dress_rehearsal.target_app.telemetry.logs import json_logs

_TIMEOUT_S = 2.0
_RESERVED_CONNECTIONS = 10  # write-back, the audit, and what PostgreSQL keeps for superusers
_LOG = logging.getLogger("dress_rehearsal.target_app.prepare")


def main() -> int:
    """Prepare; return 0 when done, 2 where settings or roster are wrong, 1 where a store fails."""
    try:
        settings = Settings.read(environment())
        roster = read_roster(settings.roster_file)
    except (SettingsError, RosterError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    with json_logs("prepare", settings.log_level):
        try:
            asyncio.run(prepare(settings, roster))
        except (OSError, UnavailableError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            _LOG.error("could not prepare: %s: %s", type(error).__name__, error)
            return 1
    return 0


async def prepare(settings: Settings, roster: list[Student]) -> None:
    """Create what is missing and load `roster` and the event."""
    hashes = [hash_pin(settings.key("pin"), entry.student, entry.pin) for entry in roster]
    connection = await asyncpg.connect(settings.database_dsn)
    try:
        async with connection.transaction():
            await connection.execute(
                files("dress_rehearsal.target_app").joinpath("stores/schema.sql").read_text("utf-8")
            )
            constrained = ALLOCATIONS[settings.allocation].constrained
            await (ensure_constraints if constrained else drop_constraints)(connection)
            await ensure_constraints(connection, "entries")
            await _load_students(connection, roster, hashes)
            await _load_event(connection, settings)
            if settings.allocation == "skip_locked":
                await _load_seats(connection, settings)
        await _load_redis(settings, connection)
        held = await connection.fetchval(
            "SELECT count(*) FROM tickets WHERE event = $1", settings.event
        )
        room = int(await connection.fetchval("SHOW max_connections"))
    finally:
        await connection.close()
    wanted = settings.workers * settings.postgres_pool
    if wanted + _RESERVED_CONNECTIONS > room:
        _LOG.warning(
            "%d workers with %d connections each want %d of PostgreSQL's %d; lower "
            "APP_POSTGRES_POOL or raise max_connections",
            settings.workers,
            settings.postgres_pool,
            wanted,
            room,
        )
    _LOG.info(
        "prepared",
        extra={
            "students": len(roster),
            "enrolled": sum(entry.enrolled for entry in roster),
            "tickets": settings.tickets,
            "held": held,
            "allocation": settings.allocation,
        },
    )


async def _load_students(connection: Any, roster: list[Student], hashes: list[str]) -> None:
    await connection.execute("DELETE FROM students")
    await connection.copy_records_to_table(
        "students",
        columns=("student", "position", "pin_hash", "enrolled"),
        records=[
            (entry.student, position, pin_hash, entry.enrolled)
            for position, (entry, pin_hash) in enumerate(zip(roster, hashes, strict=True))
        ],
    )


async def _load_event(connection: Any, settings: Settings) -> None:
    await connection.execute(
        """
        INSERT INTO events (event, title, tickets, remaining, opens_at_ns)
        VALUES ($1, $2, $3, $3, $4)
        ON CONFLICT (event) DO UPDATE SET
            title = excluded.title, tickets = excluded.tickets, opens_at_ns = excluded.opens_at_ns
        """,
        settings.event,
        _title(settings.event),
        settings.tickets,
        settings.opens_at_ns,
    )
    await connection.execute(
        """
        UPDATE events SET remaining = greatest(0, tickets - (
            SELECT greatest(count(*), max(number)) FROM tickets AS t WHERE t.event = events.event
        ))
        WHERE event = $1
        """,
        settings.event,
    )


async def _load_seats(connection: Any, settings: Settings) -> None:
    """A seat for each ticket there is, and free ones for those still to be sold."""
    await connection.execute("DELETE FROM seats WHERE event = $1", settings.event)
    await connection.execute(
        """
        INSERT INTO seats (event, number, ticket)
        SELECT event, number, ticket FROM tickets WHERE event = $1
        """,
        settings.event,
    )
    await connection.execute(
        """
        INSERT INTO seats (event, number)
        SELECT $1, number FROM generate_series(1, $2) AS number
        WHERE number NOT IN (SELECT number FROM seats WHERE event = $1)
        ORDER BY number
        LIMIT greatest(0, $2 - (SELECT count(*) FROM seats WHERE event = $1))
        """,
        settings.event,
        settings.tickets,
    )


async def _load_redis(settings: Settings, connection: Any) -> None:
    """Restore Redis in full from the tables just filled, whatever of it is there."""

    @asynccontextmanager
    async def begin() -> AsyncIterator[Any]:
        async with connection.transaction():
            yield connection

    allocator = ALLOCATIONS[settings.allocation]
    redis_store = RedisStore(settings.redis_url, 1, _TIMEOUT_S)
    try:
        if await _may_load(settings, redis_store):
            kind = Kind(allocator.in_redis, allocator.streams)
            await restore(begin, redis_store, settings.event, kind)
    finally:
        await redis_store.close()


async def _may_load(settings: Settings, redis_store: RedisStore) -> bool:
    """Create the queues where there are to be some; False where a restoration has to wait."""
    queue = make_queue(settings)
    if queue is None:
        return True
    await queue.open()
    try:
        await queue.create()
        waiting = (await queue.count()).waiting
    finally:
        await queue.close()
    (there,) = await redis_store.run(("HEXISTS", EventKeys(settings.event).details, "tickets"))
    if not there and waiting:
        _LOG.warning(
            "%d grants wait in the queue and Redis has forgotten them: the write-back writes them, "
            "then restores Redis; until then nothing is sold",
            waiting,
        )
    return bool(there) or not waiting


def _title(event: str) -> str:
    return event.replace("_", " ").replace("-", " ").capitalize()


if __name__ == "__main__":
    sys.exit(main())
