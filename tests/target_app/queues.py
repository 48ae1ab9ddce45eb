"""The queues of grants as tests use them: opened, counted, emptied."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from dress_rehearsal.target_app.queues.queue import Counts, GrantQueue, Message
from dress_rehearsal.target_app.queues.setup import make_queue
from dress_rehearsal.target_app.sqs.queue import SqsQueue
from tests.target_app.apps import Stage


async def opened(stage: Stage) -> Any:
    """Return a client of a stage's queue."""
    queue = make_queue(stage.settings)
    assert queue is not None
    await queue.open()
    return queue


def with_queue(stage: Stage, work: Callable[[Any], Any]) -> Any:
    """Do something with a client of a stage's queue; what came of it."""

    async def run() -> Any:
        queue: GrantQueue = await opened(stage)
        try:
            return await work(queue)
        finally:
            await queue.close()

    return asyncio.run(run())


def count(stage: Stage) -> tuple[int, int]:
    """How many messages wait, and how many dead letters there are."""
    counts: Counts = with_queue(stage, lambda queue: queue.count())
    return counts.waiting, counts.dead


def forget_messages(stage: Stage) -> list[dict[str, Any]]:
    """Take all messages out of the queue, as if their requests had died before sending them."""

    return list(with_queue(stage, empty))


async def empty(queue: GrantQueue) -> list[dict[str, Any]]:
    """Take and delete whatever waits; return it."""
    await queue.join()
    grants = []
    while (await queue.count()).waiting:
        messages = await queue.take()
        grants += [json.loads(message.body) for message in messages]
        await queue.delete(messages)
    return grants


async def taken(queue: GrantQueue, number: int) -> list[Message]:
    """Take so many messages, and delete none."""
    await queue.join()
    messages: list[Message] = []
    while len(messages) < number:
        messages += await queue.take()
    return messages


async def come_again(queue: Any, messages: list[Message]) -> None:
    """Have messages delivered again that were taken and not deleted."""
    if isinstance(queue, SqsQueue):
        await queue.postpone(messages, 0)
        return
    for partition, offset in sorted((message.handle for message in messages), reverse=True):
        queue._member._consumer.seek(partition, offset)


async def bury(queue: Any, bodies: list[str]) -> None:
    """Put messages among the dead letters."""
    if isinstance(queue, SqsQueue):
        assert await queue.send(bodies, queue="dead") == {}
    else:
        assert await queue._send(queue.dead.topic, bodies) == {}
