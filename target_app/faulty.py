"""The database, the enrolment client and the grant as they are when they misbehave.

Only a service started with `APP_FAULTS=on` is built from these; any other has none of their code
on its way. Each asks `FAULTS` at the moment it could do harm.
"""

import asyncio
import sys
import time
from collections.abc import Mapping
from typing import Any

from dress_rehearsal.target_app.alerts import Alerts
from dress_rehearsal.target_app.allocators.base import Claim, Grant, Refusal
from dress_rehearsal.target_app.enrolment import Enrolment, Granting
from dress_rehearsal.target_app.faults import FAULTS, SLOWER
from dress_rehearsal.target_app.settings import Settings
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


class FaultyEnrolment(Enrolment):
    """`slow_external`, `slow_external_inside`, and `ineligible_granted`, which asks nobody."""

    def __init__(self, settings: Settings, alerts: Alerts, database: Database) -> None:
        super().__init__(settings, alerts)
        self._database = database

    async def is_enrolled(self, student: str) -> bool | None:
        if FAULTS.grade("ineligible_granted"):
            return None
        if FAULTS.grade("slow_external_inside"):
            async with self._database.transaction() as connection:
                await connection.execute("SELECT 1")
                return await super().is_enrolled(student)
        return await super().is_enrolled(student)

    def _headers(self) -> Mapping[str, str] | None:
        slower_s = FAULTS.grade("slow_external") + FAULTS.grade("slow_external_inside")
        return {SLOWER: f"{slower_s:g}"} if slower_s else None


class FaultyGrant:
    """What costs time or connections, around the grant of whatever allocator there is.

    `leak`, `nested_acquire`, `loop_block`, `lock_held`, `slow_code` and `busy_code` strike before
    the grant, so that what they cost shows in pools and latency and nobody is wronged by them.
    """

    def __init__(self, database: Database, grant: Granting) -> None:
        self._database = database
        self._grant = grant
        self._kept: list[Any] = []
        self._next_block_s = 0.0

    async def __call__(self, claim: Claim) -> Grant | Refusal:
        self._block_loop()
        await self._take_long()
        if FAULTS.strikes("leak"):
            await self._leak()
        if FAULTS.strikes("nested_acquire"):
            async with self._database.transaction() as first:
                await first.execute("SELECT 1")
                async with self._database.transaction(single=True) as second:
                    await second.execute("SELECT 1")
                return await self._grant(claim)
        return await self._grant(claim)

    async def _take_long(self) -> None:
        _burn(FAULTS.grade("busy_code"))
        slow_s = FAULTS.grade("slow_code")
        if slow_s:
            await asyncio.sleep(slow_s)
        held_s = FAULTS.grade("lock_held")
        if held_s:
            async with self._database.transaction() as connection:
                await connection.execute("SELECT pg_advisory_xact_lock(hashtext('lock_held'))")
                await connection.execute(
                    "SELECT pg_sleep($1)", held_s, timeout=held_s + COMMAND_TIMEOUT_S
                )

    async def _leak(self) -> None:
        """Borrow a connection and never give it back; its use is never observed either."""
        connection = await self._database.transaction(single=True).__aenter__()
        self._kept.append(connection)
        await connection.execute("SELECT 1")

    def _block_loop(self) -> None:
        """Block the loop, but half the time at most: a worker that only ever blocks sells nothing
        and the rehearsal of it would not end."""
        block_s = FAULTS.grade("loop_block")
        if block_s and time.monotonic() >= self._next_block_s:
            time.sleep(block_s)
            self._next_block_s = time.monotonic() + block_s


def _burn(busy_s: float) -> None:
    """Keep the CPU busy for so long."""
    until_s = time.process_time() + busy_s
    while time.process_time() < until_s:
        pass
