"""The sweep of `redis_script`: a grant without a row gets it, though nobody asks for it again."""

from collections.abc import Callable
from typing import Any

import pytest

from dress_rehearsal.target_app.telemetry.metrics import REGISTRY
from dress_rehearsal.target_app.writeback import row_sweep
from tests.target_app.children import killed_after_grant
from tests.target_app.meddling import Meddler
from tests.target_app.writing import held, written

Start = Callable[..., Any]


@pytest.fixture
def swept_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_sweep, "SWEEP_S", 0.1)
    monkeypatch.setattr(row_sweep, "OLD_S", 0.2)


def issued(stage: Any) -> int:
    with stage.client() as redis:
        return int(redis.scard(f"event:{stage.event}:issued"))


def calls(name: str) -> float:
    labels = {"kind": "redis", "name": name, "result": "success"}
    return REGISTRY.get_sample_value("boundary_calls_total", labels) or 0.0


@pytest.mark.usefixtures("swept_often")
def test_places_whose_rows_could_not_be_written_are_not_lost(
    start_app: Start, meddle: Callable[[Any], Meddler], eventually: Any
) -> None:
    app = start_app("redis_script", APP_TICKETS=20, APP_POSTGRES_POOL=15)
    bearers = [app.login(index) for index in range(40)]
    other = meddle(app)
    other.run("LOCK TABLE tickets IN EXCLUSIVE MODE")
    answers = app.rush([(bearer, "key") for bearer in bearers[:15]])
    assert {answer.status_code for answer in answers} == {503}
    other.roll_back()
    answers = app.rush([(bearer, "key") for bearer in bearers[15:]])
    assert sum(answer.status_code == 201 for answer in answers) == 5
    eventually(lambda: issued(app.stage) == 20)
    assert [row["number"] for row in app.stage.rows()] == list(range(1, 21))
    assert written(app.stage) == held(app.stage)
    assert app.buy(bearers[0]).status_code == 201  # who does come back is told of it


def test_a_worker_killed_after_its_grant_leaves_no_grant_without_row(
    make_stage: Start, spawn: Start, connect_app: Start, eventually: Any
) -> None:
    stage = make_stage("redis_script", APP_WORKERS=2, APP_FAULTS="on")
    with killed_after_grant(stage, spawn, connect_app):
        eventually(stage.rows)


@pytest.mark.usefixtures("swept_often")
def test_where_every_grant_has_its_row_nobody_looks_for_one(
    start_app: Start, eventually: Any
) -> None:
    app = start_app("redis_script", APP_TICKETS=100)
    before, looks = calls("read_holders"), calls("mark_issued")
    answers = app.rush([(app.login(index), "key") for index in range(100)])
    assert {answer.status_code for answer in answers} == {201}
    eventually(lambda: issued(app.stage) == 100)
    eventually(lambda: calls("mark_issued") > looks + 10)
    assert calls("read_holders") == before


@pytest.mark.usefixtures("swept_often")
def test_rows_that_nobody_marked_are_found_written(start_app: Start, eventually: Any) -> None:
    """The worker that wrote them died before it could."""
    app = start_app("redis_script")
    app.rush([(app.login(index), "key") for index in range(5)])
    eventually(lambda: issued(app.stage) == 5)
    with app.stage.client() as redis:
        redis.delete(f"event:{app.stage.event}:issued")
    eventually(lambda: issued(app.stage) == 5)
    assert written(app.stage) == held(app.stage)


@pytest.mark.usefixtures("swept_often")
def test_a_grant_that_cannot_be_written_is_told_of_once_and_stops_nobody(
    start_app: Start, eventually: Any, caplog: pytest.LogCaptureFixture
) -> None:
    app = start_app("redis_script")
    holders = f"event:{app.stage.event}:holders"
    app.buy(app.login(0))
    text = '{{"ticket":"{0}","number":{1},"granted_ns":1,"idempotency":"k"}}'
    with app.stage.client() as redis:
        redis.hset(holders, "twice", text.format("number one again", 1))
        redis.hset(holders, "fine", text.format("fine", 2))
    eventually(lambda: len(app.stage.rows()) == 2)
    eventually(lambda: issued(app.stage) == 2)
    looks = calls("mark_issued")
    eventually(lambda: calls("mark_issued") > looks + 10)
    told = [record for record in caplog.records if record.message == "a grant cannot be written"]
    assert [record.__dict__["ticket"] for record in told] == ["number one again"]
