"""The request context: what is known of the request being answered, and where its time went."""

import hmac
import os
import time
from collections.abc import Iterator
from contextvars import ContextVar

from pydantic import SecretStr

NS = 1_000_000_000
"""Nanoseconds in a second."""

CAUSES = ("queue", "pool", "db_connect", "db", "redis_connect", "redis", "external")
"""What takes a request's time: the way here, waiting for a place in a pool, making a connection
where there is none yet, using it, a neighbour. None is within another: what is asked while a
connection to PostgreSQL is held is no part of `db`."""


class RequestContext:
    """One request: its trace, the headers the routes ask for, and its time split by cause.

    `pool` names the pool that was waited for longest, None where none was.
    """

    __slots__ = (
        "authorization",
        "host_is_valid",
        "idempotency_key",
        "longest_ns",
        "pool",
        "span_id",
        "spent_ns",
        "started_ns",
        "student",
        "trace_id",
    )

    def __init__(self) -> None:
        self.started_ns = time.perf_counter_ns()
        self.spent_ns: dict[str, int] = {}  # by cause; one that did not occur is not there
        self.pool: str | None = None
        self.longest_ns = 0
        self.trace_id: str | None = None
        self.span_id: str | None = None
        self.student: str | None = None
        self.host_is_valid = True
        self.authorization: bytes | None = None
        self.idempotency_key: bytes | None = None

    def add(self, cause: str, spent_ns: int) -> None:
        """Add time spent on one of `CAUSES`."""
        self.spent_ns[cause] = self.spent_ns.get(cause, 0) + spent_ns

    def add_wait(self, pool: str, waited_ns: int) -> None:
        """Add time spent waiting for one of a pool's connections."""
        self.add("pool", waited_ns)
        if waited_ns > self.longest_ns:
            self.pool, self.longest_ns = pool, waited_ns

    def server_timing(self, now_ns: int) -> bytes:
        """Return the `Server-Timing` header: milliseconds by cause, without those that were none.

        The pool that was waited for longest is named, and the worker that answered by its pid.
        `now_ns` is on the clock of `started_ns` (`time.perf_counter_ns`).
        """
        parts = b""
        for cause, spent_ns in self.times():
            if cause == "pool" and self.pool is not None:
                parts += b"pool;desc=%b;dur=%.3f, " % (self.pool.encode(), spent_ns / 1e6)
            else:
                parts += _HEADS[cause] % (spent_ns / 1e6)
        return parts + b"app;desc=%d;dur=%.3f" % (os.getpid(), (now_ns - self.started_ns) / 1e6)

    def times(self) -> Iterator[tuple[str, int]]:
        """Yield each cause that occurred, in the order of `CAUSES`, and its nanoseconds.

        A connection that was made and never given back was not used, as far as is known.
        """
        spent = ((cause, self.spent_ns.get(cause, -1)) for cause in CAUSES)
        return ((cause, spent_ns) for cause, spent_ns in spent if spent_ns >= 0)


_HEADS = {cause: f"{cause};dur=%.3f, ".encode() for cause in CAUSES}


def bearer_header(token: SecretStr) -> bytes:
    """Return the `Authorization` that a request with this token comes with."""
    return f"Bearer {token.get_secret_value()}".encode()


CURRENT: ContextVar[RequestContext | None] = ContextVar("request_context", default=None)
"""The request that this task answers; None outside of requests."""


def add_time(cause: str, spent_ns: int) -> None:
    """Add time spent on one of `CAUSES` to the request that is being answered, if one is."""
    context = CURRENT.get()
    if context is not None:
        context.add(cause, spent_ns)


def add_wait(pool: str, waited_ns: int) -> None:
    """Add time spent waiting for a pool to the request that is being answered, if one is."""
    context = CURRENT.get()
    if context is not None:
        context.add_wait(pool, waited_ns)


def age_ns() -> int:
    """Return how long ago the request that is being answered was sent, or came if it does not say.

    A process that was stopped takes up late what nobody waits for any more.
    """
    context = CURRENT.get()
    if context is None:
        return 0
    return context.spent_ns.get("queue", 0) + time.perf_counter_ns() - context.started_ns


def told_ns() -> int:
    """Return how much of the request that is being answered has a cause by now.

    Who measures a time in which other causes may be told of keeps it, for `add_rest`.
    """
    context = CURRENT.get()
    return 0 if context is None else sum(context.spent_ns.values())


def add_rest(cause: str, spent_ns: int, told_before_ns: int) -> None:
    """Add time spent on one of `CAUSES`, but what was told of others while it lasted.

    Args:
        told_before_ns: `told_ns` at its begin.
    """
    add_time(cause, max(0, spent_ns - (told_ns() - told_before_ns)))


def add_connecting(cause: str, spent_ns: int) -> None:
    """Add time spent making a connection, to be told apart from its use, which includes it.

    Args:
        cause: of the use, `db` or `redis`: it is less by as much.
    """
    add_time(f"{cause}_connect", spent_ns)
    add_time(cause, -spent_ns)


def shown_authorization() -> bytes | None:
    """Return the `Authorization` that the request being answered came with."""
    context = CURRENT.get()
    return None if context is None else context.authorization


def shows(authorization: bytes) -> bool:
    """Return whether the request came with this `Authorization`, compared in constant time."""
    return hmac.compare_digest(shown_authorization() or b"", authorization)
