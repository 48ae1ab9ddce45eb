"""The backlog of a write-back that reads the stream: grants without a row, and the oldest's age."""

import logging
import time
from typing import Any

from prometheus_client import Gauge
from redis.asyncio import Redis
from redis.exceptions import RedisError

from dress_rehearsal.target_app.periodic import Periodic
from dress_rehearsal.target_app.stores.redis_keys import WRITEBACK_GROUP, EventKeys
from dress_rehearsal.target_app.telemetry.boundaries import measured
from dress_rehearsal.target_app.telemetry.metrics import REGISTRY

WATCH_S = 0.25

BACKLOG = Gauge("writeback_backlog", "Grants whose row is not committed.", registry=REGISTRY)
OLDEST_AGE = Gauge(
    "writeback_oldest_age_seconds",
    "Age of the oldest grant whose row is not committed; 0 without backlog.",
    registry=REGISTRY,
)
_LOG = logging.getLogger(__name__)


class Backlog:
    """Watches the stream from beside, so that the gauges stay true while a write is stuck."""

    def __init__(self, redis: "Redis", event: str) -> None:
        self._redis = redis
        self._keys = EventKeys(event)

    def watching(self) -> Periodic:
        """Return what sets the gauges four times a second; not started yet."""
        return Periodic("backlog", WATCH_S, self._watch)

    async def _watch(self) -> None:
        try:
            await self.look()
        except (RedisError, OSError) as error:
            _LOG.debug("the backlog cannot be read: %s", error)

    @measured("redis", "backlog")
    async def look(self) -> int:
        """Set the gauges now; return the backlog."""
        held = await self._redis.hlen(self._keys.holders)
        backlog = max(0, held - await self._redis.scard(self._keys.issued))
        oldest_ms = await self._oldest_ms() if backlog else None
        BACKLOG.set(backlog)
        OLDEST_AGE.set(max(0.0, time.time() - oldest_ms / 1000) if oldest_ms else 0.0)
        return backlog

    async def is_quiet(self) -> bool:
        """Return True: what is in the stream does not keep Redis from being restored."""
        return True

    async def _oldest_ms(self) -> int | None:
        """When the oldest entry without acknowledgement was added: pending ones come first."""
        pending = await self._redis.xpending(self._keys.grants, WRITEBACK_GROUP)
        if pending["pending"]:
            return _added_ms(pending["min"])
        groups = await self._redis.xinfo_groups(self._keys.grants)
        for group in groups:
            if group["name"] == WRITEBACK_GROUP.encode():
                after = f"({group['last-delivered-id'].decode()}"
                entries = await self._redis.xrange(self._keys.grants, min=after, count=1)
                return _added_ms(entries[0][0]) if entries else None
        return None


def _added_ms(entry_id: Any) -> int:
    return int(entry_id.split(b"-")[0])
