"""`row_lock`: `SELECT … FOR UPDATE` on the event's row, then look, then sell; one at a time."""

from typing import ClassVar

from dress_rehearsal.target_app.allocators.base import Claim, Grant, Refusal
from dress_rehearsal.target_app.allocators.postgres_base import PostgresSale, judge, sale_statement
from dress_rehearsal.target_app.faults import after_grant
from dress_rehearsal.target_app.telemetry.boundaries import measured

_LOCK = "SELECT FROM events WHERE event = $1 FOR UPDATE"
_SELL = sale_statement("true")


class RowLock(PostgresSale):
    """Sound because nobody else looks or sells meanwhile; the lock's hold time is the ceiling."""

    name: ClassVar[str] = "row_lock"

    @measured("postgres", "sell")
    async def sell(self, claim: Claim, *, holder_checked: bool) -> Grant | Refusal:
        async with self.database.transaction() as connection:
            await connection.execute(_LOCK, self.event)
            # A statement of its own: the one that locks still sees what was before its wait.
            seen = await connection.fetchrow(self.look_statement, self.event, claim.bearer.student)
            settled = judge(seen, claim, holder_checked=holder_checked)
            if settled is not None:
                return settled
            number = await connection.fetchval(_SELL, *self.row(claim))
            await after_grant()
        return Grant(claim.ticket, number, issued=True, replay=False)
