"""Admission: with a waiting room, a ticket is granted only to a student whose turn it is."""

from dress_rehearsal.target_app.allocators import Claim, Grant, Refusal
from dress_rehearsal.target_app.enrolment import Granting
from dress_rehearsal.target_app.waiting_room.room import WaitingRoom


class AdmittedOnly:
    """Grants to students whose turn it is, and makes room for the next once one is answered."""

    def __init__(self, room: WaitingRoom, grant: Granting) -> None:
        self._room = room
        self._grant = grant

    async def __call__(self, claim: Claim) -> Grant | Refusal:
        code = await self._room.hold_back(claim.bearer)
        if code is not None:
            return Refusal(code)
        outcome = await self._grant(claim)
        self._room.settle(claim.bearer, outcome.code if isinstance(outcome, Refusal) else None)
        return outcome
