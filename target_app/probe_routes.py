"""Routes of probes: `/healthz` (the process lives) and `/readyz` (its stores answer)."""

import msgspec
from litestar import get
from litestar.handlers import HTTPRouteHandler

from target_app.answer import Answer, json_answer
from target_app.box_office import BoxOffice
from target_app.openapi import responses
from target_app.problems import make_problem


class Health(msgspec.Struct):
    """The answer of a probe that is content."""

    status: str


_ALIVE = json_answer(200, Health("alive"))
_READY = json_answer(200, Health("ready"))


def probe_routes(office: BoxOffice) -> list[HTTPRouteHandler]:
    """The routes, bound to `office`."""

    @get("/healthz", responses=responses((200, Health, "The process is alive.")))
    async def healthz() -> Answer:
        return _ALIVE

    @get(
        "/readyz",
        responses=responses((200, Health, "PostgreSQL and Redis answer."), refusals=("not_ready",)),
    )
    async def readyz() -> Answer:
        if office.leaving:
            return make_problem("not_ready", "This worker is about to end.")
        missing = await office.missing()
        if missing:
            return make_problem("not_ready", f"{' and '.join(missing)}: no answer.")
        return _READY

    return [healthz, readyz]
