"""Late messages: one whose grant Redis has lost takes no number that is somebody else's."""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from dress_rehearsal.target_app.queues.message import ACCEPTED_S
from dress_rehearsal.target_app.queues.queue import Counts
from dress_rehearsal.target_app.sqs import queue as sqs_queue
from dress_rehearsal.target_app.writeback.queue_backlog import QueueBacklog
from tests.target_app.writing import held, running, written

Start = Callable[..., Any]


@pytest.fixture
def start(start_queued: Start) -> Start:
    return start_queued


def test_a_message_sent_after_a_restoration_is_void_and_nobody_was_told_of_its_ticket(
    start: Start,
    eventually: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(sqs_queue, "POISONED_AGAIN_S", 0)
    app = start()
    queue = app.asgi.services.outbox.queue
    send, released = queue.send, threading.Event()

    async def send_late(bodies: Any, **where: Any) -> Any:
        queue.send = send
        await asyncio.to_thread(released.wait, 20)
        return await send(bodies, **where)

    queue.send = send_late
    late: list[Any] = []
    bearer = app.login(0)
    buying = threading.Thread(target=lambda: late.append(app.rush([(bearer, "key")])[0]))
    with running(app.stage), app.stage.client() as redis:
        buying.start()
        eventually(lambda: held(app.stage))
        redis.flushdb()
        eventually(lambda: redis.hexists(f"event:{app.stage.event}", "tickets"))  # after a second
        bought = app.buy(app.login(1))
        assert bought.status_code == 202
        released.set()
        buying.join()
        assert late[0].json()["code"] == "dependency_unavailable"
        eventually(lambda: "a grant cannot be written" in caplog.text)
        eventually(app.stage.rows)
    (row,) = app.stage.rows()
    assert (row["ticket"], row["number"]) == (bought.json()["ticket"], 1)
    assert app.buy(app.login(0)).status_code == 202  # whoever was told 503 asks again


def test_messages_of_an_epoch_that_is_over_are_written_where_redis_lost_nothing(
    start: Start, eventually: Any
) -> None:
    app = start()
    app.rush([(app.login(index), "key") for index in range(3)])
    app.stage.postgres.run("UPDATE events SET epoch = epoch + 1 WHERE event = $1", app.stage.event)
    before = held(app.stage)
    with running(app.stage):
        eventually(lambda: len(app.stage.rows()) == 3)
    assert written(app.stage) == held(app.stage) == before
    app.stage.prepare()  # begins another epoch
    app.buy(app.login(3))
    app.stage.prepare()
    with running(app.stage):
        eventually(lambda: len(app.stage.rows()) == 4)


def test_an_empty_queue_seen_before_redis_lost_anything_proves_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Queue(sqs_queue.SqsQueue):
        waiting = 0

        def __init__(self) -> None:
            pass

        async def count(self) -> Counts:
            return Counts(self.waiting, 0)

    async def run() -> None:
        queue = Queue()
        backlog = QueueBacklog(queue)
        now_s = 100.0
        monkeypatch.setattr(time, "monotonic", lambda: now_s)
        await backlog.look()
        now_s += 10 * ACCEPTED_S
        queue.waiting = 1  # sent just before Redis is found empty, and not counted yet
        assert not await backlog.is_quiet()
        now_s += ACCEPTED_S / 2
        assert not await backlog.is_quiet()
        queue.waiting = 0
        for quiet in (False, False, True):
            assert await backlog.is_quiet() is quiet
            now_s += ACCEPTED_S / 2
        assert not await backlog.is_quiet()  # another loss, seen for the first time

    asyncio.run(run())
