"""Costly purchases: each costs what its fault is about, and only while it is on."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from dress_rehearsal.target_app.telemetry.metrics import REGISTRY
from tests.target_app.waiting import eventually

Start = Callable[..., Any]


def took_s(app: Any, index: int) -> float:
    bearer, began_s = app.login(index), time.monotonic()
    assert app.buy(bearer).status_code in (201, 202)
    return time.monotonic() - began_s


def timing(app: Any, index: int) -> dict[str, float]:
    """Where the time of a purchase went, in ms."""
    answer = app.buy(app.login(index))
    assert answer.status_code in (201, 202)
    parts = (part.split(";") for part in answer.headers["server-timing"].split(", "))
    return {cause: float(rest[-1].removeprefix("dur=")) for cause, *rest in parts}


def waiting_for_locks(app: Any) -> int:
    ((waiting,),) = app.stage.postgres.run(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    )
    return int(waiting)


@pytest.mark.parametrize("allocation", ["atomic_update", "redis_writeback"])
def test_a_lock_that_one_holds_is_waited_for_by_all_others(
    start_faulty: Start, allocation: str
) -> None:
    app = start_faulty(allocation, APP_POSTGRES_POOL=4)
    bearers = [app.login(index) for index in range(12)]
    app.switch("lock_held", 0.5)
    began_s = time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        answers = pool.submit(app.rush, [(bearer, "key") for bearer in bearers])
        eventually(lambda: waiting_for_locks(app) == 3, timeout_s=2)
    assert {answer.status_code for answer in answers.result()} <= {201, 202}
    assert time.monotonic() - began_s >= 0.5
    app.switch("lock_held", 0)
    assert took_s(app, 12) < 0.3


def test_slow_code_is_neither_in_a_pool_nor_in_a_store_and_leaves_the_loop_free(
    start_faulty: Start,
) -> None:
    app = start_faulty()
    app.switch("slow_code", 0.3)
    spent = timing(app, 0)
    assert spent["app"] >= 300
    assert sum(ms for cause, ms in spent.items() if cause != "app") < 100
    assert (REGISTRY.get_sample_value("app_event_loop_lag_seconds") or 0.0) < 0.2
    bearers = [app.login(index) for index in range(1, 11)]
    began_s = time.monotonic()
    assert {one.status_code for one in app.rush([(each, "key") for each in bearers])} == {202}
    assert time.monotonic() - began_s < 1.5  # side by side
    app.switch("slow_code", 0)
    assert took_s(app, 11) < 0.2


def test_busy_code_takes_its_worker_s_processor(start_faulty: Start) -> None:
    app = start_faulty()
    bearers = [app.login(index) for index in range(10)]
    cpu_s = time.process_time()
    app.switch("busy_code", 0.1)
    assert {one.status_code for one in app.rush([(each, "key") for each in bearers])} == {202}
    assert time.process_time() - cpu_s >= 1.0
    app.switch("busy_code", 0)
    cpu_s = time.process_time()
    app.buy(app.login(10))
    assert time.process_time() - cpu_s < 0.2


def cpu_s(redis: Any) -> float:
    """Return the server's CPU seconds; a tick may count whole for the user or for the kernel."""
    used = redis.info("cpu")
    return float(used["used_cpu_user"] + used["used_cpu_sys"])


def test_slow_redis_keeps_the_server_itself_busy(start_faulty: Start) -> None:
    app = start_faulty()
    app.switch("slow_redis", 0.2)
    with app.stage.client() as redis:
        before_s = cpu_s(redis)
        assert timing(app, 0)["redis"] >= 200
        assert cpu_s(redis) - before_s >= 0.005  # of a busy machine's CPUs
    app.switch("slow_redis", 0)
    assert timing(app, 1)["redis"] < 100
