"""Faults: each does its harm while it is on and nothing while it is off; strangers reach none.

What allocators, waiting room, gate and writers do wrong is tested where they are, and what the
service's own parts do in `faulty/`.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import httpx
import pytest

from dress_rehearsal.plans.sections.fault_kinds import FAULTS as CATALOGUE
from dress_rehearsal.target_app.entry import Entrance
from dress_rehearsal.target_app.faults import (
    FAULTS,
    FAULTS_KEY,
    KINDS,
    REFRESH_S,
    Faults,
    FaultSwitches,
)
from dress_rehearsal.target_app.sessions import Sessions
from dress_rehearsal.target_app.stores.postgres import Transaction
from dress_rehearsal.target_app.telemetry.metrics import REGISTRY
from dress_rehearsal.target_app.tickets import Tickets

Start = Callable[..., Any]


def sample(metric: str, /, **labels: str) -> float:
    return REGISTRY.get_sample_value(metric, labels) or 0.0


@pytest.fixture
def start(start_faulty: Start) -> Start:
    return start_faulty


def put(app: Any, fault: str, grade: Any, token: str | None = None) -> Any:
    token = app.stage.settings.admin_token.get_secret_value() if token is None else token
    return app.http.put(
        f"/admin/faults/{fault}",
        json={"grade": grade},
        headers={"Authorization": f"Bearer {token}"},
    )


def show(app: Any, token: str) -> Any:
    return app.http.get("/admin/faults", headers={"Authorization": f"Bearer {token}"})


def took_s(act: Callable[[], Any], status: int) -> float:
    began_s = time.monotonic()
    assert act().status_code == status
    return time.monotonic() - began_s


def test_the_app_knows_the_faults_that_plans_may_schedule() -> None:
    assert {name: kind.unit for name, kind in CATALOGUE.items() if kind.place == "app"} == KINDS


def test_a_service_without_faults_has_neither_their_routes_nor_their_code(start_app: Start) -> None:
    app = start_app("atomic_update")
    assert put(app, "leak", 1).status_code == 404
    assert show(app, app.stage.settings.admin_token.get_secret_value()).status_code == 404
    assert not any("faults" in path for path in app.http.get("/schema").json()["paths"])
    services = app.asgi.services
    assert services.tickets._grant == services.allocator.grant
    assert type(services.database.transaction()) is Transaction
    assert type(services.sessions) is Sessions
    assert type(services.tickets) is Tickets
    assert type(services.entrance) is Entrance


def test_switches_are_for_those_with_the_token(start: Start) -> None:
    app = start()
    for token in ("wrong", app.stage.settings.gate_token.get_secret_value()):
        assert (put(app, "leak", 1, token).status_code, show(app, token).status_code) == (401, 401)
    assert app.http.get("/admin/faults").status_code == 401
    assert FAULTS.grade("leak") == 0
    assert put(app, "no_such_fault", 1).json()["code"] == "fault_unknown"


def test_a_grade_that_is_none_is_refused(start: Start) -> None:
    app = start()
    for grade in (-0.1, 1.1, "much", None, [], "Infinity"):
        answer = put(app, "leak", grade)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request"), grade
    assert FAULTS.grade("leak") == 0


def test_a_fault_is_known_here_at_once_everywhere_soon_and_to_metrics(
    start: Start, eventually: Callable[..., Any]
) -> None:
    app = start()
    token = app.stage.settings.admin_token.get_secret_value()
    app.switch("double_decrement", 0.25)
    assert FAULTS.grade("double_decrement") == 0.25
    assert sample("fault_grade", fault="double_decrement") == 0.25
    assert show(app, token).json()["faults"]["double_decrement"] == 0.25
    with app.stage.client() as redis:  # as another process would have set it
        assert redis.hgetall(FAULTS_KEY) == {b"double_decrement": b"0.25"}
        redis.hset(FAULTS_KEY, mapping={"early_open": "1.0", "of_a_later_version": "1"})
    eventually(lambda: FAULTS.grade("early_open") == 1, timeout_s=2)
    app.switch("double_decrement", 0)
    faults = show(app, token).json()["faults"]
    assert set(faults) == set(KINDS)
    assert {fault for fault, grade in faults.items() if grade} == {"early_open"}


def test_while_redis_is_down_the_last_switches_hold(
    start: Start, caplog: pytest.LogCaptureFixture, eventually: Callable[..., Any]
) -> None:
    app = start()
    app.switch("views_lost", 1)
    app.stage.redis.stop()
    try:
        eventually(lambda: "the fault switches are stale" in caplog.text)
        assert FAULTS.grade("views_lost") == 1
        assert put(app, "views_lost", 0).status_code == 503
        assert FAULTS.grade("views_lost") == 1
    finally:
        app.stage.redis.start()
    eventually(lambda: app.http.get("/readyz").status_code == 200)
    app.switch("views_lost", 0)


def test_a_share_strikes_that_often_and_a_switch_always() -> None:
    faults = Faults()
    assert not any(faults.strikes("leak") for _ in range(100))
    faults.set_all({"leak": 0.2, "early_open": 1.0, "qr_replay": 0.0})
    assert 120 < sum(faults.strikes("leak") for _ in range(1000)) < 280
    assert all(faults.strikes("early_open") for _ in range(100))
    assert not faults.strikes("qr_replay")


def test_a_share_of_the_students_is_the_same_share_whoever_asks() -> None:
    students = [f"2026{index:05d}" for index in range(1000)]
    one, other = Faults(), Faults()
    assert not any(one.strikes_for("qr_refused", each) for each in students)
    for faults in (one, other):
        faults.set_all({"qr_refused": 0.2, "held_refused": 0.2, "session_lost": 1.0})
    struck = [each for each in students if one.strikes_for("qr_refused", each)]
    assert 150 < len(struck) < 250
    assert struck == [each for each in students if other.strikes_for("qr_refused", each)]
    assert struck != [each for each in students if one.strikes_for("held_refused", each)]
    assert all(one.strikes_for("session_lost", each) for each in students)


def test_what_happens_in_one_process_happens_in_the_one_that_asks_first(redis_server: Any) -> None:
    from redis.asyncio import Redis

    async def run() -> list[list[bool]]:
        redis = Redis.from_url(redis_server.url(0), protocol=2)
        switches = [FaultSwitches(redis) for _ in range(5)]
        rounds = []
        for _ in range(2):
            await switches[0].write("late_open", 2.0)
            first = await switches[3]._choose("late_open")
            rounds.append([first, *[await each._choose("late_open") for each in switches]])
            await switches[1].refresh()
            assert FAULTS.grade("late_open") == 2.0
            await switches[0].write("late_open", 0.0)
            assert await redis.hgetall(FAULTS_KEY) == {}
        await redis.aclose()
        return rounds

    assert asyncio.run(run()) == [[True, False, False, False, True, False]] * 2


def test_what_happens_once_happens_to_one_of_all_who_claim_it(redis_server: Any) -> None:
    from redis.asyncio import Redis

    async def run() -> list[bool]:
        redis = Redis.from_url(redis_server.url(0), protocol=2)
        switches = FaultSwitches(redis)
        await switches.write("kill_after_grant", 1.0)
        claims = await asyncio.gather(*(switches._claim("kill_after_grant") for _ in range(20)))
        await switches.refresh()
        await redis.aclose()
        return claims

    assert sum(asyncio.run(run())) == 1
    assert FAULTS.grade("kill_after_grant") == 0


def test_leak_keeps_a_connection_of_each_purchase_it_strikes(start: Start) -> None:
    app = start(APP_POSTGRES_POOL_TIMEOUT=0.1)
    services = app.asgi.services
    use = "db_client_connection_use_time_seconds_count"
    assert app.buy(app.login(0)).status_code == 202
    assert services.database.pool_limit.used == 0
    app.switch("leak", 1.0)
    observed = sample(use, pool="postgres")
    for index in range(1, 5):
        assert app.buy(app.login(index)).status_code == 202
    assert services.database.pool_limit.used == 4
    assert sample(use, pool="postgres") == observed
    answer = app.buy(app.login(5))
    assert (answer.status_code, answer.json()["code"]) == (503, "overloaded")
    app.switch("leak", 0)
    assert app.buy(app.login(5)).status_code == 202
    assert services.database.pool_limit.used == 4  # what is gone is gone


def test_nested_acquire_starves_a_pool_that_is_large_enough_without(start: Start) -> None:
    app = start(APP_POSTGRES_POOL=2, APP_POSTGRES_POOL_TIMEOUT=0.3)
    bearers = [app.login(index) for index in range(16)]
    answers = app.rush([(bearer, "key") for bearer in bearers[:8]])
    assert [answer.status_code for answer in answers] == [202] * 8
    timeouts = sample("db_client_connection_timeouts_total", pool="postgres")
    app.switch("nested_acquire", 1.0)
    answers = app.rush([(bearer, "key") for bearer in bearers[8:]])
    assert 503 in [answer.status_code for answer in answers]
    assert sample("db_client_connection_timeouts_total", pool="postgres") > timeouts
    assert app.asgi.services.database.pool_limit.used == 0


@pytest.mark.parametrize("single", [True, False])
def test_slow_database_lengthens_every_transaction_and_leaves_its_work_alone(
    start: Start, single: bool
) -> None:
    app = start("atomic_update")

    async def one() -> float:
        began_s = time.monotonic()
        async with app.asgi.services.database.transaction(single=single) as connection:
            assert await connection.fetchval("SELECT 42") == 42
        return time.monotonic() - began_s

    assert app.call(one()) < 0.2
    app.switch("slow_database", 0.2)
    assert app.call(one()) >= 0.2
    assert took_s(lambda: app.buy(app.login(0)), 201) >= 0.2
    app.switch("slow_database", 0)
    assert app.call(one()) < 0.2


def test_slow_database_gives_its_connection_back_when_it_is_cut(start: Start) -> None:
    app = start("atomic_update", APP_POSTGRES_POOL=2)
    app.switch("slow_database", 5.0)

    async def give_up() -> None:
        async with asyncio.timeout(0.2):
            async with app.asgi.services.database.transaction():
                raise AssertionError("it was not slow")

    with pytest.raises(TimeoutError):
        app.call(give_up())
    app.switch("slow_database", 0)
    assert app.buy(app.login(0)).status_code == 201


def test_slow_external_slows_the_question_and_keeps_no_database_connection(
    start: Start, neighbours: Any
) -> None:
    app = start(**neighbours.settings)
    assert took_s(lambda: app.buy(app.login(0)), 202) < 1
    borrowed = app.asgi.services.database.pool_limit.used_peak
    app.switch("slow_external", 1)
    used = sample("db_client_connection_use_time_seconds_count", pool="postgres")
    assert took_s(lambda: app.buy(app.login(1)), 202) >= 1
    assert sample("db_client_connection_use_time_seconds_count", pool="postgres") == used
    assert app.asgi.services.database.pool_limit.used_peak == borrowed
    app.switch("slow_external", 0)
    assert took_s(lambda: app.buy(app.login(2)), 202) < 1


def test_slow_external_inside_keeps_a_database_connection_all_the_while(
    start: Start, neighbours: Any
) -> None:
    app = start(**neighbours.settings)
    app.switch("slow_external_inside", 1)
    use = "db_client_connection_use_time_seconds_sum"
    used_s = sample(use, pool="postgres")
    assert took_s(lambda: app.buy(app.login(1)), 202) >= 1
    assert sample(use, pool="postgres") - used_s >= 1
    app.switch("slow_external_inside", 0)
    used_s = sample(use, pool="postgres")
    assert took_s(lambda: app.buy(app.login(2)), 202) < 1
    assert sample(use, pool="postgres") == used_s


def test_ineligible_granted_asks_the_api_as_little_as_the_roster(
    start: Start, neighbours: Any
) -> None:
    app = start(**neighbours.settings)
    bearer = app.login(-1)
    assert app.buy(bearer).status_code == 403
    app.switch("ineligible_granted", 1)
    assert app.buy(bearer).status_code == 202


def test_loop_block_stops_the_worker_half_of_the_time(start: Start) -> None:
    app = start()
    bearers = [app.login(index) for index in range(3)]
    assert took_s(lambda: app.buy(bearers[0]), 202) < 0.2
    app.switch("loop_block", 0.3)
    assert took_s(lambda: app.buy(bearers[1]), 202) >= 0.3
    assert sample("app_event_loop_lag_seconds") >= 0.2
    assert took_s(lambda: app.buy(bearers[2]), 202) < 0.2  # its turn to breathe


def constraints(stage: Any) -> set[str]:
    rows = stage.postgres.run(
        "SELECT conname FROM pg_constraint "
        "WHERE conrelid = 'tickets'::regclass AND contype IN ('p', 'u')"
    )
    return {row["conname"] for row in rows}


@pytest.mark.parametrize("fault", ["unique_off", "duplicate_check_before_lock", "redelivery"])
def test_faults_that_the_database_would_stop_take_its_constraints_away(
    start: Start, fault: str
) -> None:
    app = start()
    try:
        assert len(constraints(app.stage)) == 3
        app.switch(fault, 0)
        assert len(constraints(app.stage)) == 3
        app.switch(fault, 1)
        assert constraints(app.stage) == set()
    finally:
        app.stage.prepare()
    assert len(constraints(app.stage)) == 3


def test_kill_after_grant_kills_one_worker_once_between_grant_and_answer(
    start: Start, make_stage: Callable[..., Any], spawn: Any, eventually: Callable[..., Any]
) -> None:
    stage = make_stage(APP_FAULTS="on", APP_WORKERS=2)
    stage.prepare()
    child = spawn("dress_rehearsal.target_app", stage)

    def workers() -> int:
        return sum("worker open" in line for line in child.lines)

    eventually(lambda: workers() == 2)
    url = f"http://127.0.0.1:{stage.settings.port}"
    with httpx.Client(base_url=url, timeout=10, verify=False) as http:

        def login(index: int) -> httpx.Response | None:
            student, pin, _ = stage.roster[index]
            with suppress(httpx.TransportError):  # it was queued at the worker that is gone
                return http.post("/login", json={"student": student, "pin": pin})
            return None

        def buy(index: int) -> int:
            token = eventually(lambda: login(index)).json()["token"]
            headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "key"}
            try:
                return http.post(f"/events/{stage.event}/tickets", headers=headers).status_code
            except httpx.TransportError:
                return 0

        assert buy(0) == 202
        answer = http.put(
            "/admin/faults/kill_after_grant",
            json={"grade": 1},
            headers={"Authorization": f"Bearer {stage.settings.admin_token.get_secret_value()}"},
        )
        assert answer.status_code == 200
        time.sleep(2 * REFRESH_S)  # until both workers have looked
        assert sorted(buy(index) for index in range(1, 6)) == [0, 202, 202, 202, 202]
    with stage.client() as redis:
        assert redis.hlen(f"event:{stage.event}:holders") == 6
        assert not redis.hexists(FAULTS_KEY, "kill_after_grant")
    eventually(lambda: workers() == 3)  # its successor
