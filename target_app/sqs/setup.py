"""The mail of `sqs_writeback`: the queue and the outbox of a worker, where the allocation has one.

Nothing of aiobotocore is imported unless that allocation was chosen: it is an extra.
"""

from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dress_rehearsal.target_app.settings import Settings
    from dress_rehearsal.target_app.sqs.outbox import Outbox
    from dress_rehearsal.target_app.sqs.queue import GrantQueue

ALLOCATION = "sqs_writeback"


class Mail:
    """A queue and the outbox before it, opened and closed together."""

    def __init__(self, queue: "GrantQueue", outbox: "Outbox") -> None:
        self.queue = queue
        self.outbox = outbox

    async def open(self) -> None:
        """Get ready to send."""
        await self.queue.open()

    async def close(self) -> None:
        """Send what has not left, then close the connections."""
        await self.outbox.close()
        await self.queue.close()


def make_queue(settings: "Settings") -> "GrantQueue | None":
    """The queue of grants these settings name; None for other allocations than `sqs_writeback`."""
    if settings.allocation != ALLOCATION or settings.sqs_endpoint is None:
        return None
    from dress_rehearsal.target_app.sqs.queue import GrantQueue

    return GrantQueue(settings.sqs_endpoint, settings.sqs_queue)


def make_mail(settings: "Settings") -> Mail | None:
    """The mail of a worker with these settings; None for other allocations."""
    queue = make_queue(settings)
    if queue is None:
        return None
    from dress_rehearsal.target_app.sqs.outbox import Outbox

    return Mail(queue, Outbox(queue))


def missing_for_mail(
    allocation: str, endpoint: str | None, environment: Mapping[str, str]
) -> list[str]:
    """What `sqs_writeback` needs and does not have, a sentence each; nothing for others."""
    if allocation != ALLOCATION:
        return []
    problems = []
    if endpoint is None:
        problems.append(f"APP_SQS_ENDPOINT is not set; APP_ALLOCATION={ALLOCATION} needs it.")
    if not environment.get("AWS_DEFAULT_REGION"):
        problems.append(f"AWS_DEFAULT_REGION is not set; APP_ALLOCATION={ALLOCATION} needs it.")
    if find_spec("aiobotocore") is None:
        problems.append(
            f"APP_ALLOCATION={ALLOCATION} needs aiobotocore; "
            "run `pip install dress-rehearsal[sqs]`, or choose another allocation."
        )
    return problems
