"""The wait until the fast store and the durable one agree on who holds a ticket."""

import contextlib
import time
from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final

import psycopg
from redis import Redis, RedisError

from dress_rehearsal.records.collectors import postgres, redis

_POLL_S: Final = 0.02
_LOOK_S: Final = 0.25
"""How often rows are counted to see whether they become more."""
_WRITTEN: Final = "SELECT count(DISTINCT ticket) FROM tickets WHERE event = %s"


class Settling(StrEnum):
    """How the wait for the stores ended."""

    AGREED = "agreed"
    """They agree on who holds a ticket."""
    STILL = "still"
    """They do not, and nothing had been written for the time allowed; or one gave no answer."""
    GROWING = "growing"
    """They do not yet: rows were still being written when the wait had to end."""


def await_settled(
    redis_url: str | None,
    event: str,
    still_s: float,
    *,
    dsn: str | None = None,
    longest_s: float | None = None,
    enough: Callable[[], bool] = lambda: False,
) -> Settling:
    """Wait until everything granted has been written back, and return how the wait ended.

    It is waited for as long as rows are being written. The stores agree when the grants stream has
    neither pending nor undelivered entries (or there is no such stream) and, where Redis keeps a
    hash of holders, `tickets` has as many different tickets as that has students: a row delivered
    twice delays nothing.

    Args:
        still_s: seconds without a new row after which the wait ends.
        dsn: PostgreSQL, whose tickets are counted against the holders in Redis; without it only
            the grants stream is looked at.
        longest_s: seconds after which it ends whatever is being written; `still_s` when left out.
        enough: asked all the time; once it says so, the wait ends after `still_s` in all.
    """
    if redis_url is None:
        return Settling.AGREED
    timeout_s = max(0.1, min(1.0, still_s))
    client = redis.connect(redis_url, timeout_s=timeout_s)
    try:
        with contextlib.closing(_Rows(dsn, event, timeout_s)) as rows:
            growth = _Growth(rows, min(_LOOK_S, still_s / 4))
            while True:
                # A store that is down perhaps comes back; if not, the deadline answers.
                with contextlib.suppress(RedisError, OSError, psycopg.Error):
                    if _drained(client, event) and _agreed(client, event, rows):
                        return Settling.AGREED
                growth.look()
                if growth.still_s >= still_s:
                    growth.look(at_once=True)
                    if growth.still_s >= still_s:
                        return Settling.STILL
                most_s = still_s if longest_s is None or enough() else longest_s
                if growth.watched_s >= most_s:
                    return Settling.GROWING if growth.seen else Settling.STILL
                time.sleep(_POLL_S)
    finally:
        client.close()


class _Growth:
    """Whether rows become more, or were; looked at every so often."""

    def __init__(self, rows: "_Rows", every_s: float) -> None:
        self._rows = rows
        self._every_s = every_s
        self._last: int | None = None
        self._began_s = self._grew_s = time.monotonic()
        self._due_s = 0.0
        self.seen = False
        """Whether there were more at any look than at the one before."""

    @property
    def watched_s(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._began_s

    @property
    def still_s(self) -> float:
        """Seconds since the last look that saw more rows, or since the beginning."""
        return time.monotonic() - self._grew_s

    def look(self, *, at_once: bool = False) -> None:
        """Count the rows, if it is time to."""
        now_s = time.monotonic()
        if now_s < self._due_s and not at_once:
            return
        self._due_s = now_s + self._every_s
        with contextlib.suppress(psycopg.Error, OSError):
            count = self._rows.count()
            if self._last is not None and count is not None and count > self._last:
                self.seen, self._grew_s = True, now_s
            self._last = count


class _Rows:
    """Counts the tickets that have a row, over one connection that is opened again when lost."""

    def __init__(self, dsn: str | None, event: str, timeout_s: float) -> None:
        self._dsn = dsn
        self._event = event
        self._timeout_s = timeout_s
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None

    def count(self) -> int | None:
        """Return how many there are now, None when there is no PostgreSQL to ask.

        Raises:
            psycopg.Error: there is no answer, or a complaint.
        """
        if self._dsn is None:
            return None
        try:
            if self._connection is None:
                self._connection = postgres.connect(self._dsn, statement_timeout_s=self._timeout_s)
            with postgres.cut_off_after(self._connection, self._timeout_s):
                row = self._connection.execute(_WRITTEN, [self._event]).fetchone()
        except psycopg.Error:
            self.close()
            raise
        return int(row[0]) if row is not None else 0

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _agreed(client: Redis, event: str, rows: _Rows) -> bool:
    holders: Any = client.hlen(redis.holders(event))
    if not holders:  # no such hash: the truth is in PostgreSQL alone
        return True
    written = rows.count()
    return written is None or written == int(holders)


def _drained(client: Redis, event: str) -> bool:
    stream = redis.grants_stream(event)
    if not client.exists(stream):
        return True
    groups: Any = client.xinfo_groups(stream)
    if not groups:
        return not client.xlen(stream)
    return all(
        not group["pending"]
        and not client.xrange(stream, min=f"({group['last-delivered-id']}", count=1)
        for group in groups
    )
