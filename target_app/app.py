"""The application: routes, errors and lifespan put together behind the middleware."""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from litestar import Litestar, Request
from litestar.exceptions import HTTPException

from dress_rehearsal.target_app.errors import DependencyDownError, OverloadedError, UnavailableError
from dress_rehearsal.target_app.http.openapi import openapi_config
from dress_rehearsal.target_app.http.problems import PROBLEMS, make_problem
from dress_rehearsal.target_app.http.request import ClientRequest
from dress_rehearsal.target_app.http.response import Answer
from dress_rehearsal.target_app.middleware import RequestMiddleware
from dress_rehearsal.target_app.request_context import CURRENT
from dress_rehearsal.target_app.routes.entry import entry_routes
from dress_rehearsal.target_app.routes.event import event_routes
from dress_rehearsal.target_app.routes.faults import FaultControl, fault_routes
from dress_rehearsal.target_app.routes.probes import probe_routes
from dress_rehearsal.target_app.routes.queue import queue_routes
from dress_rehearsal.target_app.routes.sessions import session_routes
from dress_rehearsal.target_app.routes.tickets import ticket_routes
from dress_rehearsal.target_app.services import Services
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


def create_app(settings: Settings, *outer: Lifespan) -> RequestMiddleware:
    """Return the ASGI application for these settings; its lifespan opens and closes everything.

    `outer` are entered before that and left after it: what belongs to the process around it.
    """
    services = Services(settings)
    lag = LoopLag()
    routes = [
        *session_routes(services),
        *event_routes(services),
        *queue_routes(services),
        *ticket_routes(services),
        *entry_routes(services),
        *probe_routes(services),
    ]
    inner: list[Lifespan] = []
    if settings.faults:
        control = FaultControl(settings)
        routes += fault_routes(services, control)
        inner.append(control.lifespan)

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        await services.open()
        WORKER_OPEN.set(1)
        lag.start()
        _LOG.info("worker open", extra={"allocation": settings.allocation})
        try:
            yield
        finally:
            _LOG.info("worker closing", extra={"in_flight": services.in_flight})
            await services.close()
            await lag.stop()
            _LOG.info("worker closed")

    return RequestMiddleware(
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
            request_class=ClientRequest,
            request_max_body_size=MAX_BODY_BYTES,
            debug=False,
        ),
        services,
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


def _refuse(request: Request[Any, Any, Any], error: HTTPException) -> Any:
    """Errors of routing and of reading the request, as problems."""
    code = _CODES.get(error.status_code, "invalid_request")
    if error.status_code >= 500:
        return _fail(request, error)
    sent = error.headers or {}
    headers = [(name.encode(), value.encode()) for name, value in sent.items() if name == "allow"]
    return _Handled(make_problem(code, None, *headers) if headers else PROBLEMS[code])


def _fail(_: Request[Any, Any, Any], error: Exception) -> Any:
    context = CURRENT.get()
    _LOG.error(
        "request failed",
        exc_info=error,
        extra={"trace_id": context.trace_id} if context and context.trace_id else {},
    )
    return _Handled(PROBLEMS["internal_error"])


class _Handled:
    """Lets an exception handler return an `Answer`, which Litestar asks for its ASGI form."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def to_asgi_response(self, **_: Any) -> Answer:
        return self._answer
