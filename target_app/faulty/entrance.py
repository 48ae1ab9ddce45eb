"""An entrance that turns away whoever shows a good code."""

from dress_rehearsal.target_app.entry import Admission, Entrance, Entry
from dress_rehearsal.target_app.faults import FAULTS


class FaultyEntrance(Entrance):
    """`entry_refused`, always for the same tickets: half of them used before, half no ticket."""

    async def _enter(self, ticket: str, gate: str) -> Admission | Entry | str:
        if FAULTS.strikes_for("entry_refused", ticket):
            return "already_entered" if int(ticket, 16) % 2 else "qr_invalid"
        return await super()._enter(ticket, gate)
