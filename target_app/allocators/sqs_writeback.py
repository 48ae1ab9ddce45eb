"""`sqs_writeback`: a Redis script grants, a message to SQS tells the worker to write the row."""

from typing import ClassVar

import msgspec

from target_app.allocators.protocol import Claim, Grant, Refusal, Stores
from target_app.allocators.redis_ledger import RedisLedger
from target_app.mishaps import after_grant

_ENCODE = msgspec.json.Encoder().encode


class SqsWriteback(RedisLedger):
    """Two stores to tell, one after the other: the answer waits until both know.

    Between them a request may die. Its grant then has no message, and the retry of the student
    with the same key sends it; a message sent twice is written once.
    """

    name: ClassVar[str] = "sqs_writeback"
    writes_back: ClassVar[bool] = True

    def __init__(self, event: str, stores: Stores) -> None:
        super().__init__(event, stores)
        assert stores.outbox is not None
        self._outbox = stores.outbox

    async def grant(self, claim: Claim) -> Grant | Refusal:
        decision = await self.decide(claim)
        if isinstance(decision, Refusal):
            return decision
        if not decision.replay:
            await after_grant()
        if not decision.issued:
            message = {
                "ticket": decision.ticket,
                "student": claim.bearer.student,
                "number": decision.number,
                "granted_ns": decision.granted_ns,
                "idempotency": claim.idempotency,
            }
            await self._outbox.send(decision.ticket, _ENCODE(message).decode())
        return Grant(decision.ticket, decision.number, decision.issued, decision.replay)
