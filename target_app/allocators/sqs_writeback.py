"""`sqs_writeback`: a Redis script grants, a message to SQS tells the worker to write the row."""

from typing import ClassVar

from dress_rehearsal.target_app.allocators.queue_base import QueueAllocator


class SqsWriteback(QueueAllocator):
    """Grants whose messages go through SQS."""

    name: ClassVar[str] = "sqs_writeback"
