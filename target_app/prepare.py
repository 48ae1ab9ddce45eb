"""`python -m target_app.prepare`: schema, roster and event into PostgreSQL and Redis.

It may be run again at will. Tickets granted before stay granted: counters are set from the tickets
that exist, and holders that Redis lost are put back from PostgreSQL.
"""

import asyncio
import logging
import os
import sys
from importlib.resources import files
from typing import Any

import asyncpg
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.exceptions import RedisError, ResponseError

from target_app.allocators import ALLOCATIONS
from target_app.errors import RosterError, SettingsError
from target_app.keys import ROSTER_PINS, WRITEBACK_GROUP, EventKeys
from target_app.logs import json_logs
from target_app.roster import Student, read_roster
from target_app.sessions import hash_pin
from target_app.settings import Settings, read_settings

_CHUNK = 2000
_RESERVED_CONNECTIONS = 10  # write-back, the audit, and what PostgreSQL keeps for superusers
_LOG = logging.getLogger("target_app.prepare")

_GUARDS = {
    "tickets_pkey": "PRIMARY KEY (ticket)",
    "tickets_one_a_student": "UNIQUE (event, student)",
    "tickets_one_a_number": "UNIQUE (event, number)",
}


def main() -> int:
    """0 when prepared, 2 where settings or roster are wrong, 1 where a store does not answer."""
    try:
        settings = read_settings(os.environ)
        roster = read_roster(settings.roster_file)
    except (SettingsError, RosterError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    with json_logs("prepare", settings.log_level):
        try:
            asyncio.run(prepare(settings, roster))
        except (OSError, RedisError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            _LOG.error("could not prepare: %s: %s", type(error).__name__, error)
            return 1
    return 0


async def prepare(settings: Settings, roster: list[Student]) -> None:
    """Create what is missing and load `roster` and the event."""
    hashes = [hash_pin(settings.key("pin"), entry.student, entry.pin) for entry in roster]
    connection = await asyncpg.connect(settings.database_dsn)
    try:
        async with connection.transaction():
            await connection.execute(files("target_app").joinpath("schema.sql").read_text("utf-8"))
            await _guard_tickets(connection, ALLOCATIONS[settings.allocation].guarded)
            await _load_students(connection, roster, hashes)
            await _load_event(connection, settings)
        held = await connection.fetch(
            "SELECT * FROM tickets WHERE event = $1 ORDER BY number", settings.event
        )
        room = int(await connection.fetchval("SHOW max_connections"))
    finally:
        await connection.close()
    wanted = settings.workers * settings.postgres_pool
    if wanted + _RESERVED_CONNECTIONS > room:
        _LOG.warning(
            "%d workers with %d connections each want %d of PostgreSQL's %d; lower "
            "APP_POSTGRES_POOL or raise max_connections",
            *(settings.workers, settings.postgres_pool, wanted, room),
        )
    redis = Redis.from_url(settings.redis_url, protocol=2)
    try:
        await _load_redis(redis, settings, roster, hashes, held)
    finally:
        await redis.aclose()
    _LOG.info(
        "prepared",
        extra={
            "students": len(roster),
            "enrolled": sum(entry.enrolled for entry in roster),
            "tickets": settings.tickets,
            "held": len(held),
            "allocation": settings.allocation,
        },
    )


async def _guard_tickets(connection: Any, guarded: bool) -> None:
    present = {
        row["conname"]
        for row in await connection.fetch(
            "SELECT conname FROM pg_constraint WHERE conrelid = 'tickets'::regclass"
        )
    }
    for name, guard in _GUARDS.items():
        if guarded and name not in present:
            await connection.execute(f"ALTER TABLE tickets ADD CONSTRAINT {name} {guard}")
        elif not guarded and name in present:
            await connection.execute(f"ALTER TABLE tickets DROP CONSTRAINT {name}")


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
        *(settings.event, _title(settings.event), settings.tickets, settings.opens_at_ns),
    )
    await connection.execute(
        """
        UPDATE events SET remaining =
            greatest(0, tickets - (SELECT count(*) FROM tickets AS t WHERE t.event = events.event))
        WHERE event = $1
        """,
        settings.event,
    )


async def _load_redis(
    redis: "Redis", settings: Settings, roster: list[Student], hashes: list[str], held: list[Any]
) -> None:
    keys = EventKeys.of(settings.event)
    async with redis.pipeline(transaction=True) as pipe:
        pipe.delete(ROSTER_PINS, keys.enrolled)
        for start in range(0, len(roster), _CHUNK):
            part = slice(start, start + _CHUNK)
            pipe.hset(
                ROSTER_PINS,
                mapping={
                    entry.student: pin_hash
                    for entry, pin_hash in zip(roster[part], hashes[part], strict=True)
                },
            )
            enrolled = [entry.student for entry in roster[part] if entry.enrolled]
            if enrolled:
                pipe.sadd(keys.enrolled, *enrolled)
        pipe.hset(
            keys.details,
            mapping={
                "title": _title(settings.event),
                "tickets": settings.tickets,
                "opens_at_ns": settings.opens_at_ns,
            },
        )
        pipe.setnx(keys.views, 0)
        if ALLOCATIONS[settings.allocation].writes_back:
            _restore_holders(pipe, keys, held)
        await pipe.execute()
    if not ALLOCATIONS[settings.allocation].writes_back:
        return
    await redis.hset(keys.details, "granted", await redis.hlen(keys.holders))
    try:
        await redis.xgroup_create(keys.grants, WRITEBACK_GROUP, id="0", mkstream=True)
    except ResponseError as error:
        if not str(error).startswith("BUSYGROUP"):  # it exists: prepared before
            raise


def _restore_holders(pipe: "Pipeline", keys: EventKeys, held: list[Any]) -> None:
    for row in held:
        pipe.hsetnx(
            keys.holders,
            row["student"],
            f'{{"ticket":"{row["ticket"]}","number":{row["number"]},'
            f'"granted_ns":{row["granted_ns"]},"idempotency":"{row["idempotency"]}"}}',
        )
        pipe.sadd(keys.issued, row["ticket"])


def _title(event: str) -> str:
    return event.replace("_", " ").replace("-", " ").capitalize()


if __name__ == "__main__":
    sys.exit(main())
