"""The time it takes to make a connection is told apart from the store's answer."""

import asyncio
import re
import time
from typing import Any

import asyncpg
import pytest

from dress_rehearsal.target_app.request_context import CURRENT, RequestContext
from dress_rehearsal.target_app.stores.postgres import Database
from dress_rehearsal.target_app.stores.redis import RedisStore
from dress_rehearsal.target_app.telemetry.metrics import REGISTRY

SLOW_S = 0.15


def created(pool: str) -> float:
    name = "db_client_connection_create_time_seconds_sum"
    return REGISTRY.get_sample_value(name, {"pool": pool}) or 0.0


def spent_ms(context: RequestContext) -> dict[str, float]:
    """Return the parts of the header, by name."""
    header = context.server_timing(context.started_ns).decode()
    return {
        name: float(ms) for name, ms in re.findall(r"(\w+);(?:desc=\w+;)?dur=([\d.-]+)", header)
    }


def check_apart(store: str, took_ms: float, told: dict[str, float]) -> None:
    """See that what the connection took is no time of the store's: on a machine that is busy the
    store may take long too, but both together no longer than the whole did."""
    connecting = told[f"{store}_connect"]
    assert connecting >= 1e3 * SLOW_S
    assert told[store] <= took_ms - connecting + 1.0  # the header's rounding


def test_a_new_connection_to_redis_is_no_time_of_redis(
    redis_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> list[tuple[float, dict[str, float]]]:
        store = RedisStore(redis_server.url(0), 1, 1.0)
        make = store._factory.make_connection

        def slowly() -> Any:
            connection = make()
            connect = connection.connect

            async def later() -> None:
                await asyncio.sleep(SLOW_S)
                await connect()

            monkeypatch.setattr(connection, "connect", later)
            return connection

        monkeypatch.setattr(store._factory, "make_connection", slowly)
        told = []
        for _ in range(2):
            context = RequestContext()
            CURRENT.set(context)
            began = time.perf_counter()
            await store.run(("PING",))
            told.append((1e3 * (time.perf_counter() - began), spent_ms(context)))
        await store.close()
        return told

    before = created("redis")
    (took_ms, first), (_, second) = asyncio.run(main())
    check_apart("redis", took_ms, first)
    assert "redis_connect" not in second  # it was there already
    assert created("redis") - before == pytest.approx(first["redis_connect"] / 1e3, rel=0.01)


def test_a_new_connection_to_postgresql_is_no_time_of_postgresql(
    postgres: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = asyncpg.connect

    async def slowly(*args: Any, **kwargs: Any) -> Any:
        await asyncio.sleep(SLOW_S)
        return await connect(*args, **kwargs)

    async def main() -> list[tuple[float, dict[str, float]]]:
        database = Database(postgres.dsn("postgres"), 1, 1.0, "test")
        await database.open()
        await database._pool.expire_connections()
        monkeypatch.setattr(asyncpg, "connect", slowly)
        told = []
        for _ in range(2):
            context = RequestContext()
            CURRENT.set(context)
            began = time.perf_counter()
            async with database.transaction() as connection:
                await connection.execute("SELECT 1")
            told.append((1e3 * (time.perf_counter() - began), spent_ms(context)))
        await database.close()
        return told

    before = created("postgres")
    (took_ms, first), (_, second) = asyncio.run(main())
    check_apart("db", took_ms, first)
    assert "db_connect" not in second
    assert created("postgres") - before >= first["db_connect"] / 1e3
