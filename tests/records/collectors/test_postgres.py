"""PostgreSQL's connections and transactions are recorded as PostgreSQL counts them."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from dress_rehearsal.records.collectors.postgres import (
    APPLICATION,
    Postgres,
    connect,
    cut_off_after,
)
from dress_rehearsal.records.samples import Reading, SourceUnreadableError

Until = Callable[..., None]


@pytest.fixture
def source(postgres_dsn: str) -> Iterator[Postgres]:
    source = Postgres(postgres_dsn, "festival")
    yield source
    source.close()


def value(reading: Reading, name: str, labels: str = "{}") -> float:
    found = [
        number
        for series, number in zip(reading.series, reading.values, strict=True)
        if (series.name, series.labels) == (name, labels)
    ]
    assert len(found) == 1, (name, labels, reading)
    return found[0]


def activity(reading: Reading, state: str) -> float:
    return value(reading, "pg_stat_activity_backends", f'{{"state":"{state}"}}')


def test_connections_are_counted_by_state_without_the_collectors_own(
    source: Postgres, postgres: psycopg.Connection, postgres_dsn: str, until: Until
) -> None:
    # a server notices after a moment that earlier tests have hung up
    until(lambda: value(source.read(), "pg_connections_used") == 2)
    with psycopg.connect(postgres_dsn) as in_transaction:
        in_transaction.execute("SELECT 1")
        reading = source.read()

    assert activity(reading, "idle in transaction") == 1
    assert activity(reading, "idle") == 1
    assert activity(reading, "active") == 0
    assert value(reading, "pg_connections_used") == 3  # the collector's takes a slot as well
    assert value(reading, "pg_settings_max_connections") == 100
    assert value(reading, "pg_up") == 1


def test_a_connection_that_waits_for_a_lock_is_seen_waiting(
    source: Postgres, postgres: psycopg.Connection, postgres_dsn: str, until: Until
) -> None:
    postgres.execute("CREATE TABLE tickets (ticket text)")
    with (
        psycopg.connect(postgres_dsn) as holder,
        psycopg.connect(postgres_dsn) as waiter,
    ):
        holder.execute("LOCK TABLE tickets")
        thread = threading.Thread(target=waiter.execute, args=["LOCK TABLE tickets"])
        thread.start()
        until(lambda: value(source.read(), "pg_lock_waiting") == 1)
        holder.rollback()
        thread.join()
        waiter.rollback()


def test_commits_and_rollbacks_are_counted(source: Postgres, postgres: psycopg.Connection) -> None:
    before = source.read()
    postgres.execute("SELECT 1")
    with pytest.raises(psycopg.errors.DivisionByZero):
        postgres.execute("SELECT 1/0")
    postgres.execute("SELECT pg_stat_force_next_flush()")

    after = source.read()
    for counter in ("xact_commit", "xact_rollback"):
        name = f"pg_stat_database_{counter}_total"
        assert value(after, name) > value(before, name)


def test_a_server_that_is_not_there_is_down(tmp_path: Path) -> None:
    source = Postgres(f"postgresql://postgres@/postgres?host={tmp_path}", "festival")

    with pytest.raises(SourceUnreadableError, match="PostgreSQL gave no statistics") as caught:
        source.read()

    assert value(caught.value.down, "pg_up") == 0


def test_a_suspended_server_is_given_up_and_taken_up_again(
    source: Postgres, postgres: psycopg.Connection
) -> None:
    source.read()
    row = postgres.execute(
        "SELECT pid FROM pg_stat_activity WHERE application_name = %s", [APPLICATION]
    ).fetchone()
    assert row is not None
    os.kill(row[0], signal.SIGSTOP)
    try:
        with pytest.raises(SourceUnreadableError):
            source.read()
    finally:
        os.kill(row[0], signal.SIGCONT)

    assert value(source.read(), "pg_up") == 1


def test_what_ends_in_time_is_not_cut_off(postgres_dsn: str) -> None:
    with connect(postgres_dsn, statement_timeout_s=1) as connection:
        with cut_off_after(connection, 0.2):
            connection.execute("SELECT 1")
        connection.execute("SELECT pg_sleep(0.3)")


def test_the_events_tickets_are_counted_where_there_is_such_a_table(
    postgres: psycopg.Connection, postgres_dsn: str
) -> None:
    source = Postgres(postgres_dsn, "festival")
    assert "tickets_held" not in {series.name for series in source.read().series}
    postgres.execute("CREATE TABLE tickets (event text)")
    try:
        postgres.execute("INSERT INTO tickets VALUES ('festival'), ('festival'), ('another')")
        again = Postgres(postgres_dsn, "festival")
        assert value(again.read(), "tickets_held", '{"store":"postgres"}') == 2
        with psycopg.connect(postgres_dsn) as changing:
            changing.execute("LOCK TABLE tickets IN ACCESS EXCLUSIVE MODE")
            late = Postgres(postgres_dsn, "festival")
            assert value(late.read(), "pg_up") == 1  # a lock on it hides nothing else
            late.close()
        again.close()
    finally:
        postgres.execute("DROP TABLE tickets")
    source.close()
