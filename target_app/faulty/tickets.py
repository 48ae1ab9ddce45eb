"""Tickets whose QR code never opens."""

from dress_rehearsal.target_app.faults import FAULTS
from dress_rehearsal.target_app.http.problems import PROBLEMS
from dress_rehearsal.target_app.http.response import Answer
from dress_rehearsal.target_app.tickets import Tickets


class FaultyTickets(Tickets):
    """`qr_refused`, always for the same tickets."""

    async def show_qr(self, ticket: str, as_text: bool) -> Answer:
        if FAULTS.strikes_for("qr_refused", ticket):
            return PROBLEMS["ticket_unknown"]
        return await super().show_qr(ticket, as_text)
