"""Routes of the event: its page, its countdown, and moving T-0."""

import logging
import time
from typing import Annotated

import msgspec
from litestar import get, put
from litestar.handlers import HTTPRouteHandler
from litestar.params import Body
from litestar.types import Scope

from dress_rehearsal.target_app.event_status import EventState, state_of
from dress_rehearsal.target_app.http.openapi import ADMIN, responses
from dress_rehearsal.target_app.http.problems import PROBLEMS
from dress_rehearsal.target_app.http.response import Answer, json_answer
from dress_rehearsal.target_app.request_context import bearer_header, shows
from dress_rehearsal.target_app.services import Services

_LOG = logging.getLogger(__name__)


class Page(msgspec.Struct):
    """The event's page. `views` counts this one; times are Unix nanoseconds."""

    id: str
    title: str
    tickets: int
    opens_at_ns: int
    now_ns: int
    state: EventState
    views: int


class Countdown(msgspec.Struct):
    """The server's time, when sales open, and what is left; times are Unix nanoseconds."""

    now_ns: int
    opens_at_ns: int
    state: EventState
    remaining: int


class Schedule(msgspec.Struct):
    """When sales open, in Unix nanoseconds."""

    opens_at_ns: Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]


def event_routes(services: Services) -> list[HTTPRouteHandler]:
    """Return the routes, bound to `services`."""
    event = services.settings.event
    admin = bearer_header(services.settings.admin_token)

    @get(
        "/events/{event:str}",
        responses=responses((200, Page, "The page."), refusals=("event_unknown",)),
    )
    async def show_event(scope: Scope) -> Answer:
        if scope["path_params"]["event"] != event:
            return PROBLEMS["event_unknown"]
        views = await services.count_view()
        standing = services.event_status.standing
        now_ns = time.time_ns()
        return json_answer(
            200,
            Page(
                id=event,
                title=standing.title,
                tickets=standing.tickets,
                opens_at_ns=standing.opens_at_ns,
                now_ns=now_ns,
                state=state_of(standing, now_ns),
                views=views,
            ),
        )

    @get(
        "/events/{event:str}/countdown",
        responses=responses((200, Countdown, "The countdown."), refusals=("event_unknown",)),
    )
    async def count_down(scope: Scope) -> Answer:
        if scope["path_params"]["event"] != event:
            return PROBLEMS["event_unknown"]
        standing = services.event_status.standing
        now_ns = time.time_ns()
        return json_answer(
            200,
            Countdown(
                now_ns=now_ns,
                opens_at_ns=standing.opens_at_ns,
                state=state_of(standing, now_ns),
                remaining=max(0, standing.remaining),
            ),
        )

    @put(
        "/admin/events/{event:str}",
        security=ADMIN,
        responses=responses(
            (200, Schedule, "Sales open at that time; every worker knows within a second."),
            refusals=("unauthenticated", "event_unknown", "request_too_large"),
        ),
    )
    async def reschedule(scope: Scope, data: Annotated[Schedule, Body()]) -> Answer:
        if not shows(admin):
            return PROBLEMS["unauthenticated"]
        if scope["path_params"]["event"] != event or not await services.reschedule(
            data.opens_at_ns
        ):
            return PROBLEMS["event_unknown"]
        _LOG.info("sales rescheduled", extra={"event": event, "opens_at_ns": data.opens_at_ns})
        return json_answer(200, data)

    return [show_event, count_down, reschedule]
