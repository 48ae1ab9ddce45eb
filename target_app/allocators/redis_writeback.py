"""`redis_writeback`: a Redis script grants at one instant; a worker writes the rows later."""

from typing import ClassVar

from dress_rehearsal.target_app.allocators.base import Claim, Grant, Refusal
from dress_rehearsal.target_app.allocators.redis_base import RedisAllocator
from dress_rehearsal.target_app.faults import after_grant


class RedisWriteback(RedisAllocator):
    """One round trip a purchase: the grant enters a stream at the instant it is made."""

    name: ClassVar[str] = "redis_writeback"
    streams: ClassVar[bool] = True

    async def grant(self, claim: Claim) -> Grant | Refusal:
        decision = await self.decide(claim)
        if isinstance(decision, Refusal):
            return decision
        if not decision.replay:
            await after_grant()
        return Grant(decision.ticket, decision.number, decision.issued, decision.replay)
