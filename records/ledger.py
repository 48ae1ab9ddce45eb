"""The ledger: what each store says was sold and whom the entrance let in, kept row for row."""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
import pyarrow as pa
from redis import RedisError

from dress_rehearsal.records import tables
from dress_rehearsal.records.collectors import postgres, redis
from dress_rehearsal.records.run_directory import RunDirectory

_BASE_TIMEOUT_S = 2.0
_TIMEOUT_S_PER_STUDENT = 20e-6

Row = tuple[str, str, int, int | None, int | None, int | None]
"""A row of `tables.LEDGER`."""

_TICKETS = """
SELECT ticket::text, student::text, number, granted_ns,
       (extract(epoch FROM committed_at) * 1000000000)::bigint
  FROM tickets WHERE event = %s ORDER BY number, ticket
"""

_ENTRIES = """
SELECT ticket::text, (extract(epoch FROM entered_at) * 1000000000)::bigint
  FROM entries WHERE event = %s ORDER BY entered_at, ticket
"""


def read_ledger(
    run: RunDirectory,
    dsn: str | None,
    redis_url: str | None,
    event: str,
    students: Sequence[str],
    *,
    settle_ms: float | None = None,
) -> None:
    """Write every store's tickets to `ledger.parquet`, and stamp each store with their number.

    Beside them the admissions (source `gate`: `granted_ns` is when somebody entered), where
    PostgreSQL has a table `entries`. A row stays a row: a ticket or a student that a store holds
    twice is there twice. A store that does not answer within 2 s (and 20 µs a student) is an error
    on the timeline.

    Args:
        students: student numbers in the roster's order.
        settle_ms: milliseconds that the write-back took to catch up after the last request, if it
            was awaited; stamped with each store.

    Raises:
        RunDirectoryUnusableError: the run directory cannot be written.
    """
    roster = {student: position for position, student in enumerate(students)}
    timeout_s = _BASE_TIMEOUT_S + _TIMEOUT_S_PER_STUDENT * len(roster)
    readings: dict[str, list[Row] | str] = {}
    if dsn is not None:
        found = readings["postgres"] = _postgres_rows(dsn, event, roster, timeout_s)
        admitted = None if isinstance(found, str) else _admission_rows(dsn, event, found, timeout_s)
        if admitted is not None:
            readings["gate"] = admitted
    if redis_url is not None:
        held = _redis_rows(redis_url, event, roster, timeout_s)
        if held is None and run.plan().app.holders_in_redis:
            held = []  # the hash should be there: the store says that nobody holds a ticket
        if held is not None:
            readings["redis"] = held
    rows = [row for said in readings.values() if not isinstance(said, str) for row in said]
    columns = zip(*rows, strict=True) if rows else ([] for _ in tables.LEDGER.names)
    run.write_table(
        "ledger.parquet",
        pa.table(
            dict(zip(tables.LEDGER.names, map(list, columns), strict=True)), schema=tables.LEDGER
        ),
    )
    settled: dict[str, Any] = {} if settle_ms is None else {"settle_ms": settle_ms}
    for store, said in readings.items():
        if isinstance(said, str):
            run.stamp("ledger", store, error=said)
        else:
            run.stamp("ledger", store, tickets=len(said), **settled)


def _postgres_rows(
    dsn: str, event: str, roster: Mapping[str, int], timeout_s: float
) -> list[Row] | str:
    """Return the tickets PostgreSQL holds, or the sentence that says why they cannot be read."""
    try:
        found = _asked(dsn, _TICKETS, event, timeout_s)
    except psycopg.Error as error:
        return f"PostgreSQL's tickets cannot be read: {str(error).strip()}"
    return [
        ("postgres", ticket, roster.get(student, -1), number, granted_ns, committed_ns)
        for ticket, student, number, granted_ns, committed_ns in found
    ]


def _admission_rows(
    dsn: str, event: str, tickets: list[Row], timeout_s: float
) -> list[Row] | str | None:
    """Return who entered, why that cannot be read, or None when nobody keeps a record of it."""
    try:
        found = _asked(dsn, _ENTRIES, event, timeout_s)
    except psycopg.errors.UndefinedTable:
        return None
    except psycopg.Error as error:
        return f"The admissions at the entrance cannot be read: {str(error).strip()}"
    holder = {ticket: student for _, ticket, student, *_ in tickets}
    return [
        ("gate", ticket, holder.get(ticket, -1), None, entered_ns, None)
        for ticket, entered_ns in found
    ]


def _asked(dsn: str, query: str, event: str, timeout_s: float) -> list[tuple[Any, ...]]:
    """Run one of this file's queries, all in all within `timeout_s`."""
    until_s = time.monotonic() + timeout_s
    connection = postgres.connect(dsn, statement_timeout_s=timeout_s)
    try:
        with postgres.cut_off_after(connection, until_s - time.monotonic()):
            return connection.execute(query, [event]).fetchall()
    finally:
        connection.close()


def _redis_rows(
    url: str, event: str, roster: Mapping[str, int], timeout_s: float
) -> list[Row] | str | None:
    """Return the tickets Redis holds, why they cannot be read, or None when it holds no hash."""
    key = redis.holders(event)
    client = redis.connect(url, timeout_s=timeout_s / 2)
    try:
        holders: Any = client.hgetall(key)
    except (RedisError, OSError) as error:
        return f"Redis's tickets cannot be read: {error}"
    finally:
        client.close()
    rows: list[Row] = []
    for student, text in holders.items():
        try:
            grant = json.loads(text)
            ticket, number, granted_ns = grant["ticket"], grant["number"], grant["granted_ns"]
            row = (str(ticket), roster.get(student, -1), int(number), int(granted_ns))
        except (ValueError, KeyError, TypeError) as error:
            return (
                f"Redis's tickets cannot be read: {key} holds for {student} what is not JSON with "
                f"ticket, number and granted_ns: {error!r}"
            )
        rows.append(("redis", *row, None))
    return sorted(rows, key=lambda row: (row[3] or 0, row[1])) if rows else None
