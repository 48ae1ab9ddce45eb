"""`redis_lock`: whoever holds a lease in Redis may sell; fencing tokens make late ones harmless."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import ClassVar, Final

from dress_rehearsal.target_app.allocators.backoff import RETRIES, FullJitter
from dress_rehearsal.target_app.allocators.base import Claim, Grant, Refusal, Stores
from dress_rehearsal.target_app.allocators.postgres_base import PostgresSale, judge, sale_statement
from dress_rehearsal.target_app.errors import ContendedError, UnavailableError
from dress_rehearsal.target_app.faults import after_grant
from dress_rehearsal.target_app.stores.pool_limit import PoolLimit
from dress_rehearsal.target_app.stores.redis import Script
from dress_rehearsal.target_app.stores.redis_keys import EventKeys
from dress_rehearsal.target_app.telemetry.boundaries import measured
from dress_rehearsal.target_app.telemetry.logs import Throttled

LEASE_MS: Final = 1000  # less than the patience of those who wait, so they outlive a dead holder
_LOG = logging.getLogger(__name__)
_BETWEEN: Final = FullJitter(base_s=0.001, cap_s=0.008)
_LOCK: Final = Script("allocators/lock.lua")
_UNLOCK: Final = Script("allocators/unlock.lua")

# Tokens only grow, so a sale whose lease ran out is refused once a later one was made ($6); and
# since each sale leaves its token, so is one whose look is no longer true ($7).
_SELL: Final = sale_statement("fence = $7 AND fence < $6", change=", fence = $6")


class RedisLock(PostgresSale):
    """One sale at a time in all workers together; each worker sends one contender at a time."""

    name: ClassVar[str] = "redis_lock"

    def __init__(self, event: str, stores: Stores) -> None:
        super().__init__(event, stores)
        self._redis_store = stores.redis_store
        self._keys = EventKeys(event)
        self._patience_s = self.database.pool_limit.timeout_s
        self._contender = PoolLimit("redis_lock", 1, self._patience_s)
        self._retries = RETRIES.labels(self.name)
        self._down = Throttled(_LOG, logging.WARNING)

    async def sell(self, claim: Claim, *, holder_checked: bool) -> Grant | Refusal:
        give_up_s = time.monotonic() + self._patience_s
        while True:
            # What is final (no stock, a ticket held) needs no lock.
            seen = await self.look(claim.bearer.student)
            settled = judge(seen, claim, holder_checked=holder_checked)
            if settled is not None:
                return settled
            async with self._locked(seen["fence"], give_up_s) as token:
                settled = await self._sell_holding(token, claim, holder_checked)
            if settled is not None:
                return settled
            self._retries.inc()
            if time.monotonic() > give_up_s:
                raise ContendedError("the lease ran out before the sale was through")

    @measured("postgres", "sell")
    async def _sell_holding(
        self, token: int, claim: Claim, holder_checked: bool
    ) -> Grant | Refusal | None:
        async with self.database.transaction() as connection:
            seen = await connection.fetchrow(self.look_statement, self.event, claim.bearer.student)
            settled = judge(seen, claim, holder_checked=holder_checked)
            if settled is not None:
                return settled
            number = await connection.fetchval(_SELL, *self.row(claim), token, seen["fence"])
            if number is None:
                return None
            await after_grant()
        return Grant(claim.ticket, number, issued=True, replay=False)

    @asynccontextmanager
    async def _locked(self, floor: int, give_up_s: float) -> AsyncIterator[int]:
        """Hold the lock, by the token given. Raises `OverloadedError` when it is not to be had."""
        entered_ns = await self._contender.enter()
        try:
            token = await self._lock(floor, give_up_s)
            try:
                yield token
            finally:
                await self._give_back(token)
        finally:
            self._contender.leave(entered_ns)

    async def _lock(self, floor: int, give_up_s: float) -> int:
        attempt = 0
        while not (token := await self._ask(floor)):
            if time.monotonic() > give_up_s:
                raise ContendedError(f"others held the lock for {self._patience_s:g} s")
            await asyncio.sleep(_BETWEEN.wait_s(attempt))
            attempt += 1
        return token

    @measured("redis", "lock")
    async def _ask(self, floor: int) -> int:
        token: int = await self._redis_store.script(
            _LOCK, (self._keys.lock, self._keys.fence), (LEASE_MS, floor)
        )
        return token

    async def _give_back(self, token: int) -> None:
        try:
            await self._unlock(token)
        except UnavailableError as error:  # what was sold stays sold; the lease ends by itself
            self._down.log("a lock was not given back", {"reason": str(error)})

    @measured("redis", "unlock")
    async def _unlock(self, token: int) -> None:
        await self._redis_store.script(_UNLOCK, (self._keys.lock,), (token,))
