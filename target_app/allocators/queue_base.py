"""What the strategies with a queue share: Redis grants, a message has the worker write the row."""

import time

from dress_rehearsal.target_app.allocators.base import Claim, Grant, Refusal, Stores
from dress_rehearsal.target_app.allocators.redis_base import Decision, RedisAllocator
from dress_rehearsal.target_app.faults import after_grant
from dress_rehearsal.target_app.queues.message import ACCEPTED_S, GrantMessage, write_message


class QueueAllocator(RedisAllocator):
    """Two stores to tell, one after the other: the answer waits until both know.

    Between them a request may die. Its grant then has no message, and the retry of the student
    with the same key sends it, or in the end the write-back's sweep; sent twice it is written once.

    A message tells the epoch of its grant, and in a later one is not written, for its number may be
    somebody else's. What was accepted before Redis lost its data, or soon after, the write-back
    writes before it restores Redis; where a message took longer, its student is told of the ticket
    only if Redis has lost nothing until then.
    """

    def __init__(self, event: str, stores: Stores) -> None:
        super().__init__(event, stores)
        assert stores.outbox is not None
        self._outbox = stores.outbox

    async def grant(self, claim: Claim) -> Grant | Refusal:
        if self._outbox.pool_limit.full:
            refusal = await self.foresee(claim)
            if refusal is not None:
                return refusal
        async with self._outbox.place():
            began_s = time.monotonic()
            decision = await self.decide(claim)
            if isinstance(decision, Refusal):
                return decision
            if not decision.replay:
                await after_grant()
            if not decision.issued:
                await self._tell(decision, claim, began_s)
        return Grant(decision.ticket, decision.number, decision.issued, decision.replay)

    async def _tell(self, decision: Decision, claim: Claim, began_s: float) -> None:
        message = GrantMessage(
            ticket=decision.ticket,
            student=claim.bearer.student,
            number=decision.number,
            granted_ns=decision.granted_ns,
            idempotency=claim.idempotency,
            epoch=decision.epoch,
        )
        await self._outbox.send(decision.ticket, write_message(message))
        if time.monotonic() - began_s > ACCEPTED_S:
            await self.expect_epoch(decision)
