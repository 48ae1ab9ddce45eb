"""Routes of tickets: buying one, looking at it, and its QR code."""

from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.types import Scope

from dress_rehearsal.target_app.http.openapi import STUDENT, Purchase, QrCode, other_body, responses
from dress_rehearsal.target_app.http.response import Answer
from dress_rehearsal.target_app.services import Services
from dress_rehearsal.target_app.tickets import Granted, Ticket


def ticket_routes(services: Services) -> list[HTTPRouteHandler]:
    """Return the routes, bound to `services`."""
    tickets = services.tickets

    @post(
        "/events/{event:str}/tickets",
        operation_class=Purchase,
        security=STUDENT,
        responses=responses(
            (201, Granted, "Granted, and its row is committed."),
            (202, Granted, "Granted; its row is to come."),
            refusals=(
                "event_unknown",
                "unauthenticated",
                "idempotency_key_required",
                "not_enrolled",
                "not_admitted",
                "already_holds_ticket",
                "too_early",
                "sold_out",
            ),
        ),
    )
    async def buy(scope: Scope) -> Answer:
        return await tickets.buy(scope["path_params"]["event"])

    @get(
        "/tickets/{ticket:str}",
        security=STUDENT,
        responses=responses(
            (200, Ticket, "The ticket."), refusals=("unauthenticated", "ticket_unknown")
        ),
    )
    async def show_ticket(scope: Scope) -> Answer:
        return await tickets.show(scope["path_params"]["ticket"])

    @get(
        "/tickets/{ticket:str}/qr",
        operation_class=QrCode,
        security=STUDENT,
        responses={
            **responses(refusals=("unauthenticated", "ticket_unknown", "ticket_pending")),
            200: other_body(
                "image/svg+xml",
                "The QR code; with `Accept: text/plain` the text in it. Good for now.",
            ),
        },
    )
    async def show_qr(scope: Scope) -> Answer:
        return await tickets.show_qr(scope["path_params"]["ticket"], _wants_text(scope))

    return [buy, show_ticket, show_qr]


def _wants_text(scope: Scope) -> bool:
    for name, value in scope["headers"]:
        if name == b"accept":
            return b"text/plain" in value and b"image/svg" not in value
    return False
