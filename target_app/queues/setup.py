"""What a strategy with a queue opens: the queue, and for a worker of the app the outbox before it.

Nothing of a client is imported unless its strategy was chosen: each is an extra.
"""

from typing import TYPE_CHECKING

from dress_rehearsal.target_app.queues.outbox import Outbox
from dress_rehearsal.target_app.settings import Settings

if TYPE_CHECKING:
    from dress_rehearsal.target_app.queues.queue import GrantQueue


def make_queue(settings: Settings) -> "GrantQueue | None":
    """Return the queue of grants these settings name; None for other allocations."""
    if settings.allocation == "sqs_writeback" and settings.sqs_endpoint is not None:
        from dress_rehearsal.target_app.sqs.queue import SqsQueue

        return SqsQueue(settings.sqs_endpoint, settings.sqs_queue)
    if settings.allocation == "kafka_writeback" and settings.kafka_bootstrap is not None:
        from dress_rehearsal.target_app.kafka.queue import KafkaQueue

        return KafkaQueue(settings.kafka_bootstrap, settings.kafka_topic)
    return None


def make_outbox(settings: Settings) -> Outbox | None:
    """Return what a worker with these settings sends grants with; None for other allocations."""
    queue = make_queue(settings)
    return None if queue is None else Outbox(queue)
