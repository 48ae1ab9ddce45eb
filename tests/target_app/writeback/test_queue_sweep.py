"""What a queue may do twice is done once, and a grant it was never told of comes to its row."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
import redis.asyncio

from dress_rehearsal.target_app.queues import outbox as queue_outbox
from dress_rehearsal.target_app.stores.postgres import Database
from dress_rehearsal.target_app.writeback import queue_sweep
from dress_rehearsal.target_app.writeback.queue_source import QueueSource
from dress_rehearsal.target_app.writeback.queue_sweep import SENT_AGAIN
from dress_rehearsal.target_app.writeback.rows import COMMITTED, Rows
from dress_rehearsal.target_app.writeback.stream import POISONED
from tests.target_app.children import killed_after_grant
from tests.target_app.queues import (
    bury,
    come_again,
    count,
    empty,
    forget_messages,
    opened,
    with_queue,
)
from tests.target_app.waiting import eventually
from tests.target_app.writing import drain, held, running, total, write_row, written

Start = Callable[..., Any]


@pytest.fixture
def start(start_queued: Start) -> Start:
    return start_queued


@pytest.fixture
def swept_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_sweep, "SWEEP_S", 0.0)
    monkeypatch.setattr(queue_sweep, "OLD_S", 0.0)


def waiting(stage: Any) -> int:
    return sum(count(stage))


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
        source = QueueSource(queue, client, settings.event, print)
        rows = Rows(database, settings.event, source.set_aside)
        await queue.join()
        first = await source.read()
        while len(first.entries) < 3:
            first = await source.read()
        if committed_between:
            await rows.write(first)
        await come_again(queue, list(source._messages.values()))
        second = await source.read()
        assert {entry.id for entry in second.entries} == {entry.id for entry in first.entries}
        assert len(second.entries) == 3
        await source.acknowledge(await rows.write(second))
        assert await source.is_empty(True)
        await database.close()
        await client.aclose()
        await queue.close()

    asyncio.run(deliver_twice())
    assert written(app.stage) == held(app.stage)
    assert len(app.stage.rows()) == 3


def test_where_the_outbox_is_full_nothing_is_granted(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_outbox, "TIMEOUT_S", 0.2)
    app = start()
    bearer = app.login(0)
    outbox = app.asgi.services.outbox
    outbox.pool_limit.used = outbox.pool_limit.size
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
    monkeypatch.setattr(queue_sweep, "SWEEP_S", 0.0)
    app = start()
    app.buy(app.login(0))
    forget_messages(app.stage)
    assert drain(app.stage) is True
    assert app.stage.rows() == []


@pytest.mark.usefixtures("swept_at_once")
def test_a_dead_letter_is_not_sent_again_and_keeps_no_other_grant_from_its_row(
    start: Start,
) -> None:
    app = start()
    app.rush([(app.login(index), "key") for index in range(4)])
    dead, *_ = forget_messages(app.stage)

    async def bury_one() -> None:
        queue = await opened(app.stage)
        await bury(queue, [json.dumps(dead), "no grant"])
        await queue.close()

    asyncio.run(bury_one())
    again = total(SENT_AGAIN)
    with running(app.stage):
        eventually(lambda: len(app.stage.rows()) == 3)
    assert dead["ticket"] not in {row["ticket"] for row in app.stage.rows()}
    assert total(SENT_AGAIN) - again == 3
    assert count(app.stage) == (0, 2)
    assert with_queue(app.stage, lambda queue: queue.replay()) == 2
    with running(app.stage):
        eventually(lambda: len(app.stage.rows()) == 4)
    assert written(app.stage) == held(app.stage)


@pytest.mark.usefixtures("swept_at_once")
def test_where_somebody_else_has_dead_letters_nothing_is_swept_until_they_are_seen(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = start()
    app.rush([(app.login(index), "key") for index in range(2)])
    dead, _ = forget_messages(app.stage)

    async def sweep_twice() -> list[int]:
        queue = await opened(app.stage)
        await bury(queue, [json.dumps(dead)])
        client = redis.asyncio.Redis.from_url(app.stage.settings.redis_url, protocol=2)
        sweep = queue_sweep.QueueSweep(queue, client, app.stage.event)
        with monkeypatch.context() as patch:

            async def none_to_be_had() -> list[str]:
                return []

            patch.setattr(queue, "dead_letters", none_to_be_had)
            sent = [await sweep.when_due()]
        sent.append(await sweep.when_due())
        await client.aclose()
        await queue.close()
        return sent

    assert asyncio.run(sweep_twice()) == [0, 1]


@pytest.mark.usefixtures("swept_at_once")
def test_a_grant_that_cannot_be_written_is_swept_once(start: Start) -> None:
    app = start()
    app.buy(app.login(0))
    forget_messages(app.stage)

    async def sweep_twice() -> tuple[int, int]:
        queue = await opened(app.stage)
        client = redis.asyncio.Redis.from_url(app.stage.settings.redis_url, protocol=2)
        sweep = queue_sweep.QueueSweep(queue, client, app.stage.event)
        first = await sweep.when_due()
        await empty(queue)
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
    queue_settings: Start,
    queued: str,
) -> None:
    stage = make_stage(queued, APP_WORKERS=2, APP_FAULTS="on", **queue_settings(queued))
    with killed_after_grant(stage, spawn, connect_app) as client, running(stage):
        eventually(lambda: len(stage.rows()) == 1)
        eventually(lambda: client.scard(f"event:{stage.event}:issued") == 1)
