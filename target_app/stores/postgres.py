"""PostgreSQL: one bounded pool a worker, and `transaction()`, the only way to get a connection."""

import asyncio
import logging
import time
from types import TracebackType
from typing import Any

import asyncpg

from dress_rehearsal.target_app.errors import DependencyDownError
from dress_rehearsal.target_app.request_context import add_connecting, add_rest, told_ns
from dress_rehearsal.target_app.stores.pool_limit import PoolLimit

COMMAND_TIMEOUT_S = 2.0
CONNECT_TIMEOUT_S = 1.0

_DOWN = (
    OSError,  # TimeoutError included
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
)
_LOG = logging.getLogger(__name__)


class Database:
    """The pool of one process. Connections are made when first needed and made again when lost."""

    def __init__(self, dsn: str, size: int, timeout_s: float, application_name: str) -> None:
        self.pool_limit = PoolLimit("postgres", size, timeout_s)
        self._dsn = dsn
        self._application_name = application_name
        self._pool: Any = None

    async def open(self) -> None:
        """Make the pool and, where PostgreSQL is up, all its connections before they are needed."""
        self._pool = await asyncpg.create_pool(
            self._dsn,
            min_size=0,
            max_size=self.pool_limit.size,
            max_inactive_connection_lifetime=0,
            connect=self._connect,
            command_timeout=COMMAND_TIMEOUT_S,
            timeout=CONNECT_TIMEOUT_S,
            server_settings={"application_name": self._application_name},
        )
        everyone_in = asyncio.Barrier(self.pool_limit.size)

        async def warm() -> None:
            try:
                async with self.transaction(single=True) as connection:
                    await connection.execute("SELECT 1")
                    await everyone_in.wait()
            except BaseException:
                await everyone_in.abort()
                raise

        tasks = [asyncio.ensure_future(warm()) for _ in range(self.pool_limit.size)]
        results = await asyncio.gather(*tasks, return_exceptions=True)
        failures = [
            result
            for result in results
            if result is not None and not isinstance(result, asyncio.BrokenBarrierError)
        ]
        if failures:  # the others waited for the one that failed
            _LOG.warning("PostgreSQL is not reachable yet: %s", failures[0])
        self.pool_limit.used_peak = self.pool_limit.used  # this was no load

    async def close(self) -> None:
        """Close every connection, waiting for the borrowed ones at most a second."""
        try:
            async with asyncio.timeout(1.0):
                await self._pool.close()
        except TimeoutError:
            _LOG.warning("PostgreSQL connections were still in use at shutdown; cut them.")
            self._pool.terminate()

    def transaction(self, *, single: bool = False) -> "Transaction":
        """Borrow a connection inside a transaction: commit at the end, roll back on an error.

        `single` is for statements of which each is a transaction of its own, usually just one:
        it saves the round trips of BEGIN and COMMIT. Entering and leaving raise
        `OverloadedError` and `DependencyDownError`.
        """
        return Transaction(self._pool, self.pool_limit, single)

    async def _connect(self, *args: Any, **kwargs: Any) -> Any:
        """Make a connection for who has a place in the pool, and count what that took."""
        began_ns = time.perf_counter_ns()
        try:
            return await asyncpg.connect(*args, **kwargs)
        finally:
            add_connecting("db", self.pool_limit.connected(began_ns))


class Transaction:
    """A borrowed connection and its transaction, as an async context manager."""

    __slots__ = (
        "_block",
        "_connection",
        "_entered_ns",
        "_pool",
        "_pool_limit",
        "_single",
        "_told_ns",
    )

    def __init__(self, pool: Any, pool_limit: PoolLimit, single: bool) -> None:
        self._pool = pool
        self._pool_limit = pool_limit
        self._single = single
        self._connection: Any = None
        self._block: Any = None
        self._entered_ns = 0
        self._told_ns = 0

    async def __aenter__(self) -> Any:
        self._entered_ns = await self._pool_limit.enter()
        self._told_ns = told_ns()
        try:
            self._connection = await self._pool.acquire(timeout=COMMAND_TIMEOUT_S)
            if not self._single:
                self._block = self._connection.transaction()
                await self._block.start()
        except BaseException as error:
            await self._give_back()
            if isinstance(error, _DOWN):
                raise DependencyDownError("PostgreSQL", _reason(error)) from error
            raise
        return self._connection

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if self._block is not None:
                if error is None:
                    await self._block.commit()
                elif not self._connection.is_closed():
                    await self._block.rollback()
        except _DOWN as failure:
            raise DependencyDownError("PostgreSQL", _reason(failure)) from failure
        finally:
            await self._give_back()
        if isinstance(error, _DOWN):
            raise DependencyDownError("PostgreSQL", _reason(error)) from error

    async def _give_back(self) -> None:
        try:
            if self._connection is not None:
                await self._pool.release(self._connection, timeout=CONNECT_TIMEOUT_S)
        except _DOWN as failure:
            _LOG.warning("A PostgreSQL connection was lost: %s", _reason(failure))
        finally:
            used_ns = self._pool_limit.leave(self._entered_ns)
            add_rest("db", used_ns, self._told_ns)  # what else was asked while holding it is not


def _reason(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {COMMAND_TIMEOUT_S:g} s"
    return f"{type(error).__name__}: {error}"
