"""Publish and subscribe: what one process tells all workers at once.

`sold_out` makes every worker read the event's standing now; `admitted <watermark>` is published by
the script that admits. Nothing depends on a message arriving: event status and queue
are also renewed periodically, and after a lost connection as if a message had come.
"""

import asyncio
import contextvars
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from redis.exceptions import RedisError

from dress_rehearsal.target_app.errors import UnavailableError
from dress_rehearsal.target_app.periodic import Periodic
from dress_rehearsal.target_app.stores.redis import CONNECT_TIMEOUT_S, RedisStore, make_client
from dress_rehearsal.target_app.telemetry.boundaries import measured
from dress_rehearsal.target_app.telemetry.logs import Throttled

SOLD_OUT = b"sold_out"
ADMITTED = b"admitted "
AGAIN_S = 0.25  # between two attempts to listen, and two publications of the same message
_LOG = logging.getLogger(__name__)

Listener = Callable[[bytes], Awaitable[None]]


class PubSub:
    """One worker's subscription, on a connection of its own; it publishes over the pool."""

    def __init__(
        self, redis_url: str, redis_store: RedisStore, channel: str, listener: Listener
    ) -> None:
        self._redis_store = redis_store
        self._channel = channel
        self._listener = listener
        self._redis: Any = make_client(redis_url, None, CONNECT_TIMEOUT_S)
        self._publishing: asyncio.Task[None] | None = None
        self._published_s = 0.0
        self._lost = Throttled(_LOG, logging.WARNING, 10.0)
        self._periodic = Periodic("pubsub", AGAIN_S, self._listen)

    def open(self) -> None:
        """Start to listen."""
        self._periodic.start()

    async def close(self) -> None:
        """Stop listening, after what is being published."""
        await self._periodic.stop()
        if self._publishing is not None:
            await self._publishing
        await self._redis.aclose()

    def publish_sold_out(self) -> None:
        """Tell all workers, this one included, without keeping the caller."""
        now_s = time.monotonic()
        if now_s < self._published_s + AGAIN_S or (
            self._publishing and not self._publishing.done()
        ):
            return
        self._published_s = now_s
        # in a context of its own: this is no part of the request that noticed
        self._publishing = asyncio.get_running_loop().create_task(
            self._try_to_publish(), context=contextvars.Context()
        )

    async def _try_to_publish(self) -> None:
        try:
            await self._publish()
        except UnavailableError as error:
            _LOG.warning("not published: %s", error, extra={"published": SOLD_OUT.decode()})

    @measured("pubsub", "publish")
    async def _publish(self) -> None:
        await self._redis_store.run(("PUBLISH", self._channel, SOLD_OUT))

    async def _listen(self) -> None:
        try:
            async with self._redis.pubsub() as subscription:
                await self._subscribe(subscription)
                while not self._periodic.stopped:
                    message = await subscription.get_message(timeout=None)
                    if message is None:
                        continue
                    if message["type"] == "subscribe":
                        await self._deliver(SOLD_OUT)  # it may have been missed
                    elif message["type"] == "message":
                        await self._deliver(message["data"])
        except (RedisError, OSError) as error:
            self._lost.log(
                "the subscription is lost; the event status is renewed periodically",
                {"reason": f"{type(error).__name__}: {error}"},
            )

    @measured("pubsub", "subscribe")
    async def _subscribe(self, subscription: Any) -> None:
        await subscription.subscribe(self._channel)

    @measured("pubsub", "deliver")
    async def _deliver(self, message: bytes) -> None:
        await self._listener(message)
