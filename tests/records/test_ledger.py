"""The ledger holds what each store holds, row for row, and says so when a store is silent."""

import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest
from redis import Redis

from plans import Plan
from records import RunDirectory
from records.ledger import StoreReading, await_settled, read_ledger

STUDENTS = ["S1", "S2", "S3"]
HOLDERS = "event:festival:holders"
STREAM = "event:festival:grants"


@pytest.fixture
def tickets(postgres: psycopg.Connection) -> psycopg.Connection:
    """The table as `naive` leaves it: nothing is unique."""
    postgres.execute(
        "CREATE TABLE tickets (ticket text, event text, student text, number int,"
        " granted_ns bigint, committed_at timestamptz DEFAULT clock_timestamp())"
    )
    return postgres


def sell(tickets: psycopg.Connection, ticket: str, student: str, number: int) -> None:
    tickets.execute(
        "INSERT INTO tickets VALUES (%s, 'festival', %s, %s, %s, 'epoch'::timestamptz"
        " + interval '1700000000.123456 s')",
        [ticket, student, number, 1_700_000_000_000_000_000 + number],
    )


def hold(redis: Redis, ticket: str, student: str, number: int) -> None:
    grant = {"ticket": ticket, "number": number, "granted_ns": number * 1000}
    redis.hset(HOLDERS, student, json.dumps(grant))


def ledger_events(run: RunDirectory) -> dict[str, dict[str, Any]]:
    return {event.name: event.detail for event in run.timeline() if event.kind == "ledger"}


def naive(tmp_path: Path) -> RunDirectory:
    plan = Plan.model_validate({"name": "naive", "app": {"allocation": "naive"}})
    return RunDirectory.create(tmp_path, plan)


def test_both_stores_are_read_row_for_row(
    run: RunDirectory,
    tickets: psycopg.Connection,
    postgres_dsn: str,
    redis: Redis,
    redis_process: Any,
) -> None:
    sell(tickets, "T1", "S2", 1)
    hold(redis, "T1", "S2", 1)
    hold(redis, "T2", "S1", 2)

    readings = read_ledger(
        run, postgres_dsn, redis_process.url, "festival", STUDENTS, settle_ms=12.5
    )

    assert readings == [StoreReading("postgres", 1, None), StoreReading("redis", 2, None)]
    assert run.ledger_table().to_pylist() == [
        {
            "source": "postgres",
            "ticket": "T1",
            "student": 1,
            "number": 1,
            "granted_ns": 1_700_000_000_000_000_001,
            "committed_ns": 1_700_000_000_123_456_000,
        },
        {
            "source": "redis",
            "ticket": "T1",
            "student": 1,
            "number": 1,
            "granted_ns": 1000,
            "committed_ns": None,
        },
        {
            "source": "redis",
            "ticket": "T2",
            "student": 0,
            "number": 2,
            "granted_ns": 2000,
            "committed_ns": None,
        },
    ]
    assert ledger_events(run) == {
        "postgres": {"tickets": 1, "settle_ms": 12.5},
        "redis": {"tickets": 2, "settle_ms": 12.5},
    }


def test_duplicates_stay_rows(
    tmp_path: Path, tickets: psycopg.Connection, postgres_dsn: str
) -> None:
    run = naive(tmp_path)
    sell(tickets, "T1", "S1", 1)
    sell(tickets, "T1", "S1", 1)
    sell(tickets, "T2", "S1", 1)

    read_ledger(run, postgres_dsn, None, "festival", STUDENTS)

    rows = run.ledger_table().to_pylist()
    assert [(row["ticket"], row["student"]) for row in rows] == [("T1", 0), ("T1", 0), ("T2", 0)]


def test_a_holder_who_is_on_no_roster_is_student_minus_one(
    run: RunDirectory,
    tickets: psycopg.Connection,
    postgres_dsn: str,
    redis: Redis,
    redis_process: Any,
) -> None:
    sell(tickets, "T1", "S999", 1)
    hold(redis, "T1", "S999", 1)

    read_ledger(run, postgres_dsn, redis_process.url, "festival", STUDENTS)

    assert run.ledger_table()["student"].to_pylist() == [-1, -1]


def test_other_events_tickets_are_not_of_this_ledger(
    run: RunDirectory, tickets: psycopg.Connection, postgres_dsn: str
) -> None:
    sell(tickets, "T1", "S1", 1)

    read_ledger(run, postgres_dsn, None, "concert", STUDENTS)

    assert run.ledger_table().num_rows == 0


def test_a_strategy_without_holders_in_redis_has_no_redis_ledger(
    tmp_path: Path, tickets: psycopg.Connection, postgres_dsn: str, redis_process: Any
) -> None:
    run = naive(tmp_path)

    readings = read_ledger(run, postgres_dsn, redis_process.url, "festival", STUDENTS)

    assert readings == [StoreReading("postgres", 0, None)]
    assert set(ledger_events(run)) == {"postgres"}


def test_a_redis_that_lost_its_holders_holds_none_instead_of_going_unmentioned(
    run: RunDirectory, redis_process: Any
) -> None:
    assert run.plan().app.allocation == "redis_writeback"

    assert read_ledger(run, None, redis_process.url, "festival", STUDENTS) == [
        StoreReading("redis", 0, None)
    ]


def test_stores_that_are_down_are_errors_on_the_timeline(run: RunDirectory, tmp_path: Path) -> None:
    dsn = f"postgresql://postgres@/x?host={tmp_path}"

    readings = read_ledger(run, dsn, f"unix://{tmp_path}/redis.sock", "festival", STUDENTS)

    assert [reading.tickets for reading in readings] == [None, None]
    events = ledger_events(run)
    assert events["postgres"]["error"].startswith("PostgreSQL's tickets cannot be read: ")
    assert events["redis"]["error"].startswith("Redis's tickets cannot be read: ")
    assert run.ledger_table().num_rows == 0


def test_one_store_that_is_down_takes_nothing_from_the_other(
    run: RunDirectory, tickets: psycopg.Connection, postgres_dsn: str, tmp_path: Path
) -> None:
    sell(tickets, "T1", "S1", 1)

    postgres, redis = read_ledger(
        run, postgres_dsn, f"unix://{tmp_path}/redis.sock", "festival", STUDENTS
    )

    assert (postgres.tickets, redis.tickets) == (1, None)
    assert run.ledger_table().num_rows == 1


def test_stores_that_hang_are_given_up_within_five_seconds(
    run: RunDirectory,
    tickets: psycopg.Connection,
    postgres_dsn: str,
    redis_process: Any,
) -> None:
    tickets.execute("BEGIN; LOCK TABLE tickets")  # nobody can read it, and nobody lets go
    redis_process.process.send_signal(signal.SIGSTOP)
    begun = time.monotonic()
    try:
        readings = read_ledger(run, postgres_dsn, redis_process.url, "festival", STUDENTS)
    finally:
        redis_process.process.send_signal(signal.SIGCONT)
        tickets.execute("ROLLBACK")

    assert time.monotonic() - begun < 5
    assert [reading.tickets for reading in readings] == [None, None]


def test_a_server_whose_table_is_missing_is_an_error(
    run: RunDirectory, postgres_dsn: str, postgres: psycopg.Connection
) -> None:
    (reading,) = read_ledger(run, postgres_dsn, None, "festival", STUDENTS)

    assert reading.error is not None
    assert 'relation "tickets" does not exist' in reading.error


@pytest.mark.parametrize("text", ["not JSON", "{}", "[]", '{"ticket": "T", "number": null}'])
def test_a_holder_that_is_damaged_is_an_error_that_names_it(
    run: RunDirectory, redis: Redis, redis_process: Any, text: str
) -> None:
    redis.hset(HOLDERS, "S3", text)

    (reading,) = read_ledger(run, None, redis_process.url, "festival", STUDENTS)

    assert reading.error is not None
    assert f"{HOLDERS} holds for S3" in reading.error


def test_a_key_of_the_wrong_kind_is_an_error(
    run: RunDirectory, redis: Redis, redis_process: Any
) -> None:
    redis.set(HOLDERS, "oops")

    (reading,) = read_ledger(run, None, redis_process.url, "festival", STUDENTS)

    assert reading.error is not None
    assert "WRONGTYPE" in reading.error


def test_without_a_stream_everything_is_settled_at_once(redis_process: Any) -> None:
    assert await_settled(redis_process.url, "festival", 0.0)
    assert await_settled(None, "festival", 0.0)


def test_entries_nobody_took_or_nobody_acknowledged_are_not_settled(
    redis: Redis, redis_process: Any
) -> None:
    def settled() -> bool:
        return await_settled(redis_process.url, "festival", 0.05)

    grant = redis.xadd(STREAM, {"student": "S1"})
    assert not settled(), "there is not even a group yet"
    redis.xgroup_create(STREAM, "writeback", id="0")
    assert not settled(), "not delivered"
    redis.xreadgroup("writeback", "one", {STREAM: ">"})
    assert not settled(), "pending"
    redis.xack(STREAM, "writeback", grant)
    assert settled()
    redis.xdel(STREAM, grant)
    assert settled(), "deleted after it was written back"


def test_settling_is_noticed_while_waiting(redis: Redis, redis_process: Any) -> None:
    redis.xgroup_create(STREAM, "writeback", id="0", mkstream=True)
    grant = redis.xadd(STREAM, {"student": "S1"})
    redis.xreadgroup("writeback", "one", {STREAM: ">"})
    timer = threading.Timer(0.2, redis.xack, [STREAM, "writeback", grant])
    timer.start()
    begun = time.monotonic()

    assert await_settled(redis_process.url, "festival", 5.0)
    assert time.monotonic() - begun < 2
    timer.join()


def test_a_redis_that_is_down_never_settles(tmp_path: Path) -> None:
    begun = time.monotonic()

    assert not await_settled(f"unix://{tmp_path}/redis.sock", "festival", 0.2)
    assert time.monotonic() - begun < 1


def test_a_hung_redis_does_not_stretch_the_deadline_by_much(redis_process: Any) -> None:
    os.kill(redis_process.process.pid, signal.SIGSTOP)
    begun = time.monotonic()
    try:
        assert not await_settled(redis_process.url, "festival", 0.3)
    finally:
        os.kill(redis_process.process.pid, signal.SIGCONT)

    assert time.monotonic() - begun < 1.5
