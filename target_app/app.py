"""The application: routes, errors and lifespan put together behind the front door."""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from litestar import Litestar, Request
from litestar.exceptions import HTTPException

from dress_rehearsal.target_app.errors import DependencyDownError, OverloadedError, UnavailableError
from dress_rehearsal.target_app.http.openapi import openapi_config
from dress_rehearsal.target_app.http.problems import PROBLEMS, make_problem
from dress_rehearsal.target_app.http.response import Answer
from dress_rehearsal.target_app.middleware import BareDoor, FrontDoor
from dress_rehearsal.target_app.request_context import CURRENT
from dress_rehearsal.target_app.routes.entry import gate_routes
from dress_rehearsal.target_app.routes.event import event_routes
from dress_rehearsal.target_app.routes.faults import Saboteur, fault_routes
from dress_rehearsal.target_app.routes.probes import probe_routes
from dress_rehearsal.target_app.routes.queue import queue_routes
from dress_rehearsal.target_app.routes.sessions import session_routes
from dress_rehearsal.target_app.routes.tickets import ticket_routes
from dress_rehearsal.target_app.services import BoxOffice
from dress_rehearsal.target_app.settings import Settings
from dress_rehearsal.target_app.telemetry.logs import Throttled
from dress_rehearsal.target_app.telemetry.loop_lag import LoopLag
from dress_rehearsal.target_app.telemetry.metrics import WORKER_OPEN

MAX_BODY_BYTES = 64 * 1024
_LOG = logging.getLogger(__name__)
_CODES = {
    401: "unauthenticated",
    404: "not_found",
    405: "method_not_allowed",
    413: "request_too_large",
}


Lifespan = Callable[[Litestar], AbstractAsyncContextManager[None]]


def create_app(settings: Settings, *outer: Lifespan) -> FrontDoor:
    """The ASGI application for these settings; its lifespan opens and closes everything.

    `outer` are entered before that and left after it: what belongs to the process around it.
    """
    office = BoxOffice(settings)
    lag = LoopLag()
    routes = [
        *session_routes(office),
        *event_routes(office),
        *queue_routes(office),
        *ticket_routes(office),
        *gate_routes(office),
        *probe_routes(office),
    ]
    inner: list[Lifespan] = []
    if settings.faults:
        saboteur = Saboteur(settings)
        routes += fault_routes(office, saboteur)
        inner.append(saboteur.at_work)

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        await office.open()
        WORKER_OPEN.set(1)
        lag.start()
        _LOG.info("worker open", extra={"allocation": settings.allocation})
        try:
            yield
        finally:
            _LOG.info("worker closing", extra={"in_flight": office.in_flight})
            await office.close()
            await lag.stop()
            _LOG.info("worker closed")

    return (FrontDoor if settings.instrumentation else BareDoor)(
        Litestar(
            route_handlers=routes,
            lifespan=[*outer, lifespan, *inner],
            exception_handlers={
                UnavailableError: _Unavailability(),
                HTTPException: _refuse,
                Exception: _fail,
            },
            openapi_config=openapi_config(),
            logging_config=None,
            request_max_body_size=MAX_BODY_BYTES,
            debug=False,
        ),
        office,
    )


class _Unavailability:
    """Answers 503 and logs one line a second, however many requests are turned away."""

    def __init__(self) -> None:
        self._lines = {
            "overloaded": Throttled(_LOG, logging.WARNING),
            "dependency_unavailable": Throttled(_LOG, logging.ERROR),
        }

    def __call__(self, _: Request[Any, Any, Any], error: Exception) -> Any:
        code = "overloaded" if isinstance(error, OverloadedError) else "dependency_unavailable"
        fields: dict[str, object] = {"code": code, "reason": str(error)}
        if isinstance(error, DependencyDownError):
            fields["store"] = error.store
        self._lines[code].log("request turned away", fields)
        return _Handled(PROBLEMS[code])


def _refuse(_: Request[Any, Any, Any], error: HTTPException) -> Any:
    """Errors of routing and of reading the request, as problems."""
    code = _CODES.get(error.status_code, "invalid_request")
    if error.status_code >= 500:
        return _fail(_, error)
    headers = [(name.lower().encode(), value.encode()) for name, value in _allow(error)]
    return _Handled(make_problem(code, None, *headers) if headers else PROBLEMS[code])


def _allow(error: HTTPException) -> list[tuple[str, str]]:
    return [(name, value) for name, value in (error.headers or {}).items() if name == "allow"]


def _fail(_: Request[Any, Any, Any], error: Exception) -> Any:
    exchange = CURRENT.get()
    _LOG.error(
        "request failed",
        exc_info=error,
        extra={"trace_id": exchange.trace_id} if exchange and exchange.trace_id else {},
    )
    return _Handled(PROBLEMS["internal_error"])


class _Handled:
    """Lets an exception handler return an `Answer`, which Litestar asks for its ASGI form."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def to_asgi_response(self, **_: Any) -> Answer:
        return self._answer
