"""Routes of the waiting room: joining the queue, one's place in it, and how it is admitted from."""

import logging
from typing import Annotated

import msgspec
from litestar import get, post, put
from litestar.handlers import HTTPRouteHandler
from litestar.params import Body
from litestar.types import ASGIApp, Scope

from dress_rehearsal.target_app.allocators.base import Refusal
from dress_rehearsal.target_app.http.openapi import ADMIN, STUDENT, Stream, other_body, responses
from dress_rehearsal.target_app.http.problems import PROBLEMS
from dress_rehearsal.target_app.http.response import Answer, json_answer
from dress_rehearsal.target_app.request_context import bearer_header, shown_authorization, shows
from dress_rehearsal.target_app.services import Services
from dress_rehearsal.target_app.sessions import Bearer
from dress_rehearsal.target_app.waiting_room.room import Place, Rules, WaitingRoom
from dress_rehearsal.target_app.waiting_room.streams import STREAMS_EACH

_LOG = logging.getLogger(__name__)


class Joining(msgspec.Struct):
    """What a page sends to join; the server gives the place, whatever `position` is claimed."""

    position: Annotated[int, msgspec.Meta(ge=1, le=10**12)] | None = None


class Change(msgspec.Struct):
    """How students are to be admitted from now on; a rate or cap left out stays."""

    paused: bool
    rate: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] | None = None
    cap: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] | None = None


def queue_routes(services: Services) -> list[HTTPRouteHandler]:
    """Return the routes, bound to `services`; none where there is no waiting room."""
    if services.room is None:
        return []
    routes = [*_place_routes(services, services.room), _admin_route(services, services.room)]
    if services.settings.waiting_room == "sse":
        routes.append(_stream_route(services, services.room))
    return routes


def _place_routes(services: Services, room: WaitingRoom) -> list[HTTPRouteHandler]:
    refusals = ("event_unknown", "unauthenticated")

    @post(
        "/events/{event:str}/queue",
        status_code=200,
        security=STUDENT,
        responses=responses(
            (200, Place, "The place; once given, the same on every device and at any time."),
            refusals=(*refusals, "request_too_large"),
        ),
    )
    async def join(scope: Scope, data: Annotated[Joining | None, Body()] = None) -> Answer:
        bearer = _bearer(services, scope)
        if isinstance(bearer, Answer):
            return bearer
        place = await room.join(bearer, data.position if data else None)
        return PROBLEMS[place.code] if isinstance(place, Refusal) else json_answer(200, place)

    @get(
        "/events/{event:str}/queue",
        security=STUDENT,
        responses=responses((200, Place, "The place now."), refusals=(*refusals, "not_in_queue")),
    )
    async def show_place(scope: Scope) -> Answer:
        bearer = _bearer(services, scope)
        if isinstance(bearer, Answer):
            return bearer
        position = await room.find(bearer)
        if isinstance(position, Refusal):
            return PROBLEMS[position.code]
        return json_answer(200, room.place(position))

    return [join, show_place]


def _stream_route(services: Services, room: WaitingRoom) -> HTTPRouteHandler:
    @get(
        "/events/{event:str}/queue/stream",
        operation_class=Stream,
        security=STUDENT,
        responses={
            **responses(
                (204, None, "What ended the wait was heard already (`Last-Event-ID`)."),
                refusals=("event_unknown", "unauthenticated", "not_in_queue"),
            ),
            200: other_body(
                "text/event-stream",
                "Events `place` (data: position, ahead), and last `admitted` or `sold_out`. "
                f"A student has {STREAMS_EACH} at once of a worker: one more ends the oldest.",
            ),
        },
    )
    async def follow(scope: Scope) -> ASGIApp:
        bearer = _bearer(services, scope)
        if isinstance(bearer, Answer):
            return bearer
        position = await room.look_up(bearer)
        if isinstance(position, Refusal):
            return PROBLEMS[position.code]
        last = dict(scope["headers"]).get(b"last-event-id", b"")
        return room.streams.answer(bearer.student, position, last)

    return follow


def _admin_route(services: Services, room: WaitingRoom) -> HTTPRouteHandler:
    admin = bearer_header(services.settings.admin_token)

    @put(
        "/admin/events/{event:str}/queue",
        security=ADMIN,
        responses=responses(
            (200, Rules, "How students are admitted now, by all workers."),
            refusals=("unauthenticated", "event_unknown", "request_too_large"),
        ),
    )
    async def configure(scope: Scope, data: Annotated[Change, Body()]) -> Answer:
        if not shows(admin):
            return PROBLEMS["unauthenticated"]
        if scope["path_params"]["event"] != services.settings.event:
            return PROBLEMS["event_unknown"]
        rules = await room.configure(data.paused, data.rate, data.cap)
        _LOG.info(
            "admission changed",
            extra={"paused": rules.paused, "rate": rules.rate, "cap": rules.cap},
        )
        return json_answer(200, rules)

    return configure


def _bearer(services: Services, scope: Scope) -> Bearer | Answer:
    """Who asks, or why they are not answered. The session is for the request itself to check."""
    if scope["path_params"]["event"] != services.settings.event:
        return PROBLEMS["event_unknown"]
    return services.sessions.read(shown_authorization()) or PROBLEMS["unauthenticated"]
