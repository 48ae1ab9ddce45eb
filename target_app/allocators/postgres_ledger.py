"""What allocators with their truth in PostgreSQL share: who may buy, finding a ticket, standing."""

from typing import Any, ClassVar

from target_app.allocators.protocol import Refusal, Standing, Stores, Ticket
from target_app.faults import FAULTS
from target_app.measured import measured
from target_app.sessions import Bearer


class PostgresLedger:
    """The `tickets` table as the only truth; sessions and the roster are asked of Redis."""

    guarded: ClassVar[bool] = True
    writes_back: ClassVar[bool] = False
    in_redis: ClassVar[bool] = False
    streams: ClassVar[bool] = False

    def __init__(self, event: str, stores: Stores) -> None:
        self.event = event
        self.database = stores.database
        self.sessions = stores.sessions

    async def admit(self, bearer: Bearer) -> str | None:
        """The problem code that keeps this student from buying, or None."""
        if FAULTS.strikes("ineligible_granted"):
            return None if await self.sessions.is_live(bearer) else "unauthenticated"
        return await self.sessions.admit(bearer)

    async def find(self, ticket: str, bearer: Bearer) -> Ticket | Refusal:
        if not await self.sessions.is_live(bearer):
            return Refusal("unauthenticated")
        number = await self._find_number(ticket, bearer.student)
        if number is None:
            return Refusal("ticket_unknown")
        return Ticket(ticket, number, issued=True)

    async def standing(self) -> Standing | None:
        row = await self._read_standing()
        return None if row is None else Standing(**row)

    @measured("postgres", "find_ticket")
    async def _find_number(self, ticket: str, student: str) -> int | None:
        async with self.database.transaction(single=True) as connection:
            number: int | None = await connection.fetchval(
                "SELECT number FROM tickets WHERE event = $1 AND ticket = $2 AND student = $3",
                self.event,
                ticket,
                student,
            )
            return number

    @measured("postgres", "standing")
    async def _read_standing(self) -> Any:
        async with self.database.transaction(single=True) as connection:
            return await connection.fetchrow(
                "SELECT title, tickets, remaining, opens_at_ns FROM events WHERE event = $1",
                self.event,
            )
