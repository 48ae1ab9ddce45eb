"""`redis_script`: a Redis script grants, and the same request writes the row before it answers."""

from collections.abc import Callable
from typing import Any, ClassVar

from dress_rehearsal.target_app.allocators.base import Claim, Grant, Refusal, Stores, Ticket
from dress_rehearsal.target_app.allocators.postgres_base import PostgresAllocator
from dress_rehearsal.target_app.allocators.redis_base import Decision, RedisAllocator
from dress_rehearsal.target_app.errors import DependencyDownError, OverloadedError
from dress_rehearsal.target_app.faults import after_grant
from dress_rehearsal.target_app.sessions import Bearer
from dress_rehearsal.target_app.telemetry.boundaries import measured

# The event's row is locked against a restoration of Redis: it either sees this ticket or changes
# the epoch first, and then the grant is void, for Redis has forgotten it.
_WRITE = """
INSERT INTO tickets (ticket, event, student, number, granted_ns, idempotency)
SELECT $1, $2, $3, $4, $5, $6
FROM (SELECT FROM events WHERE event = $2 AND epoch = $7 FOR SHARE) AS same_epoch
WHERE NOT EXISTS (SELECT FROM tickets WHERE ticket = $1)
ON CONFLICT DO NOTHING
RETURNING ticket
"""
_IS_WRITTEN = "SELECT ticket FROM tickets WHERE ticket = $1"


class RedisScript(RedisAllocator):
    """Redis decides and PostgreSQL keeps; what a failure leaves between them, a retry mends.

    Or, where the student does not come back, the sweep (`row_sweep.py`).
    """

    name: ClassVar[str] = "redis_script"

    def __init__(self, event: str, stores: Stores) -> None:
        super().__init__(event, stores)
        self._database = stores.database
        self._rows = PostgresAllocator(event, stores)
        self.committed: list[str] = []
        """Tickets whose row is committed and that are still to be marked so in Redis."""
        self.doubt: Callable[[], None] = lambda: None
        """Told when a row was refused for the epoch of its grant."""

    async def grant(self, claim: Claim) -> Grant | Refusal:
        if self._database.pool_limit.full:
            refusal = await self.foresee(claim)
            if refusal is not None:
                return refusal
        try:
            return await self._grant(claim)
        except OverloadedError as error:
            # What was left when this request began to wait may be gone by now.
            if error.pool == self._database.pool_limit.pool:
                refusal = await self.foresee(claim)
                if refusal is not None:
                    return refusal
            raise

    async def _grant(self, claim: Claim) -> Grant | Refusal:
        # Granted only with a connection in hand: who waits for one in vain holds nothing.
        async with self._database.transaction(single=True) as connection:
            decision = await self.decide(claim)
            if isinstance(decision, Refusal):
                return decision
            if not decision.replay:
                await after_grant()
            # Also for a replay: the request that got the grant may have died before its row.
            written = await self._write(connection, claim, decision)
            if not written and not await self._is_written(connection, decision.ticket):
                self.doubt()
                raise DependencyDownError(
                    "Redis",
                    f"it was restored without ticket {decision.ticket}, granted just before",
                )
        if not decision.issued:
            self.committed.append(decision.ticket)
        return Grant(decision.ticket, decision.number, issued=True, replay=decision.replay)

    async def find(self, ticket: str, bearer: Bearer) -> Ticket | Refusal:
        return await self._rows.find(ticket, bearer)

    @measured("postgres", "write_ticket")
    async def _write(self, connection: Any, claim: Claim, decision: Decision) -> bool:
        written = await connection.fetchval(
            _WRITE,
            decision.ticket,
            self.event,
            claim.bearer.student,
            decision.number,
            decision.granted_ns,
            claim.idempotency,
            decision.epoch,
        )
        return written is not None

    @measured("postgres", "is_written")
    async def _is_written(self, connection: Any, ticket: str) -> bool:
        return await connection.fetchval(_IS_WRITTEN, ticket) is not None
