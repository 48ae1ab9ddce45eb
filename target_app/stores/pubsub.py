"""News: what one process tells all workers at once, over Redis pub/sub.

`sold_out` makes every worker read the event's standing now; `admitted <watermark>` is published by
the script that admits. Nothing depends on a message arriving: boards and queues are also renewed
in rounds, and after a lost connection as if there had been news.
"""

import asyncio
import contextvars
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from dress_rehearsal.target_app.errors import UnavailableError
from dress_rehearsal.target_app.periodic import Rounds
from dress_rehearsal.target_app.stores.redis import CONNECT_TIMEOUT_S, Cache
from dress_rehearsal.target_app.telemetry.boundaries import measured
from dress_rehearsal.target_app.telemetry.logs import Throttled

SOLD_OUT = b"sold_out"
ADMITTED = b"admitted "
AGAIN_S = 0.25  # between two attempts to listen, and two tellings of the same news
_LOG = logging.getLogger(__name__)

Hearer = Callable[[bytes], Awaitable[None]]


class News:
    """One worker's ear, a connection of its own, and mouth, which uses the pool."""

    def __init__(self, redis_url: str, cache: Cache, channel: str, hear: Hearer) -> None:
        self._cache = cache
        self._channel = channel
        self._hear = hear
        self._redis: Any = Redis.from_url(
            redis_url,
            protocol=2,
            socket_connect_timeout=CONNECT_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
        )
        self._telling: asyncio.Task[None] | None = None
        self._told_s = 0.0
        self._deaf = Throttled(_LOG, logging.WARNING, 10.0)
        self._rounds = Rounds("news", AGAIN_S, self._listen)

    def open(self) -> None:
        """Start to listen."""
        self._rounds.start()

    async def close(self) -> None:
        """Stop listening, after what is being told."""
        await self._rounds.stop()
        if self._telling is not None:
            await self._telling
        await self._redis.aclose()

    def tell_sold_out(self) -> None:
        """Tell all workers, this one included, without keeping the caller."""
        now_s = time.monotonic()
        if now_s < self._told_s + AGAIN_S or (self._telling and not self._telling.done()):
            return
        self._told_s = now_s
        # in a context of its own: this is no part of the request that noticed
        self._telling = asyncio.get_running_loop().create_task(
            self._tell(SOLD_OUT), context=contextvars.Context()
        )

    async def _tell(self, word: bytes) -> None:
        try:
            await self._publish(word)
        except UnavailableError as error:
            _LOG.warning("news not told: %s", error, extra={"news": word.decode()})

    @measured("pubsub", "publish")
    async def _publish(self, word: bytes) -> None:
        await self._cache.run(("PUBLISH", self._channel, word))

    async def _listen(self) -> None:
        try:
            async with self._redis.pubsub() as subscription:
                await self._subscribe(subscription)
                while not self._rounds.stopped:
                    message = await subscription.get_message(timeout=None)
                    if message is None:
                        continue
                    if message["type"] == "subscribe":
                        await self._deliver(SOLD_OUT)  # it may have been missed
                    elif message["type"] == "message":
                        await self._deliver(message["data"])
        except (RedisError, OSError) as error:
            self._deaf.log(
                "no news are heard; boards are renewed in rounds",
                {"reason": f"{type(error).__name__}: {error}"},
            )

    @measured("pubsub", "subscribe")
    async def _subscribe(self, subscription: Any) -> None:
        await subscription.subscribe(self._channel)

    @measured("pubsub", "deliver")
    async def _deliver(self, word: bytes) -> None:
        await self._hear(word)
