"""The box office: all that one worker holds open to serve requests, opened and closed in order."""

import asyncio
import logging

from target_app.allocators import Allocator, Stores, make_allocator
from target_app.cache import Cache
from target_app.database import Database
from target_app.errors import Unavailable
from target_app.event_board import EventBoard
from target_app.keys import EventKeys
from target_app.measured import measured
from target_app.sessions import Sessions
from target_app.settings import Settings

DRAIN_S = 6.0
_READY_S = 1.0
_LOOK_S = 0.01
_LOG = logging.getLogger(__name__)


class BoxOffice:
    """Pools, sessions, allocator and event board of one worker."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.keys = EventKeys.of(settings.event)
        self.database = Database(
            settings.database_dsn,
            settings.postgres_pool,
            settings.postgres_pool_timeout_s,
            "target_app",
        )
        self.cache = Cache(settings.redis_url, settings.redis_pool, settings.redis_pool_timeout_s)
        self.sessions = Sessions(
            self.cache, settings.event, settings.key("jwt"), settings.key("pin")
        )
        self.allocator: Allocator = make_allocator(
            settings.allocation,
            settings.event,
            Stores(self.database, self.cache, self.sessions),
        )
        self.board = EventBoard(self.allocator)
        self.in_flight = 0  # kept by the front door

    async def open(self) -> None:
        """Open the pools and read the event. A store that is down is logged, not fatal."""
        await self.cache.open()
        await self.database.open()
        await self.board.open()

    async def close(self) -> None:
        """Finish the requests in flight (at most `DRAIN_S`), then close the pools."""
        for _ in range(int(DRAIN_S / _LOOK_S)):
            if not self.in_flight:
                break
            await asyncio.sleep(_LOOK_S)
        else:
            _LOG.warning("closing with %d requests unanswered", self.in_flight)
        await self.board.close()
        await self.database.close()
        await self.cache.close()

    @measured("redis", "count_view")
    async def count_view(self) -> int:
        """Count one view of the event's page and return how many there are now."""
        (views,) = await self.cache.run(("INCR", self.keys.views))
        return int(views)

    async def reschedule(self, opens_at_ns: int) -> bool:
        """Move T-0 in both stores; False where the event was never prepared."""
        known = await self._reschedule_postgres(opens_at_ns)
        if known:
            await self._reschedule_redis(opens_at_ns)
            await self.board.refresh()
        return known

    @measured("postgres", "reschedule")
    async def _reschedule_postgres(self, opens_at_ns: int) -> bool:
        async with self.database.transaction() as connection:
            moved: str | None = await connection.fetchval(
                "UPDATE events SET opens_at_ns = $2 WHERE event = $1 RETURNING event",
                self.settings.event,
                opens_at_ns,
            )
            return moved is not None

    @measured("redis", "reschedule")
    async def _reschedule_redis(self, opens_at_ns: int) -> None:
        await self.cache.run(("HSET", self.keys.details, "opens_at_ns", opens_at_ns))

    async def missing(self) -> list[str]:
        """The stores that do not answer within a second; empty when ready."""
        answers = await asyncio.gather(
            asyncio.wait_for(self._ping_postgres(), _READY_S),
            asyncio.wait_for(self._ping_redis(), _READY_S),
            return_exceptions=True,
        )
        for answer in answers:
            if isinstance(answer, BaseException) and not isinstance(
                answer, Unavailable | TimeoutError
            ):
                raise answer
        return [
            store
            for store, answer in zip(("PostgreSQL", "Redis"), answers, strict=True)
            if answer is not None
        ]

    @measured("postgres", "ping")
    async def _ping_postgres(self) -> None:
        async with self.database.transaction(single=True) as connection:
            await connection.execute("SELECT 1")

    @measured("redis", "ping")
    async def _ping_redis(self) -> None:
        await self.cache.run(("PING",))
