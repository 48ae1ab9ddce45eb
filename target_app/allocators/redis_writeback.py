"""`redis_writeback`: a Redis script grants at one instant; a worker writes the rows later."""

from typing import ClassVar

import msgspec

from target_app.allocators.protocol import Claim, Grant, Refusal, Standing, Stores, Ticket
from target_app.cache import Script
from target_app.keys import EventKeys, session_key
from target_app.measured import measured
from target_app.sessions import Bearer

_GRANT = Script("grant.lua")


class _Holding(msgspec.Struct):
    ticket: str
    number: int


class RedisWriteback:
    """One round trip a purchase: session, roster, stock, time and idempotency in one script."""

    name: ClassVar[str] = "redis_writeback"
    guarded: ClassVar[bool] = True
    writes_back: ClassVar[bool] = True

    def __init__(self, event: str, stores: Stores) -> None:
        self._cache = stores.cache
        self._keys = EventKeys.of(event)
        self._decode = msgspec.json.Decoder(_Holding).decode

    @measured("redis", "grant_script")
    async def grant(self, claim: Claim) -> Grant | Refusal:
        keys = self._keys
        reply = await self._cache.script(
            _GRANT,
            (
                session_key(claim.bearer.session),
                keys.details,
                keys.enrolled,
                keys.holders,
                keys.grants,
                keys.issued,
            ),
            (claim.bearer.student, claim.idempotency, claim.ticket),
        )
        if not reply[0]:
            return Refusal(reply[1].decode())
        _, ticket, number, issued, replay = reply
        return Grant(ticket.decode(), number, bool(issued), bool(replay))

    @measured("redis", "find_ticket")
    async def find(self, ticket: str, bearer: Bearer) -> Ticket | Refusal:
        student, held, issued = await self._cache.run(
            ("GET", session_key(bearer.session)),
            ("HGET", self._keys.holders, bearer.student),
            ("SISMEMBER", self._keys.issued, ticket),
        )
        if student != bearer.student.encode():
            return Refusal("unauthenticated")
        if held is None:
            return Refusal("ticket_unknown")
        holding = self._decode(held)
        if holding.ticket != ticket:
            return Refusal("ticket_unknown")
        return Ticket(ticket, holding.number, bool(issued))

    @measured("redis", "standing")
    async def standing(self) -> Standing | None:
        ((title, tickets, granted, opens_at_ns),) = await self._cache.run(
            ("HMGET", self._keys.details, "title", "tickets", "granted", "opens_at_ns")
        )
        if title is None or tickets is None or granted is None or opens_at_ns is None:
            return None
        return Standing(title.decode(), int(tickets), int(tickets) - int(granted), int(opens_at_ns))
