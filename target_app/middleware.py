"""The middleware around the application: every request is timed, counted and traced."""

import logging
import re
import time
from typing import Any

from litestar import Litestar

from dress_rehearsal.target_app.http.problems import PROBLEMS
from dress_rehearsal.target_app.http.request import is_host, queued_ns
from dress_rehearsal.target_app.http.response import Answer
from dress_rehearsal.target_app.request_context import CURRENT, NS, RequestContext
from dress_rehearsal.target_app.services import Services
from dress_rehearsal.target_app.sessions import hash_student
from dress_rehearsal.target_app.telemetry.counters import CounterChild, HistogramChild
from dress_rehearsal.target_app.telemetry.logs import Remark
from dress_rehearsal.target_app.telemetry.metrics import HTTP_ACTIVE, HTTP_DURATION, HTTP_REQUESTS

UNMATCHED = "unmatched"  # the route label of requests no route answers to
SLOW_NS = 500_000_000
"""An answer that took so long gets a line of its own in the log."""
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_INTERNAL_ERROR: Answer = PROBLEMS["internal_error"]
_INVALID_REQUEST: Answer = PROBLEMS["invalid_request"]
_TRACEPARENT = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_NO_TRACE = b"0" * 32
_NO_SPAN = b"0" * 16
_LOG = logging.getLogger(__name__)


class RequestMiddleware:
    """Wraps the application: `Server-Timing`, HTTP metrics, the trace, and the count in flight."""

    def __init__(self, inside: Litestar, services: Services) -> None:
        self._inside: Any = inside
        self.services = services
        self._children: dict[tuple[str, str, int], tuple[CounterChild, HistogramChild]] = {}
        self._log_key = services.settings.key("log")
        self._slow = Remark(_LOG, "slow answer", self._tell)
        HTTP_ACTIVE.set_function(lambda: services.in_flight)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._inside(scope, receive, send)
            return
        context = begin_request(scope["headers"])
        answered = False

        def send_timed(message: Any) -> Any:  # no coroutine of its own: it is sent twice a request
            nonlocal answered
            if message["type"] == "http.response.start":
                answered = True
                now_ns = time.perf_counter_ns()
                message["headers"].append((b"server-timing", context.server_timing(now_ns)))
                self._count(context, scope, message["status"], now_ns - context.started_ns)
            return send(message)

        self.services.in_flight += 1
        try:
            answer = self._inside if context.host_is_valid else _INVALID_REQUEST
            await answer(scope, receive, send_timed)
        except Exception:
            if answered:
                raise
            _LOG.exception("a request failed outside every handler")
            await _INTERNAL_ERROR(scope, receive, send_timed)
        finally:
            self.services.in_flight -= 1

    def _count(self, context: RequestContext, scope: Any, status: int, took_ns: int) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        route = scope.get("path_template") or UNMATCHED
        children = self._children.get((method, route, status))
        if children is None:
            children = self._children[method, route, status] = (
                HTTP_REQUESTS.labels(method, route, str(status)),
                HTTP_DURATION.labels(method, route),
            )
        children[0].inc()
        children[1].observe(took_ns / NS)
        if took_ns >= SLOW_NS:
            self._slow.make(context, f"{method} {route}", status, took_ns)
        elif _LOG.isEnabledFor(logging.DEBUG):
            about = self._tell(context, f"{method} {route}", status, took_ns)
            _LOG.debug("answered", extra=about)

    def _tell(
        self, context: RequestContext, step: str, status: int, took_ns: int
    ) -> dict[str, Any]:
        """What a line says of a request: who asked for what, and where the time went."""
        told: dict[str, Any] = {"step": step, "status": status, "duration_ms": _ms(took_ns)}
        told |= {f"{cause}_ms": _ms(ns) for cause, ns in context.times() if ns > 0}
        if context.pool is not None:
            told["pool"] = context.pool
        if context.student is not None:
            told["student_hash"] = hash_student(self._log_key, context.student)
        return told


def _ms(ns: int) -> float:
    return round(ns / 1e6, 3)


def begin_request(headers: Any) -> RequestContext:
    """Have what is known of the request at hand while it is answered."""
    context = RequestContext()
    CURRENT.set(context)
    for name, value in headers:
        if name == b"authorization":
            context.authorization = value
        elif name == b"idempotency-key":
            context.idempotency_key = value
        elif name == b"host":
            context.host_is_valid = context.host_is_valid and is_host(value)
        elif name == b"x-request-start":
            waited_ns = queued_ns(value, time.time_ns())
            if waited_ns is not None:
                context.spent_ns["queue"] = waited_ns
        elif name == b"traceparent":
            trace = parse_traceparent(value)
            if trace is not None:
                context.trace_id, context.span_id = trace
    return context


def parse_traceparent(header: bytes) -> tuple[str, str] | None:
    """Return the trace id and the caller's span id, or None where the header is not a valid one.

    The header is `traceparent` of the W3C's Trace Context.
    """
    match = _TRACEPARENT.fullmatch(header)
    if match is None:
        return None
    version, trace_id, span_id, _, more = match.groups()
    if version == b"ff" or (version == b"00" and more):
        return None
    if trace_id == _NO_TRACE or span_id == _NO_SPAN:
        return None
    return trace_id.decode(), span_id.decode()
