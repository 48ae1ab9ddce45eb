"""The queue of grants in SQS and its dead-letter queue: created, sent to, received from, counted.

Any service with the API of SQS will do. Needs aiobotocore, an extra of this distribution.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, ClassVar

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import BotoCoreError, ClientError

from dress_rehearsal.target_app.errors import DependencyDownError
from dress_rehearsal.target_app.queues.queue import Counts, Message
from dress_rehearsal.target_app.telemetry.boundaries import measured

BATCH = 10  # what SQS takes and gives in one call
VISIBILITY_S = 5  # how long a message received is hidden from others; then it comes again
MAX_RECEIVES = 5  # as often it is received before it is moved to the dead-letter queue
WAIT_S = 1  # how long a receive waits for a first message
RECEIVES_AT_ONCE = 8  # once a first one came back full
POISONED_AGAIN_S = 1  # how long a message that cannot be written is hidden
CALLS_AT_ONCE = 16
CONNECT_TIMEOUT_S = 1.0
READ_TIMEOUT_S = 3.0


class SqsQueue:
    """A client of the two queues: what `GrantQueue` says, and what those methods are made of."""

    kind: ClassVar[str] = "sqs"
    title: ClassVar[str] = "SQS"
    batch: ClassVar[int] = BATCH
    collect_s: ClassVar[float] = 0.003

    def __init__(self, endpoint: str, name: str) -> None:
        self._endpoint = endpoint
        self._names = {"grants": name, "dead": f"{name}-dead"}
        self._urls: dict[str, str] = {}
        self._stack = AsyncExitStack()
        self._client: Any = None

    async def open(self) -> None:
        """Make the client; it connects when first needed."""
        config = AioConfig(
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=READ_TIMEOUT_S,
            max_pool_connections=CALLS_AT_ONCE,
            # Twice, for a kept connection that SQS closed: a message sent twice is written once.
            retries={"total_max_attempts": 2, "mode": "standard"},
        )
        self._client = await self._stack.enter_async_context(
            get_session().create_client("sqs", endpoint_url=self._endpoint, config=config)
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._stack.aclose()

    @measured("sqs", "create")
    async def create(self) -> None:
        """Create the queues where they are missing, and set their attributes in any case."""
        async with _answered():
            dead = (await self._client.create_queue(QueueName=self._names["dead"]))["QueueUrl"]
            arn = await self._client.get_queue_attributes(
                QueueUrl=dead, AttributeNames=["QueueArn"]
            )
            redrive = {
                "deadLetterTargetArn": arn["Attributes"]["QueueArn"],
                "maxReceiveCount": MAX_RECEIVES,
            }
            attributes = {
                "VisibilityTimeout": str(VISIBILITY_S),
                "RedrivePolicy": json.dumps(redrive),
            }
            # Attributes given while creating would have to be those of a queue that exists.
            created = await self._client.create_queue(QueueName=self._names["grants"])
            await self._client.set_queue_attributes(
                QueueUrl=created["QueueUrl"], Attributes=attributes
            )

    @measured("sqs", "send")
    async def send(self, bodies: Sequence[str], *, queue: str = "grants") -> dict[int, str]:
        """Send at most `BATCH` messages; return which were not accepted, by index, and why."""
        url = await self._url(queue)
        async with _answered():
            reply = await self._client.send_message_batch(
                QueueUrl=url,
                Entries=[
                    {"Id": str(index), "MessageBody": body} for index, body in enumerate(bodies)
                ],
            )
        accepted = {entry["Id"] for entry in reply.get("Successful", ())}
        reasons = {entry["Id"]: entry.get("Message", "") for entry in reply.get("Failed", ())}
        return {
            index: reasons.get(str(index)) or "it was not accepted"
            for index in range(len(bodies))
            if str(index) not in accepted
        }

    async def join(self) -> None:
        """Do nothing: SQS shares its messages among whoever asks."""

    async def take(self) -> list[Message]:
        """Return what there is, after waiting for a first message if need be."""
        messages = await self.receive(WAIT_S)
        if len(messages) == BATCH:
            more = (self.receive(0) for _ in range(RECEIVES_AT_ONCE))
            messages += [message for part in await asyncio.gather(*more) for message in part]
        return messages

    async def is_empty(self, nothing_came: bool) -> bool:
        """Return whether the queue is. What others have taken may come again, so it is waited for.

        SQS tells nobody who else takes: one of several that leaves while grants keep coming never
        finds it empty.
        """
        return nothing_came and not (await self.count()).waiting

    @measured("sqs", "receive")
    async def receive(self, wait_s: int, *, queue: str = "grants") -> list[Message]:
        """Return at most `BATCH` messages, hidden from others for `VISIBILITY_S`."""
        url = await self._url(queue)
        async with _answered():
            reply = await self._client.receive_message(
                QueueUrl=url, MaxNumberOfMessages=BATCH, WaitTimeSeconds=wait_s
            )
        return [
            Message(message["MessageId"], message["Body"], message["ReceiptHandle"])
            for message in reply.get("Messages", ())
        ]

    @measured("sqs", "delete")
    async def delete(self, messages: Sequence[Message], *, queue: str = "grants") -> None:
        """Delete messages, any number; one that will not be deleted comes again."""
        await self._call_in_batches("delete_message_batch", queue, messages)

    async def give_up(self, messages: Sequence[Message]) -> None:
        """Let messages be received again; SQS counts how often, and moves them in the end."""
        await self.postpone(messages, POISONED_AGAIN_S)

    @measured("sqs", "postpone")
    async def postpone(
        self, messages: Sequence[Message], hidden_s: int, *, queue: str = "grants"
    ) -> None:
        """Let messages be received again after `hidden_s`."""
        await self._call_in_batches(
            "change_message_visibility_batch", queue, messages, VisibilityTimeout=hidden_s
        )

    async def _call_in_batches(
        self, call: str, queue: str, messages: Sequence[Message], **wanted: int
    ) -> None:
        url = await self._url(queue)
        async with _answered():
            for start in range(0, len(messages), BATCH):
                entries = [
                    {"Id": str(index), "ReceiptHandle": message.handle, **wanted}
                    for index, message in enumerate(messages[start : start + BATCH])
                ]
                await getattr(self._client, call)(QueueUrl=url, Entries=entries)

    async def dead_letters(self) -> list[str]:
        """Return what the dead letters say. They are hidden from others until all are read."""
        seen: dict[str, Message] = {}
        try:
            while some := await self.receive(WAIT_S, queue="dead"):
                if any(message.id in seen for message in some):
                    break  # so many that the first come again
                seen |= {message.id: message for message in some}
        finally:
            await self.postpone(list(seen.values()), 0, queue="dead")
        return [message.body for message in seen.values()]

    async def replay(self) -> int:
        """Move every dead letter back to the queue; return how many."""
        replayed = 0
        while dead := await self.receive(WAIT_S, queue="dead"):
            refused = await self.send([message.body for message in dead])
            sent = [message for index, message in enumerate(dead) if index not in refused]
            await self.delete(sent, queue="dead")
            replayed += len(sent)
            if refused:
                raise DependencyDownError("SQS", "; ".join(refused.values()))
        return replayed

    @measured("sqs", "count")
    async def count(self) -> Counts:
        """Return how many messages there are: approximately, while they come and go."""
        return Counts(*await asyncio.gather(self._count("grants"), self._count("dead")))

    async def _count(self, queue: str) -> int:
        """Return how many of a queue are to be had, or were and may come again."""
        url = await self._url(queue)
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        async with _answered():
            reply = await self._client.get_queue_attributes(QueueUrl=url, AttributeNames=names)
        return sum(int(reply["Attributes"][name]) for name in names)

    async def _url(self, queue: str) -> str:
        if queue not in self._urls:
            async with _answered():
                reply = await self._client.get_queue_url(QueueName=self._names[queue])
            self._urls[queue] = reply["QueueUrl"]
        return self._urls[queue]


@asynccontextmanager
async def _answered() -> AsyncIterator[None]:
    try:
        yield
    except (BotoCoreError, ClientError, OSError) as error:
        raise DependencyDownError("SQS", f"{type(error).__name__}: {error}") from error
