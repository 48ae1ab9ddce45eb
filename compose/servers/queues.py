"""The servers of the queues that strategies write back through: two of one kind."""

from pathlib import Path
from typing import ClassVar, Final, Protocol

from dress_rehearsal.compose.process import ProcessSpec
from dress_rehearsal.compose.servers.kafka import KafkaServer
from dress_rehearsal.compose.servers.sqs import SqsServer
from dress_rehearsal.compose.stage_folder import StageFolder


class QueueServer(Protocol):
    """One process that keeps what the app sends until the write-back has read it."""

    name: ClassVar[str]
    """Of the component."""
    address: str
    """What the app and the write-back are told."""

    def __init__(self, port: int) -> None: ...

    def spec(self, logs: Path, folder: StageFolder) -> ProcessSpec:
        """Describe its process; `StageUnusableError` where what it needs is not installed."""

    def answers(self) -> bool:
        """Return whether it answers yet."""


QUEUE_SERVERS: Final[dict[str, type[QueueServer]]] = {
    server.name: server for server in (SqsServer, KafkaServer)
}
"""By what `Strategy.queue` calls them."""
