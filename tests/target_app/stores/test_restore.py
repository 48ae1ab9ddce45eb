"""Recovery: a Redis that lost everything is restored from PostgreSQL, and nothing granted twice."""

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from redis.asyncio import Redis

from dress_rehearsal.target_app.stores.postgres import Database
from dress_rehearsal.target_app.stores.redis import RedisStore
from dress_rehearsal.target_app.stores.restore import RESTORED, Kind, Restorer
from dress_rehearsal.target_app.writeback.__main__ import Writeback
from dress_rehearsal.target_app.writeback.rows import OutdatedError, Rows
from dress_rehearsal.target_app.writeback.stream import StreamSource

Start = Callable[..., Any]
IN_REDIS = ["redis_script", "redis_writeback"]


def drain(stage: Any) -> bool:
    async def run() -> bool:
        settings = stage.settings
        async with Redis.from_url(settings.redis_url, protocol=2, socket_timeout=2) as redis:
            database = Database(settings.database_dsn, 1, 2.0, "test")
            grants = StreamSource(redis, settings.event, print)
            worker = Writeback(grants, Rows(database, settings.event, grants.set_aside))
            await database.open()
            worker.stop()
            drained = await worker.run()
            await database.close()
            return drained

    return asyncio.run(run())


def restore(stage: Any, times: int = 1) -> list[bool]:
    """What so many processes did who noticed the loss at the same time."""

    async def run() -> list[bool]:
        settings = stage.settings
        database = Database(settings.database_dsn, 2, 2.0, "test")
        redis_store = RedisStore(settings.redis_url, 4, 2.0)
        await database.open()
        try:
            kind = Kind(in_redis=True, streams=settings.allocation == "redis_writeback")
            restorer = Restorer(database, redis_store, settings.event, kind, print)
            return list(await asyncio.gather(*(restorer.if_missing() for _ in range(times))))
        finally:
            await redis_store.close()
            await database.close()

    return asyncio.run(run())


@pytest.fixture
def wipe() -> Callable[[Any], None]:
    """Take from Redis everything it holds."""

    def flush(stage: Any) -> None:
        with stage.client() as redis:
            redis.flushdb()

    return flush


@pytest.fixture
def forgetful(wipe: Any) -> Iterator[Callable[[Any], None]]:
    """Wipe, and keep everybody from restoring until the test does it or ends."""
    held: list[Any] = []

    def flush(stage: Any) -> None:
        with stage.client() as redis:
            held.append(stage)
            with redis.pipeline(transaction=True) as pipe:
                pipe.flushdb()
                pipe.set(f"event:{stage.event}:restoring", "a test")
                pipe.execute()

    yield flush
    for stage in held:
        with stage.client() as redis:
            redis.delete(f"event:{stage.event}:restoring")


def credentials(student: Any) -> dict[str, str]:
    return {"student": student.student, "pin": student.pin}


def holders(stage: Any) -> dict[str, Any]:
    with stage.client() as redis:
        held = redis.hgetall(f"event:{stage.event}:holders")
    return {student.decode(): json.loads(holder) for student, holder in held.items()}


@pytest.mark.parametrize("allocation", IN_REDIS)
def test_after_a_wipe_the_sale_goes_on_where_it_was(
    start_app: Start, wipe: Any, eventually: Any, allocation: str
) -> None:
    app = start_app(allocation, APP_TICKETS=30)
    first = {index: app.buy(app.login(index)).json()["ticket"] for index in range(12)}
    if allocation == "redis_writeback":
        assert drain(app.stage)
    before, restored = holders(app.stage), RESTORED._value.get()
    bearer = app.login(0)
    wipe(app.stage)
    eventually(lambda: holders(app.stage) == before)
    eventually(lambda: RESTORED._value.get() == restored + 1)
    assert app.buy(bearer).json()["code"] == "unauthenticated"  # sessions are lost: log in again
    assert app.buy(app.login(0)).json() == {"ticket": first[0], "state": "issued"}
    answers = app.rush([(app.login(index), "key") for index in range(60)])
    if allocation == "redis_writeback":
        assert drain(app.stage)
    assert sum(answer.status_code in (201, 202) for answer in answers) == 30
    rows = app.stage.rows()
    assert [row["number"] for row in rows] == list(range(1, 31))
    assert {row["ticket"] for row in rows} >= set(first.values())
    assert {row["student"]: row["ticket"] for row in rows} == {
        student: holder["ticket"] for student, holder in holders(app.stage).items()
    }


@pytest.mark.parametrize("allocation", IN_REDIS)
def test_until_it_is_restored_nobody_is_refused_for_good(
    start_app: Start, forgetful: Any, eventually: Any, allocation: str
) -> None:
    app = start_app(allocation)
    bearer, student = app.login(0), app.stage.roster[1]
    forgetful(app.stage)
    login = app.http.post("/login", json=credentials(student))
    for answer in (app.buy(bearer), login):
        assert (answer.status_code, answer.json()["code"]) == (503, "dependency_unavailable")
    assert holders(app.stage) == {}
    with app.stage.client() as redis:
        redis.delete(f"event:{app.stage.event}:restoring")
    eventually(lambda: app.http.post("/login", json=credentials(student)).is_success)
    assert app.buy(app.login(0)).status_code in (201, 202)


def test_allocations_that_decide_in_postgresql_get_their_roster_back(
    start_app: Start, wipe: Any, eventually: Any
) -> None:
    app = start_app("atomic_update")
    app.buy(app.login(0))
    wipe(app.stage)
    eventually(lambda: app.http.post("/login", json=credentials(app.stage.roster[1])).is_success)
    assert app.buy(app.login(0)).json()["state"] == "issued"
    assert app.buy(app.login(1)).status_code == 201
    assert app.buy(app.login(-1)).json()["code"] == "not_enrolled"
    assert holders(app.stage) == {}


def test_grants_the_stream_still_has_are_held_and_written(
    make_stage: Start, start_app: Start, eventually: Any
) -> None:
    app = start_app("redis_writeback")
    tickets = {app.buy(app.login(index)).json()["ticket"] for index in range(5)}
    stream = f"event:{app.stage.event}:grants"
    before = holders(app.stage)
    with app.stage.client() as redis:  # everything but the stream
        redis.xadd(stream, {"ticket": "poisoned", "number": "many"})
        redis.xadd(stream, {**grant("stray"), "number": 10**6})
        kept = [stream.encode()]
        redis.delete(*(key for key in redis.keys("*") if key not in kept))
    eventually(lambda: holders(app.stage) == before)
    assert app.buy(app.login(5)).status_code == 202
    with app.stage.client() as redis:
        assert redis.hget(f"event:{app.stage.event}", "granted") == b"6"
    assert drain(app.stage) is True
    assert {row["ticket"] for row in app.stage.rows()} >= tickets


def grant(ticket: str) -> dict[str, Any]:
    return {"ticket": ticket, "student": ticket, "number": 1, "granted_ns": 1, "idempotency": "k"}


def test_a_batch_read_before_a_restoration_is_not_written_after_it(
    make_stage: Start, wipe: Any
) -> None:
    """Its numbers may be somebody else's by then."""
    stage = make_stage()
    stage.prepare()
    with stage.client() as redis:
        redis.xadd(f"event:{stage.event}:grants", grant("old"))

    async def write(between: Callable[[], Any]) -> int:
        settings = stage.settings
        async with Redis.from_url(settings.redis_url, protocol=2, socket_timeout=2) as redis:
            database = Database(settings.database_dsn, 1, 2.0, "test")
            await database.open()
            grants = StreamSource(redis, settings.event, print)
            try:
                batch = await grants.read()
                await asyncio.to_thread(between)
                return len(await Rows(database, settings.event, grants.set_aside).write(batch))
            finally:
                await database.close()

    def lose_and_restore() -> None:
        wipe(stage)
        assert restore(stage) == [True]

    with pytest.raises(OutdatedError):
        asyncio.run(write(lose_and_restore))
    assert stage.rows() == []
    with stage.client() as redis:
        redis.xadd(f"event:{stage.event}:grants", grant("new"))
    assert asyncio.run(write(lambda: wipe(stage))) == 1  # lost, not yet restored: the row counts
    assert restore(stage) == [True]
    assert [row["ticket"] for row in stage.rows()] == ["new"]
    assert list(holders(stage)) == ["new"]


def test_it_is_restored_once_however_many_notice(make_stage: Start, wipe: Any) -> None:
    stage = make_stage()
    stage.prepare()

    def epoch() -> int:
        rows = stage.postgres.run("SELECT epoch FROM events WHERE event = $1", stage.event)
        return int(rows[0]["epoch"])

    before = epoch()
    assert restore(stage, 4) == [False] * 4  # nothing is missing
    assert epoch() == before
    wipe(stage)
    assert sorted(restore(stage, 4)) == [False, False, False, True]
    assert epoch() == before + 1


def test_what_was_never_prepared_is_not_restored(make_stage: Start) -> None:
    stage = make_stage()
    assert restore(stage) == [False]
