"""Redis: its own account of its clients, and how far the write-back is behind."""

import bisect
import time
from typing import Any, Final

from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError
from redis.retry import Retry

from dress_rehearsal.records.samples import Reading, Series, SourceUnreadableError, labels_json

_TIMEOUT_S = 1.0
_PAGE = 10_000
_INFO: Final = {
    "clients": {
        "connected_clients": "redis_connected_clients",
        "blocked_clients": "redis_blocked_clients",
        "maxclients": "redis_maxclients",
    },
    "memory": {"used_memory": "redis_used_memory_bytes", "maxmemory": "redis_maxmemory_bytes"},
    "stats": {"total_commands_processed": "redis_commands_processed_total"},
}

EntryId = tuple[int, int]
"""A stream entry's id, milliseconds and sequence, in the order Redis compares them."""


def connect(url: str, *, timeout_s: float) -> Redis:
    """Return a client of the harness that never retries and never waits longer than `timeout_s`."""
    client: Redis = Redis.from_url(
        url,
        decode_responses=True,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        retry=Retry(NoBackoff(), 0),
        client_name="dress-rehearsal",
    )
    return client


def grants_stream(event: str) -> str:
    """Return the name of the stream from which the write-back takes what was granted."""
    return f"event:{event}:grants"


def holders(event: str) -> str:
    """Return the name of the hash that says which student holds which ticket."""
    return f"event:{event}:holders"


def entry_id(text: str) -> EntryId:
    """Return an id such as `1526919030474-55` as numbers that compare."""
    milliseconds, _, sequence = text.partition("-")
    return int(milliseconds), int(sequence)


class Backlog:
    """Counts the entries of a stream not yet delivered to a group.

    Redis says so itself only from version 7.0 on, and not after deletions. This reads every entry
    once, soon after it was added, and keeps the ids that are still ahead of the slowest group.
    """

    def __init__(self, stream: str) -> None:
        self._stream = stream
        self._last: EntryId = (0, 0)
        self._ahead: list[EntryId] = []

    def follow(self, client: Redis) -> None:
        """Read the ids added since the last call."""
        while True:
            after = f"({self._last[0]}-{self._last[1]}"
            page: Any = client.xrange(self._stream, min=after, count=_PAGE)
            self._ahead += [entry_id(identifier) for identifier, _ in page]
            if self._ahead:
                self._last = max(self._last, self._ahead[-1])
            if len(page) < _PAGE:
                return

    def undelivered(self, delivered: dict[str, EntryId]) -> dict[str, int]:
        """Return for each group how many entries come after the last one delivered to it."""
        counts = {
            group: len(self._ahead) - bisect.bisect_right(self._ahead, last)
            for group, last in delivered.items()
        }
        if delivered:
            del self._ahead[: bisect.bisect_right(self._ahead, min(delivered.values()))]
        return counts


class RedisServer:
    """`INFO`, the event's views and holders, and the write-back stream."""

    name = "redis"

    def __init__(self, url: str, event: str) -> None:
        self._event = event
        self._stream = grants_stream(event)
        self._client = connect(url, timeout_s=_TIMEOUT_S)
        self._backlog = Backlog(self._stream)
        self._holds = False

    def read(self) -> Reading:
        """Return its clients, memory and commands, and what it holds of the event.

        Raises:
            SourceUnreadableError: no answer; `redis_up` is 0.
        """
        try:
            with self._client.pipeline(transaction=False) as pipeline:
                for section in _INFO:
                    pipeline.info(section)
                pipeline.get(f"event:{self._event}:views")
                pipeline.hlen(holders(self._event))
                pipeline.xlen(self._stream)
                pipeline.xinfo_groups(self._stream)
                *sections, views, held, length, groups = pipeline.execute(raise_on_error=False)
            values = self._info(sections)
            if views is not None:
                values[self._series("event_views_total", event=self._event)] = float(_said(views))
            self._holds = self._holds or _said(held) > 0
            if self._holds:  # where the strategy keeps holders in Redis at all, also once lost
                values[self._series("tickets_held", store="redis")] = _said(held)
            if not _no_such_key(groups):
                self._backlog.follow(self._client)
                values |= self._written_back(_said(length), groups)
        except (RedisError, OSError, ValueError) as error:
            raise SourceUnreadableError(
                f"Redis gave no statistics: {error}.",
                Reading.of(time.time_ns(), {self._series("redis_up"): 0}),
            ) from error
        return Reading.of(time.time_ns(), values)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _info(self, sections: list[Any]) -> dict[Series, float]:
        values: dict[Series, float] = {self._series("redis_up"): 1}
        for wanted, answer in zip(_INFO.values(), sections, strict=True):
            facts = _said(answer)
            values |= {
                self._series(name): float(facts[field])
                for field, name in wanted.items()
                if field in facts
            }
        return values

    def _written_back(self, length: float, groups: list[dict[str, Any]]) -> dict[Series, float]:
        values = {self._series("redis_stream_length", stream=self._stream): length}
        lag = self._backlog.undelivered(
            {group["name"]: entry_id(group["last-delivered-id"]) for group in groups}
        )
        for group in groups:
            labels = {"stream": self._stream, "group": group["name"]}
            values[self._series("redis_stream_pending", **labels)] = group["pending"]
            values[self._series("redis_stream_lag", **labels)] = lag[group["name"]]
        return values

    def _series(self, name: str, **labels: str) -> Series:
        return Series(self.name, name, labels_json(**labels))


def _no_such_key(answer: Any) -> bool:
    """Return whether Redis answered that there is no such key, raising any other complaint."""
    if isinstance(answer, ResponseError) and "no such key" in str(answer):
        return True
    _said(answer)
    return False


def _said(answer: Any) -> Any:
    """Return an answer of a pipeline, raising it where it is a complaint."""
    if isinstance(answer, Exception):
        raise answer
    return answer
