"""The front door: the outermost ASGI layer, where every request is timed, counted and traced."""

import logging
import time
from typing import Any

from litestar import Litestar

from target_app.answer import Answer
from target_app.box_office import BoxOffice
from target_app.exchange import CURRENT, Exchange
from target_app.instruments import Spread, Tally
from target_app.metrics import HTTP_ACTIVE, HTTP_DURATION, HTTP_REQUESTS
from target_app.problems import PROBLEMS
from target_app.tracing import parse_traceparent

UNMATCHED = "unmatched"  # the route label of requests no route answers to
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_LOG = logging.getLogger(__name__)


class FrontDoor:
    """Wraps the application: `Server-Timing`, HTTP metrics, the trace, and the count in flight."""

    def __init__(self, inside: Litestar, office: BoxOffice) -> None:
        self._inside: Any = inside
        self.office = office
        self._children: dict[tuple[str, str, int], tuple[Tally, Spread]] = {}
        HTTP_ACTIVE.set_function(lambda: office.in_flight)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._inside(scope, receive, send)
            return
        exchange = Exchange()
        CURRENT.set(exchange)
        _read_headers(exchange, scope["headers"])
        answered = False

        def send_timed(message: Any) -> Any:  # no coroutine of its own: it is sent twice a request
            nonlocal answered
            if message["type"] == "http.response.start":
                answered = True
                now_ns = time.perf_counter_ns()
                message["headers"].append((b"server-timing", exchange.server_timing(now_ns)))
                self._count(scope, message["status"], now_ns - exchange.started_ns)
            return send(message)

        self.office.in_flight += 1
        try:
            await self._inside(scope, receive, send_timed)
        except Exception:
            if answered:
                raise
            _LOG.exception("a request failed outside every handler")
            await _INTERNAL_ERROR(scope, receive, send_timed)
        finally:
            self.office.in_flight -= 1

    def _count(self, scope: Any, status: int, took_ns: int) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        route = scope.get("path_template") or UNMATCHED
        children = self._children.get((method, route, status))
        if children is None:
            children = self._children[method, route, status] = (
                HTTP_REQUESTS.labels(method, route, str(status)),
                HTTP_DURATION.labels(method, route),
            )
        children[0].inc()
        children[1].observe(took_ns / 1e9)
        if _LOG.isEnabledFor(logging.DEBUG):
            _LOG.debug(
                "answered",
                extra={"method": method, "route": route, "status": status, "took_ns": took_ns},
            )


class BareDoor(FrontDoor):
    """The front door without instruments: only what the routes need to know of the request."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._inside(scope, receive, send)
            return
        exchange = Exchange()
        CURRENT.set(exchange)
        _read_headers(exchange, scope["headers"])
        self.office.in_flight += 1
        try:
            await self._inside(scope, receive, send)
        finally:
            self.office.in_flight -= 1


_INTERNAL_ERROR: Answer = PROBLEMS["internal_error"]


def _read_headers(exchange: Exchange, headers: Any) -> None:
    for name, value in headers:
        if name == b"authorization":
            exchange.authorization = value
        elif name == b"idempotency-key":
            exchange.idempotency_key = value
        elif name == b"x-request-start":
            if value[:2] == b"t=" and value[2:].isdigit():
                exchange.queue_ns = max(0, time.time_ns() - int(value[2:]))
        elif name == b"traceparent":
            trace = parse_traceparent(value)
            if trace is not None:
                exchange.trace_id, exchange.span_id = trace
