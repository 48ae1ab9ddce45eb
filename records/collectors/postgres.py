"""PostgreSQL: its own account of its connections and transactions."""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any, Final

import psycopg

from dress_rehearsal.records.samples import Reading, Series, SourceUnreadableError, labels_json

APPLICATION: Final = "dress-rehearsal"
"""The `application_name` of the harness's own connections, which it does not count."""

_TIMEOUT_S = 1.0
_LOCK_TIMEOUT_MS = 50
_TICKETS = "SELECT count(*) FROM tickets WHERE event = %s"
_STATES = ("active", "idle", "idle in transaction", "idle in transaction (aborted)")
"""Written at every tick, also at 0, so that a state that ends is seen to end."""

_STATISTICS = f"""
SELECT state, others, total, lock_waiting, xact_commit, xact_rollback, deadlocks,
       current_setting('max_connections')::int
  FROM (SELECT coalesce(state, 'unknown') AS state,
               count(*) FILTER (WHERE application_name <> '{APPLICATION}') AS others,
               count(*) AS total,
               count(*) FILTER (WHERE wait_event_type = 'Lock') AS lock_waiting
          FROM pg_stat_activity WHERE backend_type = 'client backend' GROUP BY 1) AS activity,
       pg_stat_database WHERE datname = current_database()
"""  # noqa: S608 — a constant of this file


def connect(dsn: str, *, statement_timeout_s: float) -> psycopg.Connection[tuple[Any, ...]]:
    """Return a connection of the harness; gives up after 2 s, the least libpq allows.

    Raises:
        psycopg.OperationalError: there is no answer, or a refusal.
    """
    return psycopg.connect(
        dsn,
        autocommit=True,
        application_name=APPLICATION,
        connect_timeout=2,
        options=f"-c statement_timeout={round(statement_timeout_s * 1000)}",
    )


@contextlib.contextmanager
def cut_off_after(
    connection: psycopg.Connection[tuple[Any, ...]], seconds: float
) -> Iterator[None]:
    """Let nothing on `connection` take longer than `seconds`, even if the server is suspended.

    `statement_timeout` is the server's own and cannot help then, so the socket is shut down;
    libpq sees the end of its stream and raises `psycopg.OperationalError`.
    """
    timer = threading.Timer(max(0.0, seconds), _shut_down, [connection.fileno()])
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


def _shut_down(descriptor: int) -> None:
    with socket.socket(fileno=os.dup(descriptor)) as duplicate, contextlib.suppress(OSError):
        duplicate.shutdown(socket.SHUT_RDWR)


class Postgres:
    """`pg_stat_activity` and `pg_stat_database` of the stage's database, and the event's tickets.

    Tickets are not counted where there is no such table.
    """

    name = "postgres"

    def __init__(self, dsn: str, event: str) -> None:
        self._dsn = dsn
        self._event = event
        self._held: dict[Series, float] = {}
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None

    def read(self) -> Reading:
        """Return its connections, transactions and tickets.

        Raises:
            SourceUnreadableError: no answer; `pg_up` is 0.
        """
        try:
            fresh = self._connection is None
            connection = self._connection or connect(self._dsn, statement_timeout_s=_TIMEOUT_S)
            self._connection = connection
            with cut_off_after(connection, _TIMEOUT_S):
                if fresh:
                    connection.execute(f"SET lock_timeout = {_LOCK_TIMEOUT_MS}")
                states = connection.execute(_STATISTICS).fetchall()
                self._count_tickets(connection)
        except psycopg.Error as error:
            self.close()
            raise SourceUnreadableError(
                f"PostgreSQL gave no statistics: {str(error).strip()}.",
                Reading.of(time.time_ns(), {Series(self.name, "pg_up", "{}"): 0.0}),
            ) from error
        return Reading.of(time.time_ns(), self._values(states) | self._held)

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _count_tickets(self, connection: psycopg.Connection[tuple[Any, ...]]) -> None:
        try:
            row = connection.execute(_TICKETS, (self._event,)).fetchone()
        except psycopg.errors.LockNotAvailable:
            return  # somebody changes the table; what was counted last has to do
        except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):
            self._held = {}
            return
        assert row is not None
        self._held = {Series(self.name, "tickets_held", labels_json(store="postgres")): row[0]}

    def _values(self, states: list[tuple[Any, ...]]) -> dict[Series, float]:
        counts = dict.fromkeys(_STATES, 0) | {row[0]: row[1] for row in states}
        commits, rollbacks, deadlocks, max_connections = states[0][4:]  # this connection is in one
        values: dict[str, float] = {
            "pg_up": 1,
            "pg_connections_used": sum(row[2] for row in states),
            "pg_lock_waiting": sum(row[3] for row in states),
            "pg_settings_max_connections": max_connections,
            "pg_stat_database_xact_commit_total": commits,
            "pg_stat_database_xact_rollback_total": rollbacks,
            "pg_stat_database_deadlocks_total": deadlocks,
        }
        return {Series(self.name, name, "{}"): value for name, value in values.items()} | {
            Series(self.name, "pg_stat_activity_backends", labels_json(state=state)): count
            for state, count in counts.items()
        }
