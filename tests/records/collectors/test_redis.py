"""Redis's clients, the event's views and the write-back's backlog are recorded as they are."""

from collections.abc import Iterator
from typing import Any

import pytest
from redis import Redis

from dress_rehearsal.records.collectors.redis import Backlog, RedisServer
from dress_rehearsal.records.samples import Reading, SourceUnreadableError

STREAM = "event:festival:grants"


def values(reading: Reading) -> dict[tuple[str, str], float]:
    return {
        (series.name, series.labels): value
        for series, value in zip(reading.series, reading.values, strict=True)
    }


@pytest.fixture
def source(redis_process: Any) -> Iterator[RedisServer]:
    source = RedisServer(redis_process.url, "festival")
    yield source
    source.close()


def backlog(reading: Reading) -> tuple[float, float, float]:
    """Return length, pending and lag."""
    found = values(reading)
    of_group = f'{{"group":"writeback","stream":"{STREAM}"}}'
    return (
        found["redis_stream_length", f'{{"stream":"{STREAM}"}}'],
        found["redis_stream_pending", of_group],
        found["redis_stream_lag", of_group],
    )


def test_info_is_recorded(source: RedisServer) -> None:
    found = values(source.read())

    assert found["redis_up", "{}"] == 1
    assert found["redis_maxclients", "{}"] >= 1000
    assert found["redis_connected_clients", "{}"] >= 1
    assert found["redis_blocked_clients", "{}"] == 0
    assert found["redis_used_memory_bytes", "{}"] > 100_000
    assert found["redis_commands_processed_total", "{}"] > 0


def test_without_a_stream_or_views_there_is_nothing_to_say_about_them(source: RedisServer) -> None:
    names = {series.name for series in source.read().series}

    assert not {name for name in names if "stream" in name or "views" in name}


def test_a_stream_that_is_no_stream_is_an_error(source: RedisServer, redis: Redis) -> None:
    redis.set(STREAM, "oops")

    with pytest.raises(SourceUnreadableError, match="WRONGTYPE"):
        source.read()


def test_views_are_read_from_the_counter(source: RedisServer, redis: Redis) -> None:
    redis.incrby("event:festival:views", 42)

    assert values(source.read())["event_views_total", '{"event":"festival"}'] == 42


def test_the_backlog_is_what_was_not_delivered_and_what_was_not_acknowledged(
    source: RedisServer, redis: Redis
) -> None:
    redis.xgroup_create(STREAM, "writeback", id="0", mkstream=True)
    assert backlog(source.read()) == (0, 0, 0)

    ids = [redis.xadd(STREAM, {"student": n}) for n in range(10)]
    assert backlog(source.read()) == (10, 0, 10)

    redis.xreadgroup("writeback", "one", {STREAM: ">"}, count=4)
    assert backlog(source.read()) == (10, 4, 6)

    redis.xack(STREAM, "writeback", *ids[:4])
    redis.xreadgroup("writeback", "one", {STREAM: ">"}, count=5)
    assert backlog(source.read()) == (10, 5, 1)


def test_the_lag_is_right_after_written_back_entries_are_deleted(
    source: RedisServer, redis: Redis
) -> None:
    redis.xgroup_create(STREAM, "writeback", id="0", mkstream=True)
    ids = [redis.xadd(STREAM, {"student": n}) for n in range(10)]
    redis.xreadgroup("writeback", "one", {STREAM: ">"}, count=4)
    redis.xack(STREAM, "writeback", *ids[:4])
    redis.xdel(STREAM, *ids[:4])

    assert backlog(source.read()) == (6, 0, 6)


def test_the_lag_counts_entries_from_before_the_collector_began_page_by_page(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dress_rehearsal.records.collectors.redis._PAGE", 3)
    for n in range(7):
        redis.xadd(STREAM, {"student": n})
    stream = Backlog(STREAM)
    stream.follow(redis)

    assert stream.undelivered({"writeback": (0, 0)}) == {"writeback": 7}


def test_a_server_that_died_is_down_and_up_again_when_it_is_back(
    source: RedisServer, redis_process: Any
) -> None:
    source.read()
    redis_process.stop()
    with pytest.raises(SourceUnreadableError, match="Redis gave no statistics") as caught:
        source.read()
    assert values(caught.value.down) == {("redis_up", "{}"): 0}

    redis_process.restart()
    assert values(source.read())["redis_up", "{}"] == 1
