"""What SQS may do twice is done once, and a grant it was never told of comes to its row."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
import redis.asyncio

from dress_rehearsal.target_app.sqs import outbox as sqs_outbox
from dress_rehearsal.target_app.sqs.queue import SqsQueue
from dress_rehearsal.target_app.stores.postgres import Database
from dress_rehearsal.target_app.writeback import sqs_sweep
from dress_rehearsal.target_app.writeback.rows import COMMITTED, Rows
from dress_rehearsal.target_app.writeback.sqs_source import SqsSource
from dress_rehearsal.target_app.writeback.sqs_sweep import SENT_AGAIN
from dress_rehearsal.target_app.writeback.stream import POISONED
from tests.target_app.children import killed_after_grant
from tests.target_app.writing import drain, held, running, total, write_row, written

Start = Callable[..., Any]


@pytest.fixture
def start(start_app: Start, sqs_settings: dict[str, str]) -> Start:
    """Start an app whose grants go to a queue of its own."""
    return lambda **changes: start_app("sqs_writeback", **sqs_settings, **changes)


@pytest.fixture
def swept_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqs_sweep, "SWEEP_S", 0.0)
    monkeypatch.setattr(sqs_sweep, "OLD_S", 0.0)


async def opened(stage: Any) -> SqsQueue:
    queue = SqsQueue(stage.settings.sqs_endpoint, stage.settings.sqs_queue)
    await queue.open()
    return queue


def waiting(stage: Any) -> int:
    async def run() -> int:
        queue = await opened(stage)
        try:
            return sum(await queue.count())
        finally:
            await queue.close()

    return asyncio.run(run())


def forget_messages(stage: Any) -> list[dict[str, Any]]:
    """Take all messages out of the queue, as if their requests had died before sending them."""

    async def run() -> list[dict[str, Any]]:
        queue = await opened(stage)
        bodies = []
        while messages := await queue.receive(0):
            bodies += [json.loads(message.body) for message in messages]
            await queue.delete([message.handle for message in messages])
        await queue.close()
        return bodies

    return asyncio.run(run())


def test_a_message_that_is_in_the_queue_twice_is_written_once(start: Start) -> None:
    app = start()
    app.rush([(app.login(index), "key") for index in range(3)])
    grants = forget_messages(app.stage)

    async def send_twice() -> None:
        queue = await opened(app.stage)
        assert await queue.send([json.dumps(grant) for grant in grants * 2]) == {}
        await queue.close()

    asyncio.run(send_twice())
    committed, poisoned = total(COMMITTED), total(POISONED)
    assert drain(app.stage) is True
    assert written(app.stage) == held(app.stage)
    assert len(app.stage.rows()) == total(COMMITTED) - committed == 3
    assert (total(POISONED) - poisoned, waiting(app.stage)) == (0, 0)


@pytest.mark.parametrize("committed_between", [False, True])
def test_a_message_delivered_again_before_it_is_deleted_is_written_once(
    start: Start, committed_between: bool
) -> None:
    app = start()
    app.rush([(app.login(index), "key") for index in range(3)])
    settings = app.stage.settings

    async def deliver_twice() -> None:
        queue = await opened(app.stage)
        client = redis.asyncio.Redis.from_url(settings.redis_url, protocol=2)
        database = Database(settings.database_dsn, 1, 2.0, "tests")
        await database.open()
        source = SqsSource(queue, client, settings.event, print)
        rows = Rows(database, settings.event, source.set_aside)
        first = await source.read()
        if committed_between:
            await rows.write(first)
        await queue.postpone(list(source._handles.values()), 0)
        second = await source.read()
        assert {entry.id for entry in second.entries} == {entry.id for entry in first.entries}
        assert len(second.entries) == 3
        await source.acknowledge(await rows.write(second))
        assert await source.is_empty()
        await database.close()
        await client.aclose()
        await queue.close()

    asyncio.run(deliver_twice())
    assert written(app.stage) == held(app.stage)
    assert len(app.stage.rows()) == 3


def test_where_the_outbox_is_full_nothing_is_granted(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqs_outbox, "PLACES", 2)
    monkeypatch.setattr(sqs_outbox, "TIMEOUT_S", 0.2)
    app = start()
    bearer = app.login(0)
    outbox = app.asgi.services.outbox
    outbox.pool_limit.used = 2
    refused = app.buy(bearer, "key")
    assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
    assert held(app.stage) == {}
    outbox.pool_limit.used = 0
    assert app.buy(bearer, "key").status_code == 202
    assert outbox.pool_limit.used == 0
    assert drain(app.stage) is True
    assert written(app.stage) == held(app.stage)


@pytest.mark.usefixtures("swept_at_once")
def test_a_grant_without_message_comes_to_its_row_without_the_student(
    start: Start, eventually: Callable[..., Any]
) -> None:
    app = start()
    bearers = [app.login(index) for index in range(25)]
    app.rush([(bearer, "key") for bearer in bearers])
    forgotten = forget_messages(app.stage)
    write_row(app.stage, forgotten[0])  # by a worker that died before it told Redis
    again = total(SENT_AGAIN)
    with running(app.stage):
        eventually(lambda: len(app.stage.rows()) == 25)
        eventually(lambda: waiting(app.stage) == 0)
    assert total(SENT_AGAIN) - again == 25
    assert written(app.stage) == held(app.stage)
    assert app.buy(bearers[0], "key").json()["state"] == "issued"


def test_a_grant_whose_request_may_be_under_way_is_left_to_it(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqs_sweep, "SWEEP_S", 0.0)
    app = start()
    app.buy(app.login(0))
    forget_messages(app.stage)
    assert drain(app.stage) is True
    assert app.stage.rows() == []


@pytest.mark.usefixtures("swept_at_once")
def test_a_grant_that_is_a_dead_letter_is_not_sent_again(start: Start) -> None:
    app = start()
    app.buy(app.login(0))
    grants = forget_messages(app.stage)

    async def bury() -> None:
        queue = await opened(app.stage)
        await queue.send([json.dumps(grant) for grant in grants], queue="dead")
        await queue.close()

    asyncio.run(bury())
    again = total(SENT_AGAIN)
    assert drain(app.stage) is True
    assert (total(SENT_AGAIN) - again, app.stage.rows()) == (0, [])


@pytest.mark.usefixtures("swept_at_once")
def test_a_grant_that_cannot_be_written_is_swept_once(start: Start) -> None:
    app = start()
    app.buy(app.login(0))
    forget_messages(app.stage)

    async def sweep_twice() -> tuple[int, int]:
        queue = await opened(app.stage)
        client = redis.asyncio.Redis.from_url(app.stage.settings.redis_url, protocol=2)
        sweep = sqs_sweep.SqsSweep(queue, client, app.stage.event)
        first = await sweep.when_due()
        for message in await queue.receive(1):
            await queue.delete([message.handle])
        second = await sweep.when_due()
        await client.aclose()
        await queue.close()
        return first, second

    assert asyncio.run(sweep_twice()) == (1, 0)


@pytest.mark.usefixtures("swept_at_once")
def test_a_worker_killed_after_its_grant_leaves_no_grant_without_row(
    make_stage: Start,
    spawn: Start,
    connect_app: Start,
    eventually: Start,
    sqs_settings: dict[str, str],
) -> None:
    stage = make_stage("sqs_writeback", APP_WORKERS=2, APP_FAULTS="on", **sqs_settings)
    with killed_after_grant(stage, spawn, connect_app) as client, running(stage):
        eventually(lambda: len(stage.rows()) == 1)
        eventually(lambda: client.scard(f"event:{stage.event}:issued") == 1)
