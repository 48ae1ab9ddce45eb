"""The route of the entrance: a scanner shows what it read and learns whether to let in."""

import logging
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from litestar import post
from litestar.handlers import HTTPRouteHandler
from litestar.params import Body

from dress_rehearsal.target_app.entry import Admission, Entry
from dress_rehearsal.target_app.http.openapi import SCANNER, responses
from dress_rehearsal.target_app.http.problems import PROBLEMS, make_problem
from dress_rehearsal.target_app.http.response import Answer, json_answer
from dress_rehearsal.target_app.request_context import bearer_header, shows
from dress_rehearsal.target_app.services import Services
from dress_rehearsal.target_app.telemetry.metrics import ENTRY_SCANS

_LOG = logging.getLogger(__name__)


class Scan(msgspec.Struct):
    """What a scanner read, and which gate it stands at."""

    payload: Annotated[str, msgspec.Meta(max_length=512)]
    gate: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9 _.-]{1,64}(?!\n)$")]


def entry_routes(services: Services) -> list[HTTPRouteHandler]:
    """Return the route, bound to `services`."""
    token = bearer_header(services.settings.gate_token)

    @post(
        "/gate/scan",
        status_code=200,
        security=SCANNER,
        responses=responses(
            (200, Admission, "Let in; the code admits nobody any more."),
            refusals=(
                "unauthenticated",
                "ticket_unknown",
                "request_too_large",
                "qr_invalid",
                "qr_expired",
                "already_entered",
            ),
        ),
    )
    async def scan(data: Annotated[Scan, Body()]) -> Answer:
        if not shows(token):
            ENTRY_SCANS.labels("unauthenticated").inc()
            return PROBLEMS["unauthenticated"]
        outcome = await services.entrance.scan(data.payload, data.gate)
        if isinstance(outcome, Admission):
            _LOG.info("let in", extra={"ticket": outcome.ticket, "gate": data.gate})
            return json_answer(200, outcome)
        if isinstance(outcome, Entry):
            words = outcome.sentence(data.gate, datetime.now(UTC))
            return make_problem("already_entered", words)
        return PROBLEMS[outcome]

    return [scan]
