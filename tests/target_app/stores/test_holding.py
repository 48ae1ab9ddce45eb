"""What is asked while a connection to PostgreSQL is held is told once: by its own name."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable

import pytest

from dress_rehearsal.target_app.request_context import CURRENT, RequestContext, add_connecting
from dress_rehearsal.target_app.stores.pool_limit import PoolLimit
from dress_rehearsal.target_app.stores.postgres import Transaction
from dress_rehearsal.target_app.stores.redis import RedisStore

SLOW_S = 0.1
SLACK_MS = 40.0
"""For a machine that is busy."""


class Connections:
    """Stands for asyncpg's pool; the first time it makes a connection, which takes a while."""

    def __init__(self) -> None:
        self.new = True

    async def acquire(self, **_: float) -> object:
        if self.new:
            began_ns = time.perf_counter_ns()
            await asyncio.sleep(SLOW_S)
            add_connecting("db", time.perf_counter_ns() - began_ns)
            self.new = False
        return object()

    async def release(self, _: object, **__: float) -> None:
        """Take it back at once."""


class SlowRedis:
    """A connection to a Redis that takes a while to answer."""

    async def send_packed_command(self, _: object, check_health: bool) -> None:
        assert not check_health

    async def read_response(self) -> int:
        await asyncio.sleep(SLOW_S)
        return 1


class Stage:
    """One worker's pools."""

    def __init__(self, size: int) -> None:
        self.connections = Connections()
        self.pool_limit = PoolLimit("postgres", size, 1.0)
        self.redis = RedisStore("redis://localhost:1", 1, 1.0)
        self.redis._idle.append(SlowRedis())  # type: ignore[arg-type]

    def transaction(self) -> Transaction:
        return Transaction(self.connections, self.pool_limit, True)


def told_ms(work: Callable[[Stage], Awaitable[None]], size: int = 2) -> dict[str, float]:
    """Do work as a request, after a while in the app's own code; return what is told of it."""

    async def main() -> str:
        stage = Stage(size)
        context = RequestContext()
        CURRENT.set(context)
        await asyncio.sleep(SLOW_S)
        await work(stage)
        return context.server_timing(time.perf_counter_ns()).decode()

    found = re.findall(r"(\w+);(?:desc=\w+;)?dur=([\d.-]+)", asyncio.run(main()))
    return {name: float(ms) for name, ms in found}


def check(told: dict[str, float], **expected_s: float) -> None:
    whole = told.pop("app")
    assert {name for name, ms in told.items() if ms > SLACK_MS} == set(expected_s)
    for name, seconds in expected_s.items():
        assert told[name] == pytest.approx(1e3 * seconds, abs=SLACK_MS), name
    own = whole - sum(told.values())  # as a report reads it
    assert own >= 1e3 * SLOW_S - 1.0, "what is told of others is none of the app's own time"


def test_redis_that_is_asked_while_holding_is_no_time_of_the_database() -> None:
    async def decide_and_write(stage: Stage) -> None:
        async with stage.transaction():
            await stage.redis.run(("PING",))
            await asyncio.sleep(SLOW_S)

    check(told_ms(decide_and_write), db=SLOW_S, db_connect=SLOW_S, redis=SLOW_S)


def test_a_second_connection_while_the_first_is_held_is_told_once() -> None:
    async def nested(stage: Stage) -> None:
        async with stage.transaction():
            async with stage.transaction():
                await asyncio.sleep(SLOW_S)
            await asyncio.sleep(SLOW_S)

    check(told_ms(nested), db=2 * SLOW_S, db_connect=SLOW_S)


def test_waiting_for_a_second_connection_is_no_use_of_the_first() -> None:
    async def wait_inside(stage: Stage) -> None:
        other = await stage.pool_limit.enter()
        asyncio.get_running_loop().call_later(3 * SLOW_S, stage.pool_limit.leave, other)
        async with stage.transaction(), stage.transaction():
            pass

    check(told_ms(wait_inside), pool=2 * SLOW_S, db_connect=SLOW_S)


def test_what_is_used_alone_is_told_whole() -> None:
    async def one_after_the_other(stage: Stage) -> None:
        await stage.redis.run(("PING",))
        async with stage.transaction():
            await asyncio.sleep(SLOW_S)

    check(told_ms(one_after_the_other), db=SLOW_S, db_connect=SLOW_S, redis=SLOW_S)
