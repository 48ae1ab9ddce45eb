"""The write-back: every grant becomes one row, whatever dies, stalls or is poisoned on the way."""

import asyncio
import signal
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from redis.asyncio import Redis

from dress_rehearsal.target_app.faults import FAULTS, FAULTS_KEY
from dress_rehearsal.target_app.stores.constraints import CONSTRAINTS
from dress_rehearsal.target_app.writeback import __main__ as writeback_module
from dress_rehearsal.target_app.writeback.__main__ import Writeback
from dress_rehearsal.target_app.writeback.backlog import BACKLOG, OLDEST_AGE, Backlog
from dress_rehearsal.target_app.writeback.rows import COMMITTED
from dress_rehearsal.target_app.writeback.services import Services
from dress_rehearsal.target_app.writeback.stream import POISONED, REDELIVERED
from tests.target_app.writing import Running, drain, held, running, total, write_row, written

Start = Callable[..., Any]


def look(stage: Any) -> tuple[int, float]:
    """Backlog and age of its oldest grant, by the gauges."""

    async def run() -> None:
        async with Redis.from_url(stage.settings.redis_url, protocol=2) as redis:
            await Backlog(redis, stage.event).look()

    asyncio.run(run())
    return int(BACKLOG._value.get()), OLDEST_AGE._value.get()


@pytest.fixture
def sold(start_app: Start) -> Callable[[int], Any]:
    """An app that has just granted so many tickets, none of them written."""

    def sell(count: int) -> Any:
        app = start_app("redis_writeback", APP_TICKETS=100)
        answers = app.rush([(app.login(index), "key") for index in range(count)])
        assert {answer.status_code for answer in answers} == {202}
        return app

    return sell


def add(stage: Any, **fields: object) -> str:
    """Append an entry to the grants stream."""
    whole = {"number": 900, "granted_ns": 1, "idempotency": "k", "student": "s", "ticket": "t"}
    with stage.client() as redis:
        entry = redis.xadd(f"event:{stage.event}:grants", {**whole, **fields})
    return str(entry.decode())


def test_every_grant_becomes_exactly_its_row(sold: Callable[[int], Any]) -> None:
    app = sold(30)
    assert look(app.stage)[0] == 30
    assert look(app.stage)[1] > 0
    committed = total(COMMITTED)
    assert drain(app.stage) is True
    with app.stage.client() as redis:
        assert redis.xpending(f"event:{app.stage.event}:grants", "writeback")["pending"] == 0
        assert redis.xlen(f"event:{app.stage.event}:grants") == 30  # kept: the audit reads it
    assert written(app.stage) == held(app.stage)
    assert len(written(app.stage)) == len(app.stage.rows()) == 30
    assert total(COMMITTED) == committed + 30
    assert look(app.stage) == (0, 0.0)


def test_a_ticket_is_issued_only_after_its_row_is_committed(
    sold: Callable[[int], Any], eventually: Callable[..., Any]
) -> None:
    app = sold(1)
    bearer = app.login(0)
    ticket = app.buy(bearer).json()["ticket"]

    def state() -> str:
        return str(app.http.get(f"/tickets/{ticket}", headers=bearer).json()["state"])

    assert (state(), app.stage.rows()) == ("pending", [])
    with running(app.stage):
        eventually(lambda: state() == "issued")
        assert len(app.stage.rows()) == 1


def test_what_was_delivered_but_not_acknowledged_is_written_once(
    sold: Callable[[int], Any],
) -> None:
    app = sold(6)
    key = f"event:{app.stage.event}:grants"
    with app.stage.client() as redis:  # a worker read three, wrote the first, and died
        ((_, entries),) = redis.xreadgroup("writeback", "writeback", {key: ">"}, count=3)
    first = {name.decode(): value.decode() for name, value in entries[0][1].items()}
    write_row(app.stage, first)
    redelivered, committed = total(REDELIVERED), total(COMMITTED)
    assert drain(app.stage) is True
    assert [row["number"] for row in app.stage.rows()] == [1, 2, 3, 4, 5, 6]
    assert total(REDELIVERED) == redelivered + 3
    assert total(COMMITTED) == committed + 5
    assert look(app.stage)[0] == 0


def test_a_poisoned_entry_stays_pending_and_stops_nobody(
    sold: Callable[[int], Any], caplog: pytest.LogCaptureFixture
) -> None:
    app = sold(2)
    taken = app.stage.roster[0].student
    poisoned = [
        add(app.stage, number="many"),  # not a grant
        add(app.stage, number=2**40),  # no int4
        add(app.stage, student="nul\0character"),  # refused by PostgreSQL
        add(app.stage, ticket="second", student=taken, number=901),  # UNIQUE keeps it out
    ]
    good = add(app.stage, ticket="good", student="late", number=3)
    before = total(POISONED)
    assert drain(app.stage) is True
    assert {row["ticket"] for row in app.stage.rows()} >= {"good"}
    assert len(app.stage.rows()) == 3
    with app.stage.client() as redis:
        pending = redis.xpending_range(f"event:{app.stage.event}:grants", "writeback", "-", "+", 10)
    left = [entry["message_id"].decode() for entry in pending]
    assert left == poisoned
    assert good not in left
    assert total(POISONED) == before + 4
    told = [r.__dict__["entry"] for r in caplog.records if r.message == "a grant cannot be written"]
    assert sorted(told) == sorted(poisoned)


def test_postgresql_down_keeps_everything_and_recovery_writes_it(
    sold: Callable[[int], Any], eventually: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    app = sold(5)
    app.stage.postgres.stop()
    try:
        worker = Running(app.stage)
        eventually(lambda: "write-back waits" in caplog.text)
        assert look(app.stage)[0] == 5
    finally:
        app.stage.postgres.start()
    eventually(lambda: len(app.stage.rows()) == 5)
    assert worker.stop() is True


def test_a_worker_that_cannot_finish_in_time_says_so(
    sold: Callable[[int], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = sold(2)
    monkeypatch.setattr(writeback_module, "DRAIN_S", 0.3)
    with app.stage.client() as redis:
        redis.delete(f"event:{app.stage.event}:issued")
        redis.set(f"event:{app.stage.event}:issued", "not a set")
    assert drain(app.stage) is False
    assert len(app.stage.rows()) == 2  # written, but nobody could be told


def test_a_stream_without_its_group_gets_one(make_stage: Callable[..., Any]) -> None:
    stage = make_stage()
    stage.prepare()
    with stage.client() as redis:
        redis.delete(f"event:{stage.event}:grants")
    entry = add(stage)
    assert entry
    assert drain(stage) is True
    assert [row["ticket"] for row in stage.rows()] == ["t"]


@pytest.fixture
def switch() -> Iterator[Callable[..., None]]:
    """Switch faults on in this process: `switch(redelivery=1.0)`."""
    yield lambda **grades: FAULTS.set_all(grades)
    FAULTS.set_all({})


@pytest.fixture
def unconstrained(sold: Callable[[int], Any]) -> Iterator[Callable[[int], Any]]:
    """Like `sold`, on a table that lost its constraints, as the fault's switch has it."""
    apps: list[Any] = []

    def sell(count: int) -> Any:
        app = sold(count)
        apps.append(app)
        for constraint in CONSTRAINTS:
            app.stage.postgres.run(f"ALTER TABLE tickets DROP CONSTRAINT {constraint}")
        return app

    yield sell
    for app in apps:
        app.stage.postgres.run("DELETE FROM tickets WHERE event = $1", app.stage.event)
        app.stage.prepare()


def test_redelivery_writes_rows_twice_where_no_constraint_keeps_them_out(
    unconstrained: Callable[[int], Any], switch: Callable[..., None]
) -> None:
    app = unconstrained(20)
    switch(redelivery=1.0)
    assert drain(app.stage) is True
    assert [row["number"] for row in app.stage.rows()] == [n for n in range(1, 21) for _ in "ab"]


def test_without_the_fault_an_unconstrained_table_is_filled_once(
    unconstrained: Callable[[int], Any], switch: Callable[..., None]
) -> None:
    app = unconstrained(20)
    switch(redelivery=0.0)
    assert drain(app.stage) is True
    assert [row["number"] for row in app.stage.rows()] == list(range(1, 21))


def test_constraints_keep_redelivery_out(
    sold: Callable[[int], Any], switch: Callable[..., None]
) -> None:
    app = sold(20)
    switch(redelivery=1.0)
    assert drain(app.stage) is True
    assert [row["number"] for row in app.stage.rows()] == list(range(1, 21))


def test_a_full_queue_forgets_what_comes_after_and_says_so_once(
    sold: Callable[[int], Any], switch: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    app = sold(60)
    switch(drop_queue_items=10)
    assert drain(app.stage) is True
    assert 10 <= len(app.stage.rows()) <= 20  # ten a second, and a second may have begun anew
    assert caplog.text.count("the queue is full") == 1
    assert look(app.stage)[0] == 0  # all the same: that is the harm in it


def test_a_worker_hears_of_faults_only_where_they_are_allowed(
    sold: Callable[[int], Any], switch: Callable[..., None], eventually: Callable[..., Any]
) -> None:
    app = sold(30)

    async def open_services(settings: Any) -> float:
        services = Services(settings)
        await services.open()
        try:
            if settings.faults:
                await asyncio.to_thread(eventually, lambda: FAULTS.grade("drop_queue_items"))
            worker = Writeback(services.source, services.rows)
            worker.stop()
            assert await worker.run()
        finally:
            await services.close()
        return FAULTS.grade("drop_queue_items")

    with app.stage.client() as redis:
        redis.hset(FAULTS_KEY, "drop_queue_items", "10")
    try:
        app.stage.environment["APP_FAULTS"] = "off"
        assert asyncio.run(open_services(app.stage.settings)) == 0
        assert len(app.stage.rows()) == 30
        app.stage.environment["APP_FAULTS"] = "on"
        assert asyncio.run(open_services(app.stage.settings)) == 10
    finally:
        with app.stage.client() as redis:
            redis.delete(FAULTS_KEY)


@pytest.fixture(
    params=[
        "redis_writeback",
        "sqs_writeback",
        # A group waits 6 s for a member that is dead, and some more to share anew.
        pytest.param("kafka_writeback", marks=pytest.mark.long),
    ]
)
def start_either(
    request: pytest.FixtureRequest, start_app: Start, queue_settings: Callable[..., Any]
) -> Start:
    """Start an app whose grants wait in a stream, then those whose grants wait in a queue."""
    where = queue_settings(request.param)
    return lambda **changes: start_app(request.param, **where, **changes)


def test_killed_in_the_middle_it_resumes_without_loss_or_duplicate(
    start_either: Start, spawn: Callable[..., Any], eventually: Callable[..., Any]
) -> None:
    app = start_either(APP_TICKETS=110)
    bearers = [app.login(index) for index in range(110)]
    first = spawn("dress_rehearsal.target_app.writeback.__main__", app.stage)
    eventually(lambda: first.said("write-back open"))
    app.rush([(bearer, "key") for bearer in bearers[:55]])
    eventually(app.stage.rows)
    app.rush([(bearer, "key") for bearer in bearers[55:]])
    first.stop(signal.SIGKILL)
    second = spawn("dress_rehearsal.target_app.writeback.__main__", app.stage)
    eventually(lambda: second.said("write-back open"))
    eventually(lambda: len(app.stage.rows()) == 110)
    names = [path.name for path in app.stage.targets.iterdir()]
    assert names == [
        f"writeback-{socket.gethostname()}-{second.process.pid}.json"
    ]  # the dead one's is removed
    assert second.stop(signal.SIGTERM) == 0
    rows = app.stage.rows()
    assert [row["number"] for row in rows] == list(range(1, 111))
    assert len({row["student"] for row in rows}) == 110
    assert not list(app.stage.targets.iterdir())


def test_told_to_stop_it_writes_what_is_left_and_exits_0(
    sold: Callable[[int], Any], spawn: Callable[..., Any], eventually: Callable[..., Any]
) -> None:
    app = sold(100)
    worker = spawn("dress_rehearsal.target_app.writeback.__main__", app.stage)
    eventually(lambda: worker.said("write-back open"))
    began_s = time.monotonic()
    assert worker.stop(signal.SIGTERM) == 0
    assert time.monotonic() - began_s < 9
    assert len(app.stage.rows()) == 100
    assert worker.said("every grant that can be written is")


def test_wrong_settings_exit_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("APP_PORT", "x")
    assert writeback_module.main() == 2
    assert "APP_PORT must be a whole number" in capsys.readouterr().err
