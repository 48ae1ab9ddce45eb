"""Somebody else at the same PostgreSQL."""

import asyncio
import threading
from typing import Any

import asyncpg


class Meddler:
    """A PostgreSQL session of somebody else, with a transaction that ends when told to."""

    def __init__(self, dsn: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._connection = self._wait(asyncpg.connect(dsn))
        self._wait(self._connection.execute("BEGIN"))

    def _wait(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    def run(self, statement: str, *args: object) -> Any:
        return self._wait(self._connection.fetch(statement, *args))

    def roll_back(self) -> None:
        self._wait(self._connection.execute("ROLLBACK"))

    def close(self) -> None:
        self._wait(self._connection.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
