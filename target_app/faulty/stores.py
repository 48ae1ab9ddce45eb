"""The database as it is when it misbehaves."""

import sys
from typing import Any

from dress_rehearsal.target_app.faults import FAULTS
from dress_rehearsal.target_app.stores.postgres import COMMAND_TIMEOUT_S, Database, Transaction


class FaultyDatabase(Database):
    """`slow_database`: every transaction takes so much longer, in PostgreSQL and on its pool."""

    def transaction(self, *, single: bool = False) -> Transaction:
        return FaultyTransaction(self._pool, self.pool_limit, single)


class FaultyTransaction(Transaction):
    """A transaction that begins with a sleep."""

    __slots__ = ()

    async def __aenter__(self) -> Any:
        connection = await super().__aenter__()
        slow_s = FAULTS.grade("slow_database")
        if slow_s:
            try:
                await connection.execute(
                    "SELECT pg_sleep($1)", slow_s, timeout=slow_s + COMMAND_TIMEOUT_S
                )
            except BaseException:
                await self.__aexit__(*sys.exc_info())
                raise
        return connection
