"""The request context: what is known of the request being answered, and where its time went."""

import hmac
import time
from contextvars import ContextVar

from pydantic import SecretStr

NS = 1_000_000_000
"""Nanoseconds in a second."""


class RequestContext:
    """One request: its trace, the headers the routes ask for, and its time split by cause."""

    __slots__ = (
        "authorization",
        "db_ns",
        "external_ns",
        "idempotency_key",
        "pool_ns",
        "queue_ns",
        "redis_ns",
        "span_id",
        "started_ns",
        "student",
        "trace_id",
    )

    def __init__(self) -> None:
        self.started_ns = time.perf_counter_ns()
        self.queue_ns = -1  # -1: did not occur
        self.pool_ns = -1
        self.db_ns = -1
        self.redis_ns = -1
        self.external_ns = -1
        self.trace_id: str | None = None
        self.span_id: str | None = None
        self.student: str | None = None
        self.authorization: bytes | None = None
        self.idempotency_key: bytes | None = None

    def shows(self, authorization: bytes) -> bool:
        """Return whether the request came with this `Authorization`, compared in constant time."""
        return hmac.compare_digest(self.authorization or b"", authorization)

    def add_pool(self, waited_ns: int) -> None:
        """Add time spent waiting for a connection."""
        self.pool_ns = waited_ns if self.pool_ns < 0 else self.pool_ns + waited_ns

    def add_db(self, used_ns: int) -> None:
        """Add time a PostgreSQL connection was in use."""
        self.db_ns = used_ns if self.db_ns < 0 else self.db_ns + used_ns

    def add_redis(self, used_ns: int) -> None:
        """Add time a Redis connection was in use."""
        self.redis_ns = used_ns if self.redis_ns < 0 else self.redis_ns + used_ns

    def add_external(self, used_ns: int) -> None:
        """Add time spent asking a neighbour over HTTP."""
        self.external_ns = used_ns if self.external_ns < 0 else self.external_ns + used_ns

    def server_timing(self, now_ns: int) -> bytes:
        """Return the `Server-Timing` header: milliseconds by cause, without those that were none.

        `now_ns` is on the clock of `started_ns` (`time.perf_counter_ns`).
        """
        parts = b""
        if self.queue_ns >= 0:
            parts = b"queue;dur=%.3f, " % (self.queue_ns / 1e6)
        if self.pool_ns == 0:  # most requests
            parts += b"pool;dur=0.000, "
        elif self.pool_ns > 0:
            parts += b"pool;dur=%.3f, " % (self.pool_ns / 1e6)
        if self.db_ns >= 0:
            parts += b"db;dur=%.3f, " % (self.db_ns / 1e6)
        if self.redis_ns >= 0:
            parts += b"redis;dur=%.3f, " % (self.redis_ns / 1e6)
        if self.external_ns >= 0:
            parts += b"external;dur=%.3f, " % (self.external_ns / 1e6)
        return parts + b"app;dur=%.3f" % ((now_ns - self.started_ns) / 1e6)


def bearer_header(token: SecretStr) -> bytes:
    """Return the `Authorization` that a request with this token comes with."""
    return f"Bearer {token.get_secret_value()}".encode()


CURRENT: ContextVar[RequestContext | None] = ContextVar("request_context", default=None)
"""The request that this task answers; None outside of requests."""
