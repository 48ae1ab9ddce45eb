"""Routes of probes: `/healthz` (the process lives) and `/readyz` (its stores answer)."""

import msgspec
from litestar import get
from litestar.handlers import HTTPRouteHandler

from dress_rehearsal.target_app.http.openapi import responses
from dress_rehearsal.target_app.http.problems import make_problem
from dress_rehearsal.target_app.http.response import Answer, json_answer
from dress_rehearsal.target_app.services import Services


class Health(msgspec.Struct):
    """The answer of a probe that is content."""

    status: str


_ALIVE = json_answer(200, Health("alive"))
_READY = json_answer(200, Health("ready"))


def probe_routes(services: Services) -> list[HTTPRouteHandler]:
    """Return the routes, bound to `services`."""

    @get("/healthz", responses=responses((200, Health, "The process is alive.")))
    async def healthz() -> Answer:
        return _ALIVE

    @get(
        "/readyz",
        responses=responses((200, Health, "PostgreSQL and Redis answer."), refusals=("not_ready",)),
    )
    async def readyz() -> Answer:
        if services.leaving:
            return make_problem("not_ready", "This worker is about to end.")
        missing = await services.missing()
        if missing:
            return make_problem("not_ready", f"{' and '.join(missing)}: no answer.")
        return _READY

    return [healthz, readyz]
