"""Epochs: PostgreSQL and Redis agree how often Redis was restored, whoever dies or comes late."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from redis.asyncio import Redis

from dress_rehearsal.target_app.errors import DependencyDownError
from dress_rehearsal.target_app.stores import restore as restore_module
from dress_rehearsal.target_app.stores.postgres import Database
from dress_rehearsal.target_app.stores.redis import RedisStore
from dress_rehearsal.target_app.stores.restore import Kind, Restorer
from dress_rehearsal.target_app.telemetry.metrics import REGISTRY
from dress_rehearsal.target_app.writeback.__main__ import Writeback
from dress_rehearsal.target_app.writeback.rows import Rows
from dress_rehearsal.target_app.writeback.stream import StreamSource
from tests.target_app.writing import drain, held, running, written

Start = Callable[..., Any]


def epochs(stage: Any) -> tuple[int | None, int]:
    """Redis' and PostgreSQL's."""
    with stage.client() as redis:
        found = redis.hget(f"event:{stage.event}", "epoch")
    (row,) = stage.postgres.run("SELECT epoch FROM events WHERE event = $1", stage.event)
    return None if found is None else int(found), row["epoch"]


def part_epochs(stage: Any) -> None:
    stage.postgres.run("UPDATE events SET epoch = epoch + 1 WHERE event = $1", stage.event)


def wipe(stage: Any) -> None:
    with stage.client() as redis:
        redis.flushdb()


def with_restorer(stage: Any, work: Callable[[Restorer], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        settings = stage.settings
        database = Database(settings.database_dsn, 2, 2.0, "test")
        redis_store = RedisStore(settings.redis_url, 4, 2.0)
        await database.open()
        try:
            return await work(
                Restorer(database, redis_store, settings.event, Kind(True, True), print)
            )
        finally:
            await redis_store.close()
            await database.close()

    return asyncio.run(run())


def restore(stage: Any) -> bool:
    return bool(with_restorer(stage, lambda restorer: restorer.if_missing()))


@pytest.fixture
def sold(make_stage: Start, start_app: Start) -> Any:
    """A stage with two tickets granted, none of them written; its app is up."""
    app = start_app("redis_writeback")
    app.rush([(app.login(index), "key") for index in range(2)])
    return app


def test_who_comes_late_finds_it_restored_and_changes_nothing(make_stage: Start) -> None:
    stage = make_stage()
    stage.prepare()
    wipe(stage)
    assert restore(stage) is True
    before = epochs(stage)

    async def saw_it_missing_before_that() -> bool:
        return False

    def late(restorer: Restorer) -> Awaitable[bool]:
        restorer._is_there = saw_it_missing_before_that  # type: ignore[method-assign]
        return restorer.if_missing()

    assert with_restorer(stage, late) is False
    assert epochs(stage) == before
    assert before[0] == before[1]


@pytest.mark.parametrize("filled", [False, True])
def test_who_dies_while_restoring_leaves_nothing_half_done(
    make_stage: Start, monkeypatch: pytest.MonkeyPatch, filled: bool
) -> None:
    stage = make_stage()
    stage.prepare()
    wipe(stage)
    fill = restore_module._at_once

    async def die(redis_store: RedisStore, commands: Any) -> None:
        if filled:
            await fill(redis_store, commands)
        raise asyncio.CancelledError

    monkeypatch.setattr(restore_module, "_at_once", die)
    with pytest.raises(asyncio.CancelledError):
        restore(stage)
    monkeypatch.undo()
    with stage.client() as redis:
        redis.delete(f"event:{stage.event}:restoring")
    assert restore(stage) is not filled
    found, counted = epochs(stage)
    assert found == counted


def test_who_pauses_while_restoring_does_not_fill_what_others_have_sold_from(
    make_stage: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = make_stage()
    stage.prepare()
    wipe(stage)
    begin = restore_module._begin_epoch
    seen: list[tuple[int | None, int]] = []

    async def pause(*args: Any) -> int | None:
        epoch = await begin(*args)
        if not seen:  # meanwhile somebody restores it, and it is lost again
            seen.append(await asyncio.to_thread(epochs, stage))
            await asyncio.to_thread(part_epochs, stage)
            await asyncio.to_thread(wipe, stage)
        return epoch

    monkeypatch.setattr(restore_module, "_begin_epoch", pause)
    assert restore(stage) is True
    found, counted = epochs(stage)
    assert found == counted == seen[0][1] + 2  # an epoch of its own, begun after all that


def test_epochs_that_differ_are_brought_together_and_nothing_is_lost(
    sold: Any, eventually: Any
) -> None:
    part_epochs(sold.stage)
    assert sold.buy(sold.login(2)).status_code == 202
    before = held(sold.stage)
    with running(sold.stage):
        eventually(lambda: len(sold.stage.rows()) == 3)
    assert written(sold.stage) == held(sold.stage) == before
    found, counted = epochs(sold.stage)
    assert found == counted


def test_where_the_same_request_writes_the_row_too(start_app: Start, eventually: Any) -> None:
    app = start_app("redis_script")
    part_epochs(app.stage)
    bearer = app.login(0)
    assert app.buy(bearer).json()["code"] == "dependency_unavailable"
    eventually(lambda: app.buy(bearer).status_code == 201, 5)
    assert written(app.stage) == held(app.stage)


def test_preparing_again_keeps_what_waits_to_be_written(sold: Any) -> None:
    sold.stage.prepare()
    before = held(sold.stage)
    assert drain(sold.stage) is True
    assert written(sold.stage) == before
    assert len(before) == 2


def test_moving_t0_does_not_hide_that_the_event_is_lost(start_app: Start, eventually: Any) -> None:
    app = start_app("redis_writeback")
    details, restoring = f"event:{app.stage.event}", f"event:{app.stage.event}:restoring"
    with app.stage.client() as redis:
        with redis.pipeline(transaction=True) as pipe:
            pipe.flushdb()
            pipe.set(restoring, "a test")
            pipe.execute()
        assert app.reschedule(2).status_code == 200
        assert not redis.exists(details)
        redis.delete(restoring)
        eventually(lambda: redis.hget(details, "tickets"))
        assert redis.hget(details, "opens_at_ns") == b"2"
    app.login(0)


def attempts() -> float:
    labels = {"kind": "postgres", "name": "write_batch", "result": "failure"}
    return REGISTRY.get_sample_value("boundary_calls_total", labels) or 0.0


def test_a_batch_that_is_outdated_is_read_again_soon_but_not_all_the_time(
    sold: Any, eventually: Any
) -> None:
    """Without anybody who brings the epochs together again, as `Rows` is told of nobody."""
    stage = sold.stage
    part_epochs(stage)

    async def run() -> tuple[float, float]:
        settings = stage.settings
        async with Redis.from_url(settings.redis_url, protocol=2) as redis:
            database = Database(settings.database_dsn, 1, 2.0, "test")
            await database.open()
            grants = StreamSource(redis, settings.event, print)
            worker = Writeback(grants, Rows(database, settings.event, grants.set_aside))
            before = attempts()
            task = asyncio.create_task(worker.run())
            began_s = time.monotonic()
            await asyncio.to_thread(eventually, lambda: attempts() - before >= 2)
            soon_s = time.monotonic() - began_s
            await asyncio.sleep(1)
            times = attempts() - before
            await redis.hincrby(f"event:{settings.event}", "epoch", 1)
            worker.stop()
            assert await task is True
            await database.close()
            return times, soon_s

    times, soon_s = asyncio.run(run())
    assert soon_s < 0.5
    assert times <= 6
    assert len(stage.rows()) == 2


def test_a_restoration_that_cannot_be_is_asked_for_again(make_stage: Start) -> None:
    stage = make_stage()
    stage.prepare()
    wipe(stage)
    stage.postgres.stop()
    try:
        with pytest.raises(DependencyDownError):
            restore(stage)
    finally:
        stage.postgres.start()
    with stage.client() as redis:
        redis.delete(f"event:{stage.event}:restoring")
    assert restore(stage) is True
