"""`atomic_update`: one statement counts the stock down and writes the row; PostgreSQL decides."""

from typing import Any, ClassVar

import asyncpg

from target_app.allocators.postgres_ledger import PostgresLedger
from target_app.allocators.protocol import Claim, Grant, Refusal
from target_app.measured import measured

# The clock is PostgreSQL's and is read once the event's row is locked, so the order of
# `granted_ns` is the order of `number`.
_NOW_NS = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000"

_GRANT = f"""
WITH taken AS (
    UPDATE events SET remaining = remaining - 1
    WHERE event = $1 AND remaining > 0 AND opens_at_ns <= {_NOW_NS}
      AND NOT EXISTS (SELECT FROM tickets WHERE event = $1 AND student = $3)
    RETURNING tickets - remaining AS number, {_NOW_NS} AS granted_ns
)
INSERT INTO tickets (ticket, event, student, number, granted_ns, idempotency)
SELECT $2, $1, $3, number, granted_ns, $4 FROM taken
RETURNING number
"""  # noqa: S608 (the only thing put in is the constant above)

_WHY_NOT = """
SELECT e.remaining, t.ticket, t.number, t.idempotency
FROM events AS e
LEFT JOIN tickets AS t ON t.event = e.event AND t.student = $2
WHERE e.event = $1
"""


class AtomicUpdate(PostgresLedger):
    """One hot row: sound, and as fast as its lock can be handed on."""

    name: ClassVar[str] = "atomic_update"
    guarded: ClassVar[bool] = True
    writes_back: ClassVar[bool] = False

    async def grant(self, claim: Claim) -> Grant | Refusal:
        refused = await self.sessions.admit(claim.bearer)
        if refused is not None:
            return Refusal(refused)
        number = await self._take(claim)
        if number is not None:
            return Grant(claim.ticket, number, issued=True, replay=False)
        seen = await self._why_not(claim.bearer.student)
        if seen is None:
            return Refusal("event_unknown")
        if seen["ticket"] is not None:
            if seen["idempotency"] != claim.idempotency:
                return Refusal("already_holds_ticket")
            return Grant(seen["ticket"], seen["number"], issued=True, replay=True)
        # Stock never comes back, so with some left only the time can have stood in the way.
        return Refusal("too_early" if seen["remaining"] > 0 else "sold_out")

    @measured("postgres", "atomic_update")
    async def _take(self, claim: Claim) -> int | None:
        try:
            async with self.database.transaction(single=True) as connection:
                number: int | None = await connection.fetchval(
                    _GRANT, self.event, claim.ticket, claim.bearer.student, claim.idempotency
                )
                return number
        except asyncpg.UniqueViolationError:
            return None  # a double click: its other half has just been granted

    @measured("postgres", "why_not")
    async def _why_not(self, student: str) -> Any:
        async with self.database.transaction(single=True) as connection:
            return await connection.fetchrow(_WHY_NOT, self.event, student)
