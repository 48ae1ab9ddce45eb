"""How Kafka is talked to: what bounds each call, and its errors as `DependencyDownError`."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from dress_rehearsal.target_app.errors import DependencyDownError

TITLE: Final = "Kafka"
REQUEST_TIMEOUT_MS: Final = 3_000
RETRY_MS: Final = 250
CALL_TIMEOUT_S: Final = 5.0
"""For one call to be answered, with all that the client tries again: it would try for ever."""
SESSION_MS: Final = 6_000  # silent for so long, a member is dead to the group; brokers want no less
HEARTBEAT_MS: Final = 500
JOIN_TIMEOUT_MS: Final = (
    15_000  # a group is answered when all have joined, or the dead are given up
)
_LOG = logging.getLogger(__name__)


class TopicMissingError(DependencyDownError):
    """Kafka has no such topic: nobody created it, or it was deleted, or lost with its broker."""

    def __init__(self, topic: str) -> None:
        super().__init__(TITLE, f"it has no topic {topic}")


def client_settings(bootstrap: str) -> dict[str, Any]:
    """Return what every client is made with: where the brokers are, and its patience."""
    return {
        "bootstrap_servers": bootstrap,
        "request_timeout_ms": REQUEST_TIMEOUT_MS,
        "retry_backoff_ms": RETRY_MS,
    }


def make_consumer(bootstrap: str, group: str) -> AIOKafkaConsumer:
    """Return a consumer of a group, which commits only what it is told to; not started yet."""
    return AIOKafkaConsumer(
        **client_settings(bootstrap) | {"request_timeout_ms": JOIN_TIMEOUT_MS},
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        session_timeout_ms=SESSION_MS,
        heartbeat_interval_ms=HEARTBEAT_MS,
    )


def body_of(record: Any) -> str:
    """Return what a record says; what is no UTF-8 shows as the replacement character."""
    return (record.value or b"").decode(errors="replace")


@asynccontextmanager
async def answered(within_s: float = CALL_TIMEOUT_S) -> AsyncIterator[None]:
    """Raise `DependencyDownError` where what is inside fails or takes longer than it may."""
    try:
        async with asyncio.timeout(within_s):
            yield
    except TimeoutError as error:
        reason = f"no answer within {within_s:g} s"
        raise DependencyDownError(TITLE, reason) from error
    except (KafkaError, OSError) as error:
        raise DependencyDownError(TITLE, f"{type(error).__name__}: {error}") from error


async def started(client: Any) -> Any:
    """Start a client and return it; one that cannot be is stopped."""
    try:
        await client.start()
    except BaseException:
        await ended(client.stop)
        raise
    return client


async def ended(end: Callable[[], Awaitable[None]]) -> None:
    """Have a client say goodbye; where nobody hears it, it goes without after `CALL_TIMEOUT_S`."""
    try:
        async with answered():
            await end()
    except DependencyDownError as error:
        _LOG.warning("closed without saying goodbye: %s", error)
