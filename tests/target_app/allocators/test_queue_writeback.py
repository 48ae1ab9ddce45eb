"""Strategies with a queue, moto's SQS and Kafka: sent before answered, written once, not lost."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from dress_rehearsal.target_app.faults import FAULTS
from dress_rehearsal.target_app.sqs import queue as sqs_queue
from dress_rehearsal.target_app.telemetry.metrics import REGISTRY
from dress_rehearsal.target_app.writeback import dead_letters
from dress_rehearsal.target_app.writeback.backlog import BACKLOG, OLDEST_AGE
from dress_rehearsal.target_app.writeback.queue_backlog import DEAD_LETTERS
from dress_rehearsal.target_app.writeback.rows import COMMITTED
from dress_rehearsal.target_app.writeback.stream import POISONED, REDELIVERED
from tests.target_app.queues import count, taken, with_queue
from tests.target_app.writing import Running, drain, held, running, total, write_row, written


def sends(kind: str) -> float:
    labels = {"kind": kind, "name": "send", "result": "success"}
    return REGISTRY.get_sample_value("boundary_calls_total", labels) or 0.0


@pytest.fixture
def start(start_queued: Callable[..., Any]) -> Callable[..., Any]:
    return start_queued


def test_a_purchase_is_answered_when_its_message_waits_and_issued_when_its_row_is_there(
    start: Callable[..., Any], eventually: Callable[..., Any]
) -> None:
    app = start()
    bearer = app.login(0)
    answer = app.buy(bearer)
    assert (answer.status_code, answer.json()["state"]) == (202, "pending")
    assert "external;dur=" in answer.headers["server-timing"]
    assert count(app.stage) == (1, 0)
    assert app.stage.rows() == []
    assert drain(app.stage) is True
    (row,) = app.stage.rows()
    assert (row["ticket"], row["number"]) == (answer.json()["ticket"], 1)
    assert app.buy(bearer).json() == {"ticket": row["ticket"], "state": "issued"}
    assert count(app.stage) == (0, 0)


def test_a_rush_is_sent_in_batches_and_every_grant_becomes_exactly_its_row(
    start: Callable[..., Any], queued: str
) -> None:
    app = start(APP_TICKETS=100)
    kind = queued.removesuffix("_writeback")
    clicks = [(app.login(index), "key") for index in range(100)]
    before, committed = sends(kind), total(COMMITTED)
    assert {answer.status_code for answer in app.rush(clicks)} == {202}
    assert sends(kind) - before <= 40
    assert drain(app.stage) is True
    with app.stage.client() as redis:
        assert redis.scard(f"event:{app.stage.event}:issued") == 100
    assert written(app.stage) == held(app.stage)
    assert len(written(app.stage)) == len(app.stage.rows()) == 100
    assert total(COMMITTED) == committed + 100


@pytest.mark.parametrize("queued", ["sqs_writeback"], indirect=True)
def test_without_its_message_a_grant_is_not_answered_and_a_retry_sends_it(
    start: Callable[..., Any],
) -> None:
    app = start()
    bearer = app.login(0)

    async def remove(queue: Any) -> None:
        await queue._client.delete_queue(QueueUrl=await queue._url("grants"))

    with_queue(app.stage, remove)
    answer = app.buy(bearer)
    assert (answer.status_code, answer.json()["code"]) == (503, "dependency_unavailable")
    with_queue(app.stage, lambda queue: queue.create())
    answer = app.buy(bearer)
    assert answer.status_code == 202
    assert drain(app.stage) is True
    assert [row["ticket"] for row in app.stage.rows()] == [answer.json()["ticket"]]


def test_what_a_dead_worker_had_received_comes_again_and_is_written_once(
    start: Callable[..., Any],
) -> None:
    app = start()
    app.rush([(app.login(index), "key") for index in range(6)])
    received = with_queue(app.stage, lambda queue: taken(queue, 6))
    write_row(app.stage, json.loads(received[0].body))  # then the worker died
    assert count(app.stage) == (6, 0)
    assert drain(app.stage) is True  # waits for what is in flight
    assert [row["number"] for row in app.stage.rows()] == [1, 2, 3, 4, 5, 6]
    assert count(app.stage) == (0, 0)


def test_a_setback_writes_again_what_is_held_without_receiving_it_again(
    start: Callable[..., Any], eventually: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    app = start()
    app.rush([(app.login(index), "key") for index in range(5)])
    redelivered = total(REDELIVERED)
    app.stage.postgres.stop()
    try:
        worker = Running(app.stage)
        eventually(lambda: caplog.text.count("write-back waits") > 1)
        assert count(app.stage) == (5, 0)
    finally:
        app.stage.postgres.start()
    eventually(lambda: len(app.stage.rows()) == 5)
    assert worker.stop() is True
    assert total(REDELIVERED) > redelivered
    assert count(app.stage) == (0, 0)


def test_a_message_that_cannot_be_written_becomes_a_dead_letter_counted_and_replayable(
    start: Callable[..., Any],
    eventually: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(sqs_queue, "POISONED_AGAIN_S", 0)
    app = start()
    for name, value in app.stage.environment.items():
        monkeypatch.setenv(name, value)
    answers = app.rush([(app.login(index), "key") for index in range(3)])
    app.stage.postgres.run(  # in the way of the second grant
        "INSERT INTO tickets VALUES ('in the way', $1, 'nobody', 2, 1, 'k')", app.stage.event
    )
    with_queue(app.stage, lambda queue: queue.send(["no grant"]))
    poisoned = total(POISONED)
    with running(app.stage):
        eventually(lambda: DEAD_LETTERS._value.get() == 2)
        eventually(lambda: BACKLOG._value.get() == 0)
        assert OLDEST_AGE._value.get() == 0
    assert total(POISONED) == poisoned + 2
    assert "grants became dead letters" in caplog.text
    assert [row["number"] for row in app.stage.rows()] == [1, 2, 3]
    assert dead_letters.main([]) == 0
    assert capsys.readouterr().out == "2\n"

    app.stage.postgres.run("DELETE FROM tickets WHERE ticket = 'in the way'")
    assert dead_letters.main(["replay"]) == 0
    assert capsys.readouterr().out == "2\n"
    with running(app.stage):
        eventually(lambda: len(app.stage.rows()) == 3)
    assert {row["ticket"] for row in app.stage.rows()} == {a.json()["ticket"] for a in answers}


def test_a_wiped_redis_is_restored_when_what_waits_in_the_queue_is_written(
    start: Callable[..., Any], eventually: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    app = start()
    details, held = f"event:{app.stage.event}", f"event:{app.stage.event}:holders"
    bearers = [app.login(index) for index in range(6)]
    app.rush([(bearer, "key") for bearer in bearers[:5]])
    with app.stage.client() as redis:
        before = redis.hgetall(held)
        redis.flushdb()
        app.stage.prepare()
        assert "5 grants wait in the queue" in caplog.text
        assert app.buy(bearers[5]).json()["code"] == "dependency_unavailable"
        assert not redis.exists(details)
        with running(app.stage):
            eventually(lambda: redis.exists(details))
            assert redis.hgetall(held) == before
            app.buy(app.login(5))
            eventually(lambda: len(app.stage.rows()) == 6)
    assert [row["number"] for row in app.stage.rows()] == [1, 2, 3, 4, 5, 6]


def test_a_full_queue_forgets_messages_too(start: Callable[..., Any]) -> None:
    app = start(APP_TICKETS=60)
    app.rush([(app.login(index), "key") for index in range(60)])
    FAULTS.set_all({"drop_queue_items": 10})
    try:
        assert drain(app.stage) is True
    finally:
        FAULTS.set_all({})
    assert 10 <= len(app.stage.rows()) < 60
    assert count(app.stage) == (0, 0)
