"""Pools and outages: waits are measured and bounded; no outage hangs or outlasts itself."""

import asyncio
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from dress_rehearsal.target_app.errors import DependencyDownError, OverloadedError
from dress_rehearsal.target_app.request_context import NS
from dress_rehearsal.target_app.stores.pool_limit import PoolLimit
from dress_rehearsal.target_app.telemetry.metrics import REGISTRY

Start = Callable[..., Any]


def sample(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


def test_a_pool_limit_admits_in_order_of_arrival_and_measures_the_wait() -> None:
    used: list[int] = []

    async def run() -> tuple[list[int], PoolLimit]:
        pool_limit = PoolLimit("order", 2, 5.0)
        admitted = []

        async def pass_through(number: int) -> None:
            entered_ns = await pool_limit.enter()
            admitted.append(number)
            await asyncio.sleep(0.001)
            used.append(pool_limit.leave(entered_ns))

        await asyncio.gather(*(pass_through(number) for number in range(20)))
        return admitted, pool_limit

    admitted, pool_limit = asyncio.run(run())
    assert admitted == list(range(20))
    assert (pool_limit.used, pool_limit.pending) == (0, 0)
    assert (pool_limit.used_peak, pool_limit.pending_peak) == (2, 18)
    assert sample("db_client_connection_wait_time_seconds_count", pool="order") == 20
    assert sample("db_client_connection_use_time_seconds_count", pool="order") == 20
    assert sample("db_client_connection_use_time_seconds_sum", pool="order") == (
        pytest.approx(sum(used) / 1e9)
    )
    assert min(used) >= 1_000_000
    assert sample("db_client_connection_max", pool="order") == 2
    assert sample("db_client_connection_used_peak", pool="order") == 2
    assert sample("db_client_connection_pending_peak", pool="order") == 18


def test_a_wait_beyond_the_timeout_is_overloaded_and_counted() -> None:
    async def run() -> None:
        pool_limit = PoolLimit("late", 1, 0.05)
        entered_ns = await pool_limit.enter()
        with pytest.raises(OverloadedError, match=r"No late connection became free within 0\.05 s"):
            await pool_limit.enter()
        pool_limit.leave(entered_ns)
        await pool_limit.enter()

    asyncio.run(run())
    assert sample("db_client_connection_timeouts_total", pool="late") == 1


def test_how_long_the_oldest_place_has_been_taken_is_told() -> None:
    def oldest_s() -> float:
        return sample("db_client_connection_oldest_checkout_seconds", pool="old")

    async def run() -> None:
        pool_limit = PoolLimit("old", 3, 5.0)
        assert oldest_s() == 0
        first = await pool_limit.enter()
        await asyncio.sleep(0.02)
        second = await pool_limit.enter()
        assert 0.02 <= oldest_s() < 1
        pool_limit.leave(first)
        assert 0 < oldest_s() <= (time.perf_counter_ns() - second) / NS
        pool_limit.leave(second)
        assert oldest_s() == 0

    asyncio.run(run())


def test_a_waiter_who_is_cancelled_gives_the_place_to_the_next() -> None:
    async def run() -> None:
        pool_limit = PoolLimit("gone", 1, 5.0)
        entered_ns = await pool_limit.enter()
        first = asyncio.create_task(pool_limit.enter())
        second = asyncio.create_task(pool_limit.enter())
        third = asyncio.create_task(pool_limit.enter())
        await asyncio.sleep(0)
        first.cancel()  # while waiting
        await asyncio.sleep(0)
        pool_limit.leave(entered_ns)  # to the second, which is cancelled before it wakes
        second.cancel()
        entered_ns = await third
        await asyncio.gather(first, second, return_exceptions=True)
        pool_limit.leave(entered_ns)
        assert pool_limit.used == 0

    asyncio.run(run())


@contextmanager
def all_borrowed(app: Any) -> Iterator[None]:
    """Somebody holds every PostgreSQL and Redis connection of the app."""
    services = app.asgi.services

    taken: list[tuple[PoolLimit, int]] = []

    async def borrow() -> None:
        for pool_limit in (services.database.pool_limit, services.redis_store.pool_limit):
            taken.extend([(pool_limit, await pool_limit.enter()) for _ in range(pool_limit.size)])

    async def give_back() -> None:
        for pool_limit, entered_ns in taken:
            pool_limit.leave(entered_ns)

    app.call(borrow())
    try:
        yield
    finally:
        app.call(give_back())


@pytest.mark.parametrize(
    ("allocation", "pool"), [("redis_writeback", "redis"), ("atomic_update", "redis")]
)
def test_a_pool_without_a_free_connection_answers_503_and_says_when_to_return(
    start_app: Start, allocation: str, pool: str
) -> None:
    app = start_app(allocation, APP_POSTGRES_POOL_TIMEOUT=0.1, APP_REDIS_POOL_TIMEOUT=0.1)
    bearer = app.login(0)
    timeouts = sample("db_client_connection_timeouts_total", pool=pool)
    refused = sample("tickets_refused_total", code="overloaded")
    with all_borrowed(app):
        answer = app.buy(bearer)
        assert sample("db_client_connections", pool=pool, state="idle") == 0
    assert code(answer) == (503, "overloaded")
    assert answer.headers["retry-after"] == "1"
    assert f"pool;desc={pool};dur=1" in answer.headers["server-timing"]
    assert sample("db_client_connection_timeouts_total", pool=pool) > timeouts
    assert sample("tickets_refused_total", code="overloaded") == refused + 1
    assert app.buy(bearer).status_code in (201, 202)


def test_readiness_names_the_stores_that_do_not_answer(start_app: Start) -> None:
    app = start_app(APP_POSTGRES_POOL_TIMEOUT=0.1, APP_REDIS_POOL_TIMEOUT=0.1)
    assert app.http.get("/readyz").json() == {"status": "ready"}
    with all_borrowed(app):
        answer = app.http.get("/readyz")
    assert code(answer) == (503, "not_ready")
    assert answer.json()["detail"] == "PostgreSQL and Redis: no answer."


def test_postgresql_stopped_is_503_and_started_again_is_well(
    start_app: Start, eventually: Callable[..., Any]
) -> None:
    app = start_app("atomic_update")
    bearer = app.login(0)
    app.stage.postgres.stop()
    try:
        assert code(app.buy(bearer)) == (503, "dependency_unavailable")
        assert code(app.http.get("/readyz")) == (503, "not_ready")
        assert code(app.reschedule(1)) == (503, "dependency_unavailable")
        assert app.http.get("/healthz").status_code == 200
        assert app.http.get(f"{app.path}/countdown").status_code == 200
    finally:
        app.stage.postgres.start()
    eventually(lambda: app.http.get("/readyz").status_code == 200)
    assert app.buy(bearer).status_code == 201
    # What goes on beside requests may be at the database for a moment, too.
    eventually(lambda: app.asgi.services.database.pool_limit.used == 0)


def test_redis_stopped_is_503_and_started_again_is_well(
    start_app: Start, eventually: Callable[..., Any]
) -> None:
    app = start_app()
    bearer = app.login(0)
    app.stage.redis.stop()
    try:
        for answer in (
            app.buy(bearer),
            app.http.get(app.path),
            app.http.post("/login", json={"student": "a", "pin": "b"}),
        ):
            assert code(answer) == (503, "dependency_unavailable")
        assert app.http.get("/healthz").status_code == 200
    finally:
        app.stage.redis.start()
    eventually(lambda: app.http.get("/readyz").status_code == 200)
    assert app.buy(bearer).status_code == 202
    eventually(lambda: app.asgi.services.redis_store.pool_limit.used == 0)


def test_redis_that_hangs_is_503_in_bounded_time(
    start_app: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dress_rehearsal.target_app.stores.redis.COMMAND_TIMEOUT_S", 0.5)
    app = start_app()
    bearer = app.login(0)
    app.stage.redis.signal(signal.SIGSTOP)
    try:
        assert code(app.buy(bearer)) == (503, "dependency_unavailable")
    finally:
        app.stage.redis.signal(signal.SIGCONT)
    assert app.buy(bearer).status_code == 202


def test_a_script_redis_forgot_is_sent_again(start_app: Start) -> None:
    app = start_app()
    bearer = app.login(0)
    with app.stage.client() as redis:
        redis.script_flush()
    assert app.buy(bearer).status_code == 202


def test_a_command_redis_refuses_is_no_bare_error(start_app: Start) -> None:
    app = start_app()
    bearer = app.login(0)
    with app.stage.client() as redis:
        redis.set(f"event:{app.stage.event}:views", "not a number")
        redis.delete(f"event:{app.stage.event}:holders")
        redis.set(f"event:{app.stage.event}:holders", "not a hash")
    assert code(app.http.get(app.path)) == (503, "dependency_unavailable")
    assert code(app.buy(bearer)) == (503, "dependency_unavailable")


def test_an_error_inside_a_transaction_rolls_it_back(
    start_app: Start, eventually: Callable[..., Any]
) -> None:
    app = start_app("atomic_update")
    services = app.asgi.services

    async def fail() -> None:
        async with services.database.transaction() as connection:
            await connection.execute("UPDATE events SET title = 'changed'")
            raise LookupError

    with pytest.raises(LookupError):
        app.call(fail())
    rows = app.stage.postgres.run("SELECT title FROM events WHERE event = $1", app.stage.event)
    assert rows[0]["title"] == app.stage.event.capitalize()
    eventually(lambda: services.database.pool_limit.used == 0)


def test_a_connection_cut_inside_a_transaction_is_told_as_such(
    start_app: Start, eventually: Any
) -> None:
    app = start_app("atomic_update")
    services = app.asgi.services

    async def cut(single: bool) -> None:
        async with services.database.transaction(single=single) as connection:
            await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    for single in (True, False):
        with pytest.raises(DependencyDownError, match="PostgreSQL is not available"):
            app.call(cut(single))
    eventually(lambda: services.database.pool_limit.used == 0)  # the app looks around by itself too


def test_a_borrowed_connection_is_cut_at_shutdown_after_a_second(start_app: Start) -> None:
    app = start_app("atomic_update")
    services = app.asgi.services
    app.call(services.database.transaction(single=True).__aenter__())
    began_s = time.monotonic()
    app.call(services.database.close())
    assert time.monotonic() - began_s > 0.9
