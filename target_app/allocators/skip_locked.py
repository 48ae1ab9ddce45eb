"""`skip_locked`: one row a seat; each sale takes the first free one that nobody has locked."""

import asyncio
import time
from typing import ClassVar, Final

from dress_rehearsal.target_app.allocators.backoff import RETRIES, FullJitter
from dress_rehearsal.target_app.allocators.base import Claim, Grant, Refusal, Stores
from dress_rehearsal.target_app.allocators.postgres_base import (
    NOW_NS,
    PostgresSale,
    judge,
    look_statement,
)
from dress_rehearsal.target_app.errors import ContendedError
from dress_rehearsal.target_app.faults import after_grant

_BETWEEN: Final = FullJitter(base_s=0.002, cap_s=0.02)
_FREE: Final = "(SELECT count(*)::int FROM seats WHERE event = $1 AND ticket IS NULL)"

_SELL: Final = f"""
WITH free AS (
    SELECT number FROM seats
    WHERE event = $1 AND ticket IS NULL
      AND (SELECT opens_at_ns <= {NOW_NS} OR $6 FROM events WHERE event = $1)
    ORDER BY number
    LIMIT $5
    FOR UPDATE SKIP LOCKED
), taken AS (
    UPDATE seats SET ticket = $2 FROM free
    WHERE seats.event = $1 AND seats.number = free.number
    RETURNING seats.number
)
INSERT INTO tickets (ticket, event, student, number, granted_ns, idempotency)
SELECT $2, $1, $3, min(number), {NOW_NS}, $4 FROM taken HAVING count(*) > 0
RETURNING number
"""  # noqa: S608 (what is put in are the constants above)


class SkipLocked(PostgresSale):
    """Sales do not wait for each other; who asks first need not get the lower number.

    That a student gets one ticket rests on the table's unique constraint alone, and a sale it
    refuses frees the seat again: a locked seat is therefore perhaps a free one.
    """

    name: ClassVar[str] = "skip_locked"
    look_statement: ClassVar[str] = look_statement(remaining=_FREE)
    standing_statement: ClassVar[str] = (
        f"SELECT title, tickets, {_FREE} AS remaining, opens_at_ns FROM events WHERE event = $1"  # noqa: S608
    )

    def __init__(self, event: str, stores: Stores) -> None:
        super().__init__(event, stores)
        self._retries = RETRIES.labels(self.name)

    async def sell(self, claim: Claim, *, holder_checked: bool) -> Grant | Refusal:  # noqa: ARG002
        patience_s = self.database.pool_limit.timeout_s
        give_up_s = time.monotonic() + patience_s
        attempt = 0
        while True:
            number = await self.take(_SELL, claim)
            if number is not None:
                await after_grant()
                return Grant(claim.ticket, number, issued=True, replay=False)
            settled = judge(await self.look(claim.bearer.student), claim)
            if settled is not None:
                return settled
            if time.monotonic() > give_up_s:
                raise ContendedError(f"others kept every free seat locked for {patience_s:g} s")
            self._retries.inc()
            await asyncio.sleep(_BETWEEN.wait_s(attempt))
            attempt += 1
