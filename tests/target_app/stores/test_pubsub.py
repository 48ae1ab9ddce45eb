"""Pub/sub: every worker hears what one publishes, and none waits for more once told to stop."""

import asyncio
import contextlib

from dress_rehearsal.target_app.stores.pubsub import PubSub
from dress_rehearsal.target_app.stores.redis import RedisStore
from tests.target_app.servers import RedisServer


def test_stopping_holds_though_a_hearer_loses_the_cancellation(redis_server: RedisServer) -> None:
    async def run() -> None:
        begun = asyncio.Event()

        async def hear(word: bytes) -> None:
            begun.set()
            with contextlib.suppress(asyncio.CancelledError):  # as `asyncio.wait_for` may do
                await asyncio.sleep(60)

        redis_store = RedisStore(redis_server.url(0), 1, 1.0)
        pubsub = PubSub(redis_server.url(0), redis_store, "a channel", hear)
        pubsub.open()
        await begun.wait()
        closing = asyncio.create_task(pubsub.close())
        closed, _ = await asyncio.wait({closing}, timeout=5)
        assert closed, "it listens on"
        await redis_store.close()

    asyncio.run(run())
