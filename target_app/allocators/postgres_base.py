"""What allocators share whose tickets are rows of PostgreSQL: who may buy, the sale, and why not.

`PostgresAllocator` reads tickets and standing; `PostgresSale` adds how a sound sale goes, up to the
point where the strategies differ.
"""

import asyncio
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Final

import asyncpg

from dress_rehearsal.target_app.allocators.base import (
    Claim,
    Grant,
    Refusal,
    Standing,
    Stores,
    Ticket,
)
from dress_rehearsal.target_app.faults import FAULTS
from dress_rehearsal.target_app.sessions import Bearer
from dress_rehearsal.target_app.stores.constraints import ONE_A_STUDENT
from dress_rehearsal.target_app.telemetry.boundaries import measured
from dress_rehearsal.target_app.telemetry.metrics import TICKETS_GRANTED

NOW_NS: Final = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000"


def look_statement(remaining: str = "e.remaining") -> str:
    """Return SQL that reads at one instant the event ($1) and a student's ($2) ticket for it."""
    return f"""
        SELECT {remaining} AS remaining, e.version, e.fence, e.opens_at_ns <= {NOW_NS} AS open,
               t.ticket, t.number, t.idempotency
        FROM events AS e
        LEFT JOIN tickets AS t ON t.event = e.event AND t.student = $2
        WHERE e.event = $1
        ORDER BY t.number
        LIMIT 1
    """  # noqa: S608 (what is put in are constants of this package)


def sale_statement(condition: str, change: str = "") -> str:
    """Return SQL that counts the stock down and writes the row; no row where `condition` fails.

    $1 event, $2 ticket, $3 student, $4 idempotency, $5 how many to take; what follows is the
    strategy's own. The clock is read once the event's row is locked, so the order of `granted_ns`
    is the order of `number`.
    """
    return f"""
        WITH taken AS (
            UPDATE events SET remaining = greatest(0, remaining - $5){change}
            WHERE event = $1 AND remaining > 0 AND {condition}
            RETURNING tickets - remaining AS number, {NOW_NS} AS granted_ns
        )
        INSERT INTO tickets (ticket, event, student, number, granted_ns, idempotency)
        SELECT $2, $1, $3, number, granted_ns, $4 FROM taken
        RETURNING number
    """  # noqa: S608 (what is put in are constants of this package)


def judge(seen: Any, claim: Claim, *, holder_checked: bool = False) -> Grant | Refusal | None:
    """Return what follows from how things stand; None where the claim may be sold a ticket.

    `holder_checked` leaves out whether the student holds a ticket.
    """
    if seen is None:
        return Refusal("event_unknown")
    if seen["ticket"] is not None and not holder_checked:
        if seen["idempotency"] != claim.idempotency:
            return Refusal("already_holds_ticket")
        return Grant(seen["ticket"], seen["number"], issued=True, replay=True)
    if not (seen["open"] or FAULTS.strikes("early_open")):
        return Refusal("too_early")
    # Stock never comes back, so one look at none is final.
    return None if seen["remaining"] > 0 else Refusal("sold_out")


class PostgresAllocator:
    """The `tickets` table as the only truth; sessions and the roster are asked of Redis."""

    constrained: ClassVar[bool] = True
    in_redis: ClassVar[bool] = False
    streams: ClassVar[bool] = False
    standing_statement: ClassVar[str] = (
        "SELECT title, tickets, remaining, opens_at_ns FROM events WHERE event = $1"
    )

    def __init__(self, event: str, stores: Stores) -> None:
        self.event = event
        self.database = stores.database
        self.sessions = stores.sessions

    async def admit(self, bearer: Bearer) -> str | None:
        """Return the problem code that keeps this student from buying, or None."""
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

    @measured("postgres", "standing")
    async def standing(self) -> Standing | None:
        async with self.database.transaction(single=True) as connection:
            row = await connection.fetchrow(self.standing_statement, self.event)
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


class PostgresSale(PostgresAllocator, ABC):
    """A purchase up to the point where the strategies differ, which is `sell`."""

    name: ClassVar[str]
    look_statement: ClassVar[str] = look_statement()

    def __init__(self, event: str, stores: Stores) -> None:
        super().__init__(event, stores)
        self._granted = TICKETS_GRANTED.labels(self.name)

    async def grant(self, claim: Claim) -> Grant | Refusal:
        refused = await self.admit(claim.bearer)
        if refused is not None:
            return Refusal(refused)
        check_to_sale_s = FAULTS.grade("duplicate_check_before_lock")
        if check_to_sale_s:  # the fault: what is true now need not be so when the sale begins
            seen = await self.look(claim.bearer.student)
            if seen is not None and seen["ticket"] is not None:
                return judge(seen, claim) or Refusal("already_holds_ticket")
            await asyncio.sleep(check_to_sale_s)
        try:
            sold = await self.sell(claim, holder_checked=check_to_sale_s > 0)
        except asyncpg.UniqueViolationError as error:
            if error.constraint_name != ONE_A_STUDENT:
                raise
        else:
            if isinstance(sold, Grant) and not sold.replay:
                self._granted.inc()
            return sold
        # A double click: its other half has just been granted.
        seen = await self.look(claim.bearer.student)
        return judge(seen, claim) or Refusal("already_holds_ticket")

    @abstractmethod
    async def sell(self, claim: Claim, *, holder_checked: bool) -> Grant | Refusal:
        """Sell a ticket to a student who may buy, or say why not.

        Raises `asyncpg.UniqueViolationError` where the tickets table refuses a second one.
        """

    def row(self, claim: Claim) -> tuple[str, str, str, str, int]:
        """Return the first five arguments of a sale statement."""
        taken = 2 if FAULTS.strikes("double_decrement") else 1
        return self.event, claim.ticket, claim.bearer.student, claim.idempotency, taken

    @measured("postgres", "sell")
    async def take(self, statement: str, claim: Claim) -> int | None:
        """Return the number sold by one statement, which judges T-0 itself; $6: it is over."""
        async with self.database.transaction(single=True) as connection:
            number: int | None = await connection.fetchval(
                statement, *self.row(claim), FAULTS.strikes("early_open")
            )
            return number

    @measured("postgres", "look")
    async def look(self, student: str) -> Any:
        """Return how things stand for one student, in a transaction of its own."""
        async with self.database.transaction(single=True) as connection:
            return await connection.fetchrow(self.look_statement, self.event, student)
