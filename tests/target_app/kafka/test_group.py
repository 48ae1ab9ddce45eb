"""The write-back as a group of Kafka: members come and go, and every row is written once."""

import asyncio
import signal
from collections.abc import Callable
from typing import Any

import pytest

from dress_rehearsal.target_app.kafka.queue import KafkaQueue
from dress_rehearsal.target_app.writeback import queue_sweep
from dress_rehearsal.target_app.writeback.rows import COMMITTED
from tests.target_app.children import Child, serving_kafka
from tests.target_app.queues import count
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
