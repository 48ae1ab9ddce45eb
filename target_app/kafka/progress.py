"""How far the messages of each partition are dealt with: what may be committed as its offset."""

from collections.abc import Iterable

from aiokafka import TopicPartition


class Progress:
    """Offsets taken and not dealt with, by partition.

    Messages are dealt with in any order, and an offset is committed when all before it are. What is
    not known of a partition is not committed: whoever reads it next begins where others left off.
    """

    def __init__(self) -> None:
        self._open: dict[TopicPartition, set[int]] = {}
        self._next: dict[TopicPartition, int] = {}

    def begin_anew(self) -> None:
        """Know of nothing: partitions went to others, or come again from what was committed."""
        self.forget(list(self._next))

    def forget(self, partitions: Iterable[TopicPartition]) -> None:
        """Know nothing of these partitions any more: they are read from their beginning."""
        for partition in partitions:
            self._open.pop(partition, None)
            self._next.pop(partition, None)

    def take(self, partition: TopicPartition, offset: int) -> None:
        """Take note of a message that was read."""
        self._open.setdefault(partition, set()).add(offset)
        self._next[partition] = offset + 1

    def finish(self, partition: TopicPartition, offset: int) -> None:
        """Take note that a message needs no more to be done."""
        self._open.get(partition, set()).discard(offset)

    def offsets(self) -> dict[TopicPartition, int]:
        """Return the offset to commit for each partition of which something was read."""
        return {
            partition: min(self._open.get(partition) or [following])
            for partition, following in self._next.items()
        }
