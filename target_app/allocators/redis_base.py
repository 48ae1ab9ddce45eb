"""What allocators that grant in Redis share: the script that decides, and reading what it wrote."""

from typing import Any, ClassVar, NamedTuple

from dress_rehearsal.target_app.allocators.base import Claim, Refusal, Standing, Stores, Ticket
from dress_rehearsal.target_app.errors import DependencyDownError
from dress_rehearsal.target_app.faults import FAULTS
from dress_rehearsal.target_app.sessions import Bearer
from dress_rehearsal.target_app.stores.redis import Script
from dress_rehearsal.target_app.stores.redis_keys import EventKeys, Holder, session_key
from dress_rehearsal.target_app.telemetry.boundaries import measured
from dress_rehearsal.target_app.telemetry.metrics import TICKETS_GRANTED

_GRANT = Script("allocators/grant.lua")


class Decision(NamedTuple):
    """What the script granted, now or (`replay`) to the same request before."""

    ticket: str
    number: int
    issued: bool  # whether its row is known to be committed
    replay: bool
    granted_ns: int
    epoch: int  # how often Redis had been restored (see `restore.py`)


class RedisAllocator:
    """The `holders` hash as the truth; rows in PostgreSQL follow it."""

    name: ClassVar[str]
    constrained: ClassVar[bool] = True
    in_redis: ClassVar[bool] = True
    streams: ClassVar[bool] = False
    """Whether a grant enters the stream at the same instant, for a worker to write its row."""

    def __init__(self, event: str, stores: Stores) -> None:
        self.event = event
        self.redis_store = stores.redis_store
        self.keys = EventKeys(event)
        self._granted = TICKETS_GRANTED.labels(self.name)

    @measured("redis", "grant_script")
    async def decide(self, claim: Claim) -> Decision | Refusal:
        """Session, roster, holder, time and stock at one instant, in one round trip."""
        reply = await self._ask(claim, grants=True)
        if not reply[0]:
            return _refusal(reply)
        _, ticket, number, issued, replay, granted_ns, epoch = reply
        if not replay:
            self._granted.inc()  # here: whatever fails from here on, it is held
        return Decision(
            ticket.decode(), number, bool(issued), bool(replay), int(granted_ns), int(epoch)
        )

    @measured("redis", "foresee_script")
    async def foresee(self, claim: Claim) -> Refusal | None:
        """Return what `decide` would refuse now, before the request waits for anything else.

        None where it would grant.
        """
        reply = await self._ask(claim, grants=False)
        return None if reply[0] else _refusal(reply)

    async def _ask(self, claim: Claim, *, grants: bool) -> Any:
        keys = self.keys
        return await self.redis_store.script(
            _GRANT,
            (
                session_key(claim.bearer.session),
                keys.details,
                keys.enrolled,
                keys.holders,
                keys.grants,
                keys.issued,
            ),
            (
                claim.bearer.student,
                claim.idempotency,
                claim.ticket,
                int(self.streams),
                2 if FAULTS.strikes("double_decrement") else 1,
                int(FAULTS.strikes("early_open")),
                int(FAULTS.strikes("ineligible_granted")),
                int(not grants),
            ),
        )

    @measured("redis", "expect_epoch")
    async def expect_epoch(self, decision: Decision) -> None:
        """Raise `DependencyDownError` where Redis has lost what it held when it decided that."""
        (epoch,) = await self.redis_store.run(("HGET", self.keys.details, "epoch"))
        if epoch is None or int(epoch) != decision.epoch:
            raise DependencyDownError(
                "Redis", f"it lost the ticket granted just before, {decision.ticket}, or may have"
            )

    @measured("redis", "find_ticket")
    async def find(self, ticket: str, bearer: Bearer) -> Ticket | Refusal:
        student, held, issued = await self.redis_store.run(
            ("GET", session_key(bearer.session)),
            ("HGET", self.keys.holders, bearer.student),
            ("SISMEMBER", self.keys.issued, ticket),
        )
        if student != bearer.student.encode():
            return Refusal("unauthenticated")
        if held is None:
            return Refusal("ticket_unknown")
        holder = Holder.read(held)
        if holder.ticket != ticket:
            return Refusal("ticket_unknown")
        return Ticket(ticket, holder.number, bool(issued))

    @measured("redis", "standing")
    async def standing(self) -> Standing | None:
        ((title, tickets, granted, opens_at_ns),) = await self.redis_store.run(
            ("HMGET", self.keys.details, "title", "tickets", "granted", "opens_at_ns")
        )
        if title is None or tickets is None or granted is None or opens_at_ns is None:
            return None
        return Standing(title.decode(), int(tickets), int(tickets) - int(granted), int(opens_at_ns))


def _refusal(reply: Any) -> Refusal:
    if reply[1] == b"event_unknown":
        raise DependencyDownError("Redis", "it does not hold the event; restore or prepare it")
    return Refusal(reply[1].decode())
