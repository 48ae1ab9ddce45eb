"""How Kafka is talked to: what bounds each call, and its errors as `DependencyDownError`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from aiokafka.errors import KafkaError

from dress_rehearsal.target_app.errors import DependencyDownError

TITLE: Final = "Kafka"
REQUEST_TIMEOUT_MS: Final = 3_000
RETRY_MS: Final = 250
CALL_TIMEOUT_S: Final = 5.0
"""For one call to be answered, with all that the client tries again: it would try for ever."""


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
