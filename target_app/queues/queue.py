"""What a queue of grants can do, whichever service it is at: SQS or Kafka."""

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple, Protocol


class Message(NamedTuple):
    """A message taken from a queue; `handle` is what its queue knows it by."""

    id: str
    body: str
    handle: Any


class Counts(NamedTuple):
    """How many messages there are, as the service counts them."""

    waiting: int
    """Those whose grant has no row yet, as far as the queue knows."""
    dead: int
    oldest_s: float | None = None
    """For how long the oldest of those that wait has been; None where the service does not tell."""


class GrantQueue(Protocol):
    """Takes grants' messages from the app and gives each to the write-back at least once.

    All methods but `close` raise `DependencyDownError` where the service does not answer.
    """

    kind: ClassVar[str]
    """Its name in metrics, and that of the pool of sends."""
    title: ClassVar[str]
    """Its name in sentences."""
    batch: ClassVar[int]
    """How many messages it takes in one call."""
    collect_s: ClassVar[float]
    """How long a message may wait for others to leave with, while sending is possible."""

    async def open(self) -> None:
        """Get ready to send; what cannot be reached yet is tried again when it is needed."""

    async def close(self) -> None:
        """Close all connections."""

    async def create(self) -> None:
        """Create the queue and its dead-letter queue where they are missing."""

    async def send(self, bodies: Sequence[str]) -> dict[int, str]:
        """Send at most `batch` messages; return which were not accepted, by index, and why."""

    async def join(self) -> None:
        """Be one of those that take, as soon as that can be: several share the messages."""

    async def take(self) -> list[Message]:
        """Return the next messages; none where none came for a moment."""

    async def delete(self, messages: Sequence[Message]) -> None:
        """Forget messages that were taken; one that will not be forgotten comes again."""

    async def give_up(self, messages: Sequence[Message]) -> None:
        """Have messages that cannot be written become dead letters, now or in the end."""

    async def count(self) -> Counts:
        """Return how many messages there are."""

    async def is_empty(self, nothing_came: bool) -> bool:
        """Return whether one that takes may leave, and no grant waits that nobody sees to.

        To be asked after each take since it was told to; `nothing_came` says what that gave.
        """

    async def dead_letters(self) -> list[str]:
        """Return what the dead letters say that others do not see to now; they stay where they are.

        Those that another client looks at or replays may be missing.
        """

    async def replay(self) -> int:
        """Move every dead letter back to the queue; return how many."""
