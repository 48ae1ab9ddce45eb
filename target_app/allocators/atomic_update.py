"""`atomic_update`: one statement counts the stock down and writes the row; PostgreSQL decides."""

from typing import ClassVar

from dress_rehearsal.target_app.allocators.base import Claim, Grant, Refusal
from dress_rehearsal.target_app.allocators.postgres_base import (
    NOW_NS,
    PostgresSale,
    judge,
    sale_statement,
)
from dress_rehearsal.target_app.faults import after_grant

_SELL = sale_statement(f"(opens_at_ns <= {NOW_NS} OR $6)")


class AtomicUpdate(PostgresSale):
    """One hot row, as fast as its lock can be handed on.

    That a student gets one ticket rests on the table's unique constraint alone.
    """

    name: ClassVar[str] = "atomic_update"

    async def sell(self, claim: Claim, *, holder_checked: bool) -> Grant | Refusal:  # noqa: ARG002
        number = await self.take(_SELL, claim)
        if number is not None:
            await after_grant()
            return Grant(claim.ticket, number, issued=True, replay=False)
        seen = await self.look(claim.bearer.student)
        # Something was in the way; with stock left and doors open by now, it was the time.
        return judge(seen, claim) or Refusal("too_early")
