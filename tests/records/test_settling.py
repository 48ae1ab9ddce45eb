"""Settled means that the fast store and the durable one agree, not that nobody is at work."""

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import psycopg
from redis import Redis

from records.ledger import await_settled

STREAM = "event:festival:grants"
HOLDERS = "event:festival:holders"


def write(tickets: psycopg.Connection, *names: str) -> None:
    for name in names:
        tickets.execute("INSERT INTO tickets VALUES (%s, 'festival', 'S', 1, 1)", [name])


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


def test_holders_without_a_row_are_not_settled(
    tickets: psycopg.Connection, postgres_dsn: str, redis: Redis, redis_process: Any
) -> None:
    def settled() -> bool:
        return await_settled(redis_process.url, "festival", 0.05, dsn=postgres_dsn)

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
    begun = time.monotonic()

    assert await_settled(redis_process.url, "festival", 5.0, dsn=postgres_dsn)
    assert time.monotonic() - begun < 2
    timer.join()


def test_a_postgres_that_is_down_or_hangs_never_settles(
    tickets: psycopg.Connection, postgres_dsn: str, redis: Redis, redis_process: Any, tmp_path: Path
) -> None:
    redis.hset(HOLDERS, "S1", "{}")
    write(tickets, "T1")
    begun = time.monotonic()

    assert not await_settled(
        redis_process.url, "festival", 0.2, dsn=f"postgresql://postgres@/x?host={tmp_path}"
    )
    tickets.execute("BEGIN; LOCK TABLE tickets")
    assert not await_settled(redis_process.url, "festival", 0.2, dsn=postgres_dsn)
    tickets.execute("ROLLBACK")
    assert await_settled(redis_process.url, "festival", 0.2, dsn=postgres_dsn)
    assert time.monotonic() - begun < 3
