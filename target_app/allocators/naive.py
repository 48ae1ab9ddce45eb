"""`naive`: reads how many are left, then writes. Wrong on purpose: it oversells."""

import time
from typing import Any, ClassVar

from dress_rehearsal.target_app.allocators.base import Claim, Grant, Refusal, Stores
from dress_rehearsal.target_app.allocators.postgres_base import PostgresAllocator
from dress_rehearsal.target_app.faults import FAULTS, after_grant
from dress_rehearsal.target_app.telemetry.boundaries import measured
from dress_rehearsal.target_app.telemetry.metrics import TICKETS_GRANTED


class Naive(PostgresAllocator):
    """Looks in one transaction and acts on what it saw in another; nothing guards the table."""

    name: ClassVar[str] = "naive"
    constrained: ClassVar[bool] = False
    standing_statement: ClassVar[str] = """
        SELECT title, tickets, opens_at_ns,
               tickets - (SELECT count(*)::int FROM tickets WHERE event = $1) AS remaining
        FROM events WHERE event = $1
    """

    def __init__(self, event: str, stores: Stores) -> None:
        super().__init__(event, stores)
        self._granted = TICKETS_GRANTED.labels(self.name)

    async def grant(self, claim: Claim) -> Grant | Refusal:
        refused = await self.admit(claim.bearer)
        if refused is not None:
            return Refusal(refused)
        seen = await self._look(claim.bearer.student)
        if seen is None:
            return Refusal("event_unknown")
        if seen["ticket"] is not None:
            if seen["idempotency"] != claim.idempotency:
                return Refusal("already_holds_ticket")
            return Grant(seen["ticket"], seen["number"], issued=True, replay=True)
        granted_ns = time.time_ns()
        if granted_ns < seen["opens_at_ns"] and not FAULTS.strikes("early_open"):
            return Refusal("too_early")
        if seen["sold"] >= seen["tickets"]:
            return Refusal("sold_out")
        # Here is the fault: what was seen may no longer be so.
        number = seen["sold"] + 1
        await self._write(claim, number, granted_ns)
        self._granted.inc()
        await after_grant()
        return Grant(claim.ticket, number, issued=True, replay=False)

    @measured("postgres", "naive_look")
    async def _look(self, student: str) -> Any:
        async with self.database.transaction(single=True) as connection:
            return await connection.fetchrow(
                """
                SELECT e.tickets, e.opens_at_ns, t.ticket, t.number, t.idempotency,
                       (SELECT count(*)::int FROM tickets WHERE event = e.event) AS sold
                FROM events AS e
                LEFT JOIN tickets AS t ON t.event = e.event AND t.student = $2
                WHERE e.event = $1
                ORDER BY t.number
                LIMIT 1
                """,
                self.event,
                student,
            )

    @measured("postgres", "naive_write")
    async def _write(self, claim: Claim, number: int, granted_ns: int) -> None:
        async with self.database.transaction(single=True) as connection:
            await connection.execute(
                """
                INSERT INTO tickets (ticket, event, student, number, granted_ns, idempotency)
                VALUES ($1, $2, $3, $4, $5, $6)
                """,
                claim.ticket,
                self.event,
                claim.bearer.student,
                number,
                granted_ns,
                claim.idempotency,
            )
