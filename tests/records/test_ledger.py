"""The ledger holds what each store holds, row for row, and says so when a store is silent."""

import json
import signal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from redis import Redis

from dress_rehearsal.plans import Plan
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records import ledger as module
from dress_rehearsal.records.ledger import read_ledger

STUDENTS = ["S1", "S2", "S3"]
HOLDERS = "event:festival:holders"


@pytest.fixture
def entries(tickets: psycopg.Connection) -> psycopg.Connection:
    """The gate's table as a replayed code leaves it: nothing is unique."""
    tickets.execute(
        "CREATE TABLE entries (ticket text, event text, gate text,"
        " entered_at timestamptz DEFAULT clock_timestamp())"
    )
    return tickets


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

    read_ledger(run, postgres_dsn, redis_process.url, "festival", STUDENTS, settle_ms=12.5)

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


def test_whom_the_gate_let_in_is_a_row_an_admission(
    tmp_path: Path, entries: psycopg.Connection, postgres_dsn: str
) -> None:
    run = naive(tmp_path)
    sell(entries, "T1", "S2", 1)
    for ticket, gate, event in (("T1", "north", "festival"), ("T1", "south", "festival")):
        entries.execute(
            "INSERT INTO entries VALUES (%s, %s, %s, 'epoch'::timestamptz + interval '9.5 s')",
            [ticket, event, gate],
        )
    entries.execute("INSERT INTO entries VALUES ('T9', 'festival', 'north', 'epoch')")
    entries.execute("INSERT INTO entries VALUES ('T1', 'concert', 'north', 'epoch')")

    read_ledger(run, postgres_dsn, None, "festival", STUDENTS)

    let_in = [row for row in run.ledger_table().to_pylist() if row["source"] == "gate"]
    assert [(row["ticket"], row["student"], row["granted_ns"]) for row in let_in] == [
        ("T9", -1, 0),
        ("T1", 1, 9_500_000_000),
        ("T1", 1, 9_500_000_000),
    ]
    assert {(row["number"], row["committed_ns"]) for row in let_in} == {(None, None)}
    assert ledger_events(run) == {"postgres": {"tickets": 1}, "gate": {"tickets": 3}}


def test_an_entrance_nobody_went_to_has_no_rows_and_a_festival_without_one_no_source(
    tmp_path: Path, tickets: psycopg.Connection, postgres_dsn: str
) -> None:
    read_ledger(naive(tmp_path / "a"), postgres_dsn, None, "festival", STUDENTS)
    tickets.execute("CREATE TABLE entries (ticket text, event text, gate text, entered_at int)")
    unreadable = naive(tmp_path / "b")
    read_ledger(unreadable, postgres_dsn, None, "festival", STUDENTS)
    tickets.execute("ALTER TABLE entries ALTER entered_at TYPE timestamptz USING now()")
    empty = naive(tmp_path / "c")
    read_ledger(empty, postgres_dsn, None, "festival", STUDENTS)

    assert "gate" not in ledger_events(RunDirectory(next((tmp_path / "a").iterdir())))
    assert ledger_events(unreadable)["gate"]["error"].startswith(
        "The admissions at the entrance cannot be"
    )
    assert ledger_events(empty)["gate"] == {"tickets": 0}


@pytest.mark.parametrize("allocation", ["naive", "row_lock", "redis_lock"])
def test_a_strategy_without_holders_in_redis_has_no_redis_ledger(
    tmp_path: Path,
    tickets: psycopg.Connection,
    postgres_dsn: str,
    redis_process: Any,
    allocation: str,
) -> None:
    plan = Plan.model_validate({"name": "sold", "app": {"allocation": allocation}})
    run = RunDirectory.create(tmp_path, plan)

    read_ledger(run, postgres_dsn, redis_process.url, "festival", STUDENTS)

    assert ledger_events(run) == {"postgres": {"tickets": 0}}


@pytest.mark.parametrize(
    "allocation", ["redis_script", "redis_writeback", "sqs_writeback", "kafka_writeback"]
)
def test_a_redis_that_lost_its_holders_holds_none_instead_of_going_unmentioned(
    tmp_path: Path, redis_process: Any, allocation: str
) -> None:
    plan = Plan.model_validate({"name": "wiped", "app": {"allocation": allocation}})
    run = RunDirectory.create(tmp_path, plan)

    read_ledger(run, None, redis_process.url, "festival", STUDENTS)

    assert ledger_events(run) == {"redis": {"tickets": 0}}


def test_stores_that_are_down_are_errors_on_the_timeline(run: RunDirectory, tmp_path: Path) -> None:
    dsn = f"postgresql://postgres@/x?host={tmp_path}"

    read_ledger(run, dsn, f"unix://{tmp_path}/redis.sock", "festival", STUDENTS)

    events = ledger_events(run)
    assert events["postgres"]["error"].startswith("PostgreSQL's tickets cannot be read: ")
    assert events["redis"]["error"].startswith("Redis's tickets cannot be read: ")
    assert run.ledger_table().num_rows == 0


def test_one_store_that_is_down_takes_nothing_from_the_other(
    run: RunDirectory, tickets: psycopg.Connection, postgres_dsn: str, tmp_path: Path
) -> None:
    sell(tickets, "T1", "S1", 1)

    read_ledger(run, postgres_dsn, f"unix://{tmp_path}/redis.sock", "festival", STUDENTS)

    events = ledger_events(run)
    assert events["postgres"] == {"tickets": 1}
    assert set(events["redis"]) == {"error"}
    assert run.ledger_table().num_rows == 1


def test_stores_that_hang_are_given_up_within_five_seconds(
    run: RunDirectory,
    tickets: psycopg.Connection,
    postgres_dsn: str,
    redis_process: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tickets.execute("BEGIN; LOCK TABLE tickets")  # nobody can read it, and nobody lets go
    redis_process.process.send_signal(signal.SIGSTOP)
    assert 2 * module._BASE_TIMEOUT_S < 5  # PostgreSQL's, then Redis'
    monkeypatch.setattr(module, "_BASE_TIMEOUT_S", 0.5)
    try:
        read_ledger(run, postgres_dsn, redis_process.url, "festival", STUDENTS)
    finally:
        redis_process.process.send_signal(signal.SIGCONT)
        tickets.execute("ROLLBACK")

    assert [set(event) for event in ledger_events(run).values()] == [{"error"}, {"error"}]


def test_a_server_whose_table_is_missing_is_an_error(
    run: RunDirectory, postgres_dsn: str, postgres: psycopg.Connection
) -> None:
    read_ledger(run, postgres_dsn, None, "festival", STUDENTS)

    assert 'relation "tickets" does not exist' in ledger_events(run)["postgres"]["error"]


@pytest.mark.parametrize("text", ["not JSON", "{}", "[]", '{"ticket": "T", "number": null}'])
def test_a_holder_that_is_damaged_is_an_error_that_names_it(
    run: RunDirectory, redis: Redis, redis_process: Any, text: str
) -> None:
    redis.hset(HOLDERS, "S3", text)

    read_ledger(run, None, redis_process.url, "festival", STUDENTS)

    assert f"{HOLDERS} holds for S3" in ledger_events(run)["redis"]["error"]


def test_a_key_of_the_wrong_kind_is_an_error(
    run: RunDirectory, redis: Redis, redis_process: Any
) -> None:
    redis.set(HOLDERS, "oops")

    read_ledger(run, None, redis_process.url, "festival", STUDENTS)

    assert "WRONGTYPE" in ledger_events(run)["redis"]["error"]
