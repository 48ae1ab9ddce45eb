"""What `sqs_writeback` opens: the queue, and for a worker of the app the outbox before it.

Nothing of aiobotocore is imported unless that allocation was chosen: it is an extra.
"""

from typing import TYPE_CHECKING

from dress_rehearsal.target_app.settings import SQS_ALLOCATION, Settings

if TYPE_CHECKING:
    from dress_rehearsal.target_app.sqs.outbox import Outbox
    from dress_rehearsal.target_app.sqs.queue import SqsQueue


def make_queue(settings: Settings) -> "SqsQueue | None":
    """Return the queue of grants these settings name; None for other allocations."""
    if settings.allocation != SQS_ALLOCATION or settings.sqs_endpoint is None:
        return None
    from dress_rehearsal.target_app.sqs.queue import SqsQueue

    return SqsQueue(settings.sqs_endpoint, settings.sqs_queue)


def make_outbox(settings: Settings) -> "Outbox | None":
    """Return what a worker with these settings sends grants with; None for other allocations."""
    queue = make_queue(settings)
    if queue is None:
        return None
    from dress_rehearsal.target_app.sqs.outbox import Outbox

    return Outbox(queue)
