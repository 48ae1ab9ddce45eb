"""The grant, the tickets and the entrance as they are when what they say is not true.

Only a service started with `APP_FAULTS=on` is built from these, like those of `faulty.py`. Each
asks `FAULTS` at the moment it could do harm.
"""

import asyncio
import os
import time
from typing import Any

from dress_rehearsal.target_app.allocators.base import Claim, Grant, Refusal
from dress_rehearsal.target_app.enrolment import Granting
from dress_rehearsal.target_app.entry import Admission, Entrance, Entry
from dress_rehearsal.target_app.event_status import EventStatus
from dress_rehearsal.target_app.faults import FAULTS
from dress_rehearsal.target_app.http.problems import PROBLEMS
from dress_rehearsal.target_app.http.response import Answer
from dress_rehearsal.target_app.request_context import NS
from dress_rehearsal.target_app.sessions import Sessions
from dress_rehearsal.target_app.stores.redis import RedisStore
from dress_rehearsal.target_app.tickets import Tickets

_LATE_WORKER = "faults:late_open"  # string: pid of the one worker that opens late
_LATE_WORKER_S = 60
_PARTNER_S = 0.5
_WITHOUT_REASON = {
    "session_lost": "unauthenticated",
    "enrolled_refused": "not_enrolled",
    "held_refused": "already_holds_ticket",
    "not_admitted_again": "not_admitted",
}
"""Faults that refuse the same ones again and again, and the word that they refuse them by."""


class UntrueGrant:
    """The grant of whatever allocator there is, and answers that are not true around it."""

    def __init__(self, grant: Granting, redis_store: RedisStore, event_status: EventStatus) -> None:
        self._grant = grant
        self._redis_store = redis_store
        self._event_status = event_status
        self._is_late: bool | None = None
        self._held_back: list[asyncio.Future[None]] = []
        self._partner: asyncio.Future[Grant] | None = None
        self._first: Grant | None = None

    async def __call__(self, claim: Claim) -> Grant | Refusal:
        refused = self._refused_without_reason(claim)
        if refused is not None:
            return Refusal(refused)
        if await self._opens_late():
            return Refusal("too_early")
        await self._wait_for_those_behind()
        outcome = await self._grant(claim)
        if isinstance(outcome, Refusal):
            return outcome
        if outcome.replay and FAULTS.grade("replay_forgotten"):
            return Refusal("already_holds_ticket")
        return await self._swapped(outcome)

    def _refused_without_reason(self, claim: Claim) -> str | None:
        for fault, code in _WITHOUT_REASON.items():
            who = claim.bearer.session if fault == "session_lost" else claim.bearer.student
            if FAULTS.strikes_always(fault, who):
                return code
        if self._event_status.has_tickets and FAULTS.strikes("sold_out_early"):
            return "sold_out"
        return None

    async def _opens_late(self) -> bool:
        """Return whether this is the worker that opens late, and it has not opened yet."""
        late_s = FAULTS.grade("late_open")
        if not late_s or self._since_t0_s() > late_s:
            return False
        if self._is_late is None:
            own = str(os.getpid())
            _, chosen = await self._redis_store.run(
                ("SET", _LATE_WORKER, own, "NX", "EX", _LATE_WORKER_S), ("GET", _LATE_WORKER)
            )
            self._is_late = chosen == own.encode()
        return self._is_late

    async def _wait_for_those_behind(self) -> None:
        """Hold a click back until `last_first` is over; then the last one goes first."""
        until_s = FAULTS.grade("last_first")
        if not until_s or not 0 <= self._since_t0_s() < until_s:
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._held_back.append(turn)
        if len(self._held_back) == 1:
            asyncio.get_running_loop().call_later(until_s - self._since_t0_s(), self._let_go)
        await turn

    def _let_go(self) -> None:
        turns, self._held_back = self._held_back, []
        for turn in reversed(turns):
            if not turn.done():
                turn.set_result(None)

    async def _swapped(self, grant: Grant) -> Grant:
        """Give another student's ticket for this one, where two are there to be swapped."""
        if self._partner is not None and not self._partner.done():
            self._partner.set_result(grant)
            assert self._first is not None
            return self._first
        if not FAULTS.strikes("swapped_tickets"):
            return grant
        partner = self._partner = asyncio.get_running_loop().create_future()
        self._first = grant
        try:
            return await asyncio.wait_for(asyncio.shield(partner), _PARTNER_S)
        except TimeoutError:
            partner.cancel()
            return grant

    def _since_t0_s(self) -> float:
        return (time.time_ns() - self._event_status.standing.opens_at_ns) / NS


class UntrueTickets(Tickets):
    """`qr_refused`: the QR codes of some tickets never open."""

    async def show_qr(self, ticket: str, as_text: bool) -> Answer:
        if FAULTS.strikes_always("qr_refused", ticket):
            return PROBLEMS["ticket_unknown"]
        return await super().show_qr(ticket, as_text)


class UntrueEntrance(Entrance):
    """`entry_refused`: the codes of some tickets are called invalid."""

    async def _judge(self, payload: str, gate: str) -> Admission | Entry | str:
        ticket = payload.partition(".")[0]
        if FAULTS.strikes_always("entry_refused", ticket):
            return "qr_invalid"
        return await super()._judge(payload, gate)


class SlowSessions(Sessions):
    """`slow_login`: a login takes so long before anything is looked at."""

    async def open(self, *credentials: Any) -> Any:
        slow_s = FAULTS.grade("slow_login")
        if slow_s:
            await asyncio.sleep(slow_s)
        return await super().open(*credentials)
