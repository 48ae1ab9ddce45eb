"""The write-back as a group of Kafka: members come and go, and every row is written once."""

import asyncio
import signal
import threading
from collections.abc import Callable
from typing import Any

import pytest

from dress_rehearsal.target_app.kafka.queue import KafkaQueue
from dress_rehearsal.target_app.queues.message import GrantMessage, write_message
from dress_rehearsal.target_app.writeback import queue_sweep
from dress_rehearsal.target_app.writeback.rows import COMMITTED
from tests.target_app.children import Child, serving_kafka
from tests.target_app.queues import count, with_queue
from tests.target_app.waiting import free_port
from tests.target_app.writing import Running, held, running, total, written

Start = Callable[..., Any]


@pytest.fixture
def grouped(start_app: Start, kafka_bootstrap: str) -> Start:
    """Start an app whose grants go to a topic of its own, which groups share for real."""

    def start(**changes: object) -> Any:
        topic = f"grouped-{free_port()}"
        return start_app(
            "kafka_writeback",
            APP_KAFKA_BOOTSTRAP=kafka_bootstrap,
            APP_KAFKA_TOPIC=topic,
            **changes,
        )

    return start


@pytest.mark.long
def test_one_of_two_leaves_in_mid_sale_and_every_grant_becomes_exactly_its_row(
    grouped: Start, eventually: Start, caplog: pytest.LogCaptureFixture
) -> None:
    app = grouped(APP_TICKETS=120)
    bearers = [app.login(index) for index in range(120)]
    committed = total(COMMITTED)
    with running(app.stage):
        second = Running(app.stage)
        app.rush([(bearer, "key") for bearer in bearers[:40]])
        eventually(app.stage.rows)
        app.rush([(bearer, "key") for bearer in bearers[40:80]])
        assert second.stop() is True
        app.rush([(bearer, "key") for bearer in bearers[80:]])
        eventually(lambda: len(app.stage.rows()) == 120)
    assert written(app.stage) == held(app.stage)
    assert [row["number"] for row in app.stage.rows()] == list(range(1, 121))
    assert total(COMMITTED) - committed == 120
    assert count(app.stage) == (0, 0)


@pytest.mark.long
def test_one_of_two_is_killed_in_mid_sale_and_the_other_writes_what_it_had_taken(
    grouped: Start, spawn: Callable[..., Child], eventually: Start
) -> None:
    app = grouped(APP_TICKETS=120)
    bearers = [app.login(index) for index in range(120)]
    module = "dress_rehearsal.target_app.writeback.__main__"
    members = [spawn(module, app.stage) for _ in range(2)]
    for member in members:
        eventually(lambda member=member: member.said("write-back open"))
    app.rush([(bearer, "key") for bearer in bearers[:60]])
    eventually(app.stage.rows)
    app.rush([(bearer, "key") for bearer in bearers[60:]])
    members[0].stop(signal.SIGKILL)
    eventually(lambda: len(app.stage.rows()) == 120, timeout_s=30)
    assert members[1].stop(signal.SIGTERM) == 0
    assert written(app.stage) == held(app.stage)
    assert [row["number"] for row in app.stage.rows()] == list(range(1, 121))
    assert count(app.stage) == (0, 0)


@pytest.mark.long
def test_one_of_two_that_leaves_while_grants_keep_coming_raises_no_false_alarm(
    grouped: Start, eventually: Start
) -> None:
    app = grouped()
    app.buy(app.login(0))
    ((student, (ticket, number, granted_ns, key)),) = held(app.stage).items()
    body = write_message(GrantMessage(ticket, student, number, granted_ns, key))

    async def keep_coming(queue: KafkaQueue) -> None:
        while leaving.is_alive():
            assert await queue.send([body] * 5) == {}
            await asyncio.sleep(0.02)

    with running(app.stage) as first:
        second = Running(app.stage)
        leaving = threading.Thread(target=second.stop)
        leaving.start()
        with_queue(app.stage, keep_coming)
        assert second.drained is True
    assert first.drained is True
    assert written(app.stage) == held(app.stage)
    assert count(app.stage) == (0, 0)


async def some_written(member: KafkaQueue) -> bool:
    """Have a member of the group deal with what comes to it in a moment; whether anything did."""
    messages = await member.take()
    await member.delete(messages)
    return bool(messages)


async def share_written(member: KafkaQueue) -> None:
    """Have a member of the group deal with all that waits in its partitions."""
    consumer = member._member._consumer
    assert consumer is not None
    while True:
        await some_written(member)
        lag = await member._lag.read(member.topic, member.group)
        mine = consumer.assignment()
        if mine and all(lag.done[each] == lag.ends[each] for each in mine):
            return


@pytest.mark.long
def test_one_of_two_may_leave_when_what_waited_is_written_and_the_last_one_leaves_nothing(
    kafka_bootstrap: str,
) -> None:
    async def work(stay: KafkaQueue, leave: KafkaQueue) -> None:
        await stay.create()
        await asyncio.gather(stay.join(), leave.join())
        async with asyncio.timeout(30):  # both have a share, sooner or later
            while not all([await some_written(stay), await some_written(leave)]):
                await stay.send(["m"] * 50)
        await stay.send(["m"] * 50)
        await share_written(leave)
        assert not await leave.is_empty(True), "what the other has is not written"
        await share_written(stay)
        assert await leave.is_empty(True)
        await stay.send(["m"] * 50)
        assert await leave.is_empty(True), "what came since is the other's"
        await leave.close()
        while (await stay.count()).waiting:
            assert not await stay.is_empty(True), "there is nobody to leave it to"
            await share_written(stay)
        assert await stay.is_empty(True)

    async def both() -> None:
        topic = f"leaving-{free_port()}"
        queues = [KafkaQueue(kafka_bootstrap, topic) for _ in range(2)]
        try:
            await work(*queues)
        finally:
            for queue in queues:
                await queue.close()

    asyncio.run(both())


async def created(bootstrap: str, topic: str) -> None:
    """Create a queue's topics, as `prepare` does."""
    queue = KafkaQueue(bootstrap, topic)
    try:
        await queue.create()
    finally:
        await queue.close()


def test_while_kafka_is_down_nothing_is_answered_and_what_it_lost_comes_from_the_sweep(
    start_app: Start,
    eventually: Start,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(queue_sweep, "SWEEP_S", 0.2)
    monkeypatch.setattr(queue_sweep, "OLD_S", 0.5)
    port = free_port()
    with serving_kafka(port) as bootstrap:
        app = start_app("kafka_writeback", APP_KAFKA_BOOTSTRAP=bootstrap, APP_KAFKA_TOPIC="down")
        accepted = app.rush([(app.login(index), "key") for index in range(3)])
        assert {answer.status_code for answer in accepted} == {202}
    bearer = app.login(3)
    refused = app.buy(bearer, "key")
    assert (refused.status_code, refused.json()["code"]) == (503, "dependency_unavailable")
    with serving_kafka(port):  # with nothing of what it had: its topics were in memory
        # Asked for a topic that is being made, this broker now and then never serves it.
        asyncio.run(created(bootstrap, "down"))
        assert app.buy(bearer, "key").status_code == 202
        with running(app.stage):
            eventually(lambda: len(app.stage.rows()) == 4)
        assert written(app.stage) == held(app.stage)
        app.close()
