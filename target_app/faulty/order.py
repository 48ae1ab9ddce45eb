"""Last come, first served."""

import asyncio

from dress_rehearsal.target_app.allocators.base import Claim, Grant, Refusal
from dress_rehearsal.target_app.enrolment import Granting
from dress_rehearsal.target_app.event_status import EventStatus
from dress_rehearsal.target_app.faults import FAULTS
from dress_rehearsal.target_app.faulty.refusals import since_t0_s


class LastFirst:
    """`last_first`: whoever clicks in so many seconds from T-0 on is served when they are over.

    One after the other, the last of them first.
    """

    def __init__(self, event_status: EventStatus, grant: Granting) -> None:
        self._event_status = event_status
        self._grant = grant
        self._gathered: list[asyncio.Event] = []
        self._served = asyncio.Lock()  # gives turns in the order in which they were asked for

    async def __call__(self, claim: Claim) -> Grant | Refusal:
        gathers_s = FAULTS.grade("last_first")
        open_s = since_t0_s(self._event_status) if gathers_s else 0.0
        if not 0 <= open_s < gathers_s:
            return await self._grant(claim)
        await self._gather(gathers_s - open_s)
        async with self._served:
            return await self._grant(claim)

    async def _gather(self, for_s: float) -> None:
        if not self._gathered:
            asyncio.get_running_loop().call_later(for_s, self._serve)
        over = asyncio.Event()
        self._gathered.append(over)
        await over.wait()

    def _serve(self) -> None:
        gathered, self._gathered = self._gathered, []
        for over in reversed(gathered):
            over.set()
