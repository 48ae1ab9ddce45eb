"""A purchase that costs more than it should: connections, locks, time and processors."""

import asyncio
import time
from typing import Any, Final

from dress_rehearsal.target_app.allocators.base import Claim, Grant, Refusal
from dress_rehearsal.target_app.enrolment import Granting
from dress_rehearsal.target_app.faults import FAULTS
from dress_rehearsal.target_app.stores.postgres import COMMAND_TIMEOUT_S, Database
from dress_rehearsal.target_app.stores.redis import RedisStore, Script

_KEEP: Final = "SELECT pg_advisory_xact_lock(hashtext('purchases'))"
_GO_PAST: Final = "SELECT pg_advisory_xact_lock_shared(hashtext('purchases'))"
_KEEP_BUSY: Final = Script("faulty/keep_busy.lua")


class CostlyPurchase:
    """`leak`, `nested_acquire`, `lock_held`, `slow_code`, `busy_code`, `loop_block`, `slow_redis`.

    Around the grant of whatever allocator there is. They strike before the grant, so that what
    they cost shows in pools and latency and nobody is wronged by them.
    """

    def __init__(self, database: Database, redis_store: RedisStore, grant: Granting) -> None:
        self._database = database
        self._redis_store = redis_store
        self._grant = grant
        self._kept: list[Any] = []
        self._next_block_s = 0.0
        self._next_hold_s = 0.0

    async def __call__(self, claim: Claim) -> Grant | Refusal:
        self._block_loop()
        _burn(FAULTS.grade("busy_code"))
        if FAULTS.grade("slow_code"):
            await asyncio.sleep(FAULTS.grade("slow_code"))
        if FAULTS.grade("slow_redis"):
            await self._redis_store.script(_KEEP_BUSY, (), (repr(FAULTS.grade("slow_redis")),))
        if FAULTS.grade("lock_held"):
            await self._pass_the_lock(FAULTS.grade("lock_held"))
        if FAULTS.strikes("leak"):
            await self._leak()
        if FAULTS.strikes("nested_acquire"):
            async with self._database.transaction() as first:
                await first.execute("SELECT 1")
                async with self._database.transaction(single=True) as second:
                    await second.execute("SELECT 1")
                return await self._grant(claim)
        return await self._grant(claim)

    async def _leak(self) -> None:
        """Borrow a connection and never give it back; its use is never observed either."""
        connection = await self._database.transaction(single=True).__aenter__()
        self._kept.append(connection)
        await connection.execute("SELECT 1")

    async def _pass_the_lock(self, held_s: float) -> None:
        """Pass the lock that is on every purchase's way, or now and then keep it for so long.

        A worker keeps it a quarter of the time: those who wait pass in between, else nothing would
        be sold and the rehearsal of it would not end.
        """
        patience_s = COMMAND_TIMEOUT_S + 10 * held_s  # every worker may keep it before
        now_s = time.monotonic()
        if now_s < self._next_hold_s:
            async with self._database.transaction(single=True) as connection:
                await connection.execute(_GO_PAST, timeout=patience_s)
            return
        self._next_hold_s = now_s + 4 * held_s
        async with self._database.transaction() as connection:
            await connection.execute(_KEEP, timeout=patience_s)
            await asyncio.sleep(held_s)

    def _block_loop(self) -> None:
        """Block the loop, but half the time at most: a worker that only ever blocks sells nothing
        and the rehearsal of it would not end."""
        block_s = FAULTS.grade("loop_block")
        if block_s and time.monotonic() >= self._next_block_s:
            time.sleep(block_s)
            self._next_block_s = time.monotonic() + block_s


def _burn(cpu_s: float) -> None:
    """Compute for so much of this thread's processor time."""
    if cpu_s:
        until_s = time.thread_time() + cpu_s
        while time.thread_time() < until_s:
            pass
