"""The ledger: what each store says was sold, read after the run and kept row for row."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
import pyarrow as pa
from redis import RedisError

from records import postgres, redis_server, tables
from records.run_directory import RunDirectory

_POLL_S = 0.02
_BASE_TIMEOUT_S = 2.0
_TIMEOUT_S_PER_STUDENT = 20e-6

Row = tuple[str, str, int, int | None, int | None, int | None]
"""A row of `tables.LEDGER`."""

_TICKETS = """
SELECT ticket::text, student::text, number, granted_ns,
       (extract(epoch FROM committed_at) * 1000000000)::bigint
  FROM tickets WHERE event = %s ORDER BY number, ticket
"""


@dataclass(frozen=True, slots=True)
class StoreReading:
    """How many tickets a store holds, or the sentence that says why it could not be read."""

    store: str
    tickets: int | None
    error: str | None


def read_ledger(
    run: RunDirectory,
    dsn: str | None,
    redis_url: str | None,
    event: str,
    students: Sequence[str],
    *,
    settle_ms: float | None = None,
) -> list[StoreReading]:
    """Write every store's tickets to `ledger.parquet` and stamp each store on the timeline.

    A row stays a row: a ticket or a student that a store holds twice is there twice. A store that
    does not answer within 2 s (and 20 µs a student) is an error on the timeline.

    Args:
        students: student numbers in the roster's order.
        settle_ms: how long the write-back took to catch up after the last request, if it was
            awaited; stamped with each store.

    Raises:
        RunDirectoryUnusable: the run directory cannot be written.
    """
    roster = {student: position for position, student in enumerate(students)}
    timeout_s = _BASE_TIMEOUT_S + _TIMEOUT_S_PER_STUDENT * len(roster)
    rows: list[Row] = []
    readings: list[StoreReading] = []
    if dsn is not None:
        found = _postgres_rows(dsn, event, roster, timeout_s)
        readings.append(_reading("postgres", found, rows))
    if redis_url is not None:
        held = _redis_rows(redis_url, event, roster, timeout_s)
        if held is None and run.plan().app.allocation.startswith("redis"):
            held = []  # the hash should be there: the store says that nobody holds a ticket
        if held is not None:
            readings.append(_reading("redis", held, rows))
    columns = zip(*rows, strict=True) if rows else ([] for _ in tables.LEDGER.names)
    run.write_table(
        "ledger.parquet",
        pa.table(
            dict(zip(tables.LEDGER.names, map(list, columns), strict=True)), schema=tables.LEDGER
        ),
    )
    settled: dict[str, Any] = {} if settle_ms is None else {"settle_ms": settle_ms}
    for reading in readings:
        if reading.error is not None:
            run.stamp("ledger", reading.store, error=reading.error)
        else:
            run.stamp("ledger", reading.store, tickets=reading.tickets, **settled)
    return readings


def await_settled(redis_url: str | None, event: str, deadline_s: float) -> bool:
    """Wait up to `deadline_s` seconds until everything granted has been written back.

    Returns:
        True when the grants stream has neither pending nor undelivered entries, or there is no
        such stream; False when it still had, or Redis gave no answer.
    """
    if redis_url is None:
        return True
    until_s = time.monotonic() + deadline_s
    client = redis_server.connect(redis_url, timeout_s=max(0.1, min(1.0, deadline_s)))
    stream = redis_server.grants_stream(event)
    try:
        while True:
            try:
                if _settled(client, stream):
                    return True
            except (RedisError, OSError):
                pass  # perhaps it comes back; if not, the deadline answers
            if time.monotonic() >= until_s:
                return False
            time.sleep(_POLL_S)
    finally:
        client.close()


def _settled(client: Any, stream: str) -> bool:
    if not client.exists(stream):
        return True
    groups = client.xinfo_groups(stream)
    if not groups:
        return not client.xlen(stream)
    return all(
        not group["pending"]
        and not client.xrange(stream, min=f"({group['last-delivered-id']}", count=1)
        for group in groups
    )


def _reading(store: str, found: list[Row] | str, rows: list[Row]) -> StoreReading:
    if isinstance(found, str):
        return StoreReading(store, None, found)
    rows += found
    return StoreReading(store, len(found), None)


def _postgres_rows(
    dsn: str, event: str, roster: Mapping[str, int], timeout_s: float
) -> list[Row] | str:
    """Give the tickets PostgreSQL holds, or the sentence that says why they cannot be read."""
    until_s = time.monotonic() + timeout_s
    try:
        connection = postgres.connect(dsn, statement_timeout_s=timeout_s)
        try:
            with postgres.cut_off_after(connection, until_s - time.monotonic()):
                found = connection.execute(_TICKETS, [event]).fetchall()
        finally:
            connection.close()
    except psycopg.Error as error:
        return f"PostgreSQL's tickets cannot be read: {str(error).strip()}"
    return [
        ("postgres", ticket, roster.get(student, -1), number, granted_ns, committed_ns)
        for ticket, student, number, granted_ns, committed_ns in found
    ]


def _redis_rows(
    url: str, event: str, roster: Mapping[str, int], timeout_s: float
) -> list[Row] | str | None:
    """Give the tickets Redis holds, why they cannot be read, or None when it holds no hash."""
    key = f"event:{event}:holders"
    client = redis_server.connect(url, timeout_s=timeout_s / 2)
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
