"""`kafka_writeback`: a Redis script grants, a record in Kafka tells the worker to write the row."""

from typing import ClassVar

from dress_rehearsal.target_app.allocators.queue_base import QueueAllocator


class KafkaWriteback(QueueAllocator):
    """Grants whose messages go through Kafka."""

    name: ClassVar[str] = "kafka_writeback"
