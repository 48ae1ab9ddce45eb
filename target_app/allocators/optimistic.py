"""`optimistic`: look without a lock, sell only if nobody sold in between, else try again."""

import asyncio
from typing import ClassVar, Final

from dress_rehearsal.target_app.allocators.backoff import RETRIES, FullJitter
from dress_rehearsal.target_app.allocators.base import Claim, Grant, Refusal, Stores
from dress_rehearsal.target_app.allocators.postgres_base import PostgresSale, judge, sale_statement
from dress_rehearsal.target_app.errors import ContendedError
from dress_rehearsal.target_app.faults import after_grant
from dress_rehearsal.target_app.telemetry.boundaries import measured

TRIES: Final = 50
_BETWEEN: Final = FullJitter(base_s=0.002, cap_s=0.1)
_SELL = sale_statement("version = $6", change=", version = version + 1")


class Optimistic(PostgresSale):
    """Every sale gives the event a new version, and needs the one that was looked at."""

    name: ClassVar[str] = "optimistic"

    def __init__(self, event: str, stores: Stores) -> None:
        super().__init__(event, stores)
        self._retries = RETRIES.labels(self.name)

    async def sell(self, claim: Claim, *, holder_checked: bool) -> Grant | Refusal:
        for attempt in range(TRIES):
            if attempt:
                self._retries.inc()
                await asyncio.sleep(_BETWEEN.wait_s(attempt - 1))
            settled = await self._try(claim, holder_checked)
            if settled is not None:
                return settled
        raise ContendedError(f"somebody else sold in between {TRIES} times in a row")

    @measured("postgres", "sell")
    async def _try(self, claim: Claim, holder_checked: bool) -> Grant | Refusal | None:
        # Each statement is a transaction of its own: what holds them together is the version.
        async with self.database.transaction(single=True) as connection:
            seen = await connection.fetchrow(self.look_statement, self.event, claim.bearer.student)
            settled = judge(seen, claim, holder_checked=holder_checked)
            if settled is not None:
                return settled
            number = await connection.fetchval(_SELL, *self.row(claim), seen["version"])
        if number is None:
            return None
        await after_grant()
        return Grant(claim.ticket, number, issued=True, replay=False)
