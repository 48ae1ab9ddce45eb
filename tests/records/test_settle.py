"""Settled means that the fast store and the durable one agree, not that nobody is at work."""

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from redis import Redis

from dress_rehearsal.records.settle import Settling, await_settled

STREAM = "event:festival:grants"
HOLDERS = "event:festival:holders"
AGREED, STILL, GROWING = Settling


def settling(url: str | None, still_s: float, **options: Any) -> Settling:
    return await_settled(url, "festival", still_s, **options)


def write(tickets: psycopg.Connection, *names: str) -> None:
    for name in names:
        tickets.execute("INSERT INTO tickets VALUES (%s, 'festival', 'S', 1, 1)", [name])


def test_without_a_stream_everything_is_settled_at_once(redis_process: Any) -> None:
    assert settling(redis_process.url, 0.0) is AGREED
    assert settling(None, 0.0) is AGREED


def test_entries_nobody_took_or_nobody_acknowledged_are_not_settled(
    redis: Redis, redis_process: Any
) -> None:
    def settled() -> bool:
        return settling(redis_process.url, 0.05) is AGREED

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

    assert settling(redis_process.url, 3600.0) is AGREED
    timer.join()


def test_a_redis_that_is_down_never_settles(tmp_path: Path) -> None:
    assert settling(f"unix://{tmp_path}/redis.sock", 0.2) is STILL


def test_a_hung_redis_does_not_stretch_the_deadline_for_ever(redis_process: Any) -> None:
    os.kill(redis_process.process.pid, signal.SIGSTOP)
    try:
        assert settling(redis_process.url, 0.3) is STILL
    finally:
        os.kill(redis_process.process.pid, signal.SIGCONT)


def test_holders_without_a_row_are_not_settled(
    tickets: psycopg.Connection, postgres_dsn: str, redis: Redis, redis_process: Any
) -> None:
    def settled() -> bool:
        return settling(redis_process.url, 0.05, dsn=postgres_dsn) is AGREED

    assert settled(), "nobody holds anything"
    redis.hset(HOLDERS, mapping={"S1": "{}", "S2": "{}"})
    write(tickets, "T1")
    assert not settled(), "the stream is gone, and so is a row"
    write(tickets, "T1")
    assert not settled(), "a row that is there twice stands for no other"
    write(tickets, "T2")
    assert settled()
    tickets.execute("UPDATE tickets SET event = 'concert' WHERE ticket = 'T2'")
    assert not settled(), "another event's"


def test_a_row_that_comes_is_noticed_while_waiting(
    tickets: psycopg.Connection, postgres_dsn: str, redis: Redis, redis_process: Any
) -> None:
    redis.hset(HOLDERS, "S1", "{}")
    timer = threading.Timer(0.2, write, [tickets, "T1"])
    timer.start()

    assert settling(redis_process.url, 3600.0, dsn=postgres_dsn) is AGREED
    timer.join()


def test_a_postgres_that_is_down_or_hangs_never_settles(
    tickets: psycopg.Connection, postgres_dsn: str, redis: Redis, redis_process: Any, tmp_path: Path
) -> None:
    redis.hset(HOLDERS, "S1", "{}")
    write(tickets, "T1")

    nowhere = f"postgresql://postgres@/x?host={tmp_path}"
    assert settling(redis_process.url, 0.2, dsn=nowhere) is STILL
    tickets.execute("BEGIN; LOCK TABLE tickets")
    assert settling(redis_process.url, 0.2, dsn=postgres_dsn) is STILL
    tickets.execute("ROLLBACK")
    assert settling(redis_process.url, 0.2, dsn=postgres_dsn) is AGREED


@pytest.fixture
def slow_writer(
    tickets: psycopg.Connection, postgres_dsn: str, redis: Redis
) -> Iterator[threading.Event]:
    """Eight tickets in Redis, of which one more has a row every 0.15 s."""
    redis.hset(HOLDERS, mapping={f"S{number}": "{}" for number in range(8)})
    ended = threading.Event()

    def work() -> None:
        for number in range(8):
            write(tickets, f"T{number}")
            if ended.wait(0.15):
                return

    thread = threading.Thread(target=work)
    thread.start()
    yield ended
    ended.set()
    thread.join()


def test_stores_are_waited_for_as_long_as_rows_come(
    slow_writer: threading.Event, postgres_dsn: str, redis_process: Any
) -> None:
    found = settling(redis_process.url, 0.5, dsn=postgres_dsn, longest_s=10.0)
    assert found is AGREED


def test_stores_that_stand_still_are_not_waited_for_any_longer(
    slow_writer: threading.Event, postgres_dsn: str, redis_process: Any
) -> None:
    slow_writer.set()
    assert settling(redis_process.url, 0.3, dsn=postgres_dsn, longest_s=3600.0) is STILL


def test_rows_just_before_the_end_are_seen(
    slow_writer: threading.Event, postgres_dsn: str, redis_process: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr("dress_rehearsal.records.settle._LOOK_S", 60.0)
    found = settling(redis_process.url, 0.5, dsn=postgres_dsn, longest_s=10.0)
    assert found is AGREED


def test_whoever_asks_for_the_end_gets_it_sooner(
    slow_writer: threading.Event, postgres_dsn: str, redis_process: Any
) -> None:
    found = settling(redis_process.url, 0.5, dsn=postgres_dsn, longest_s=10.0, enough=lambda: True)
    assert found is GROWING


def test_rows_that_come_longer_than_anybody_waits_leave_it_open(
    slow_writer: threading.Event, postgres_dsn: str, redis_process: Any
) -> None:
    assert settling(redis_process.url, 0.5, dsn=postgres_dsn, longest_s=0.6) is GROWING
