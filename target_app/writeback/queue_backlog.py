"""The backlog of a write-back that reads from a queue, and the dead letters beside it."""

import logging
import time

from prometheus_client import Gauge

from dress_rehearsal.target_app.errors import DependencyDownError
from dress_rehearsal.target_app.periodic import Periodic
from dress_rehearsal.target_app.queues.message import ACCEPTED_S
from dress_rehearsal.target_app.queues.queue import GrantQueue
from dress_rehearsal.target_app.telemetry.metrics import REGISTRY
from dress_rehearsal.target_app.writeback.backlog import BACKLOG, OLDEST_AGE

WATCH_S = 0.5

DEAD_LETTERS = Gauge(
    "writeback_dead_letters",
    "Grants given up because they cannot be written; "
    "`python -m dress_rehearsal.target_app.writeback.dead_letters` has them.",
    registry=REGISTRY,
)
_LOG = logging.getLogger(__name__)


class QueueBacklog:
    """Watches the queue and its dead letters from beside. Their counts are the service's own."""

    def __init__(self, queue: GrantQueue) -> None:
        self._queue = queue
        self._waiting_since_s = time.monotonic()
        self._empty: tuple[float, float] | None = None
        """When the first and the last count began that found nothing, with none between."""
        self._first_asked_s = self._asked_s = float("-inf")
        self._dead = 0
        self._down = False

    def watching(self) -> Periodic:
        """Return what sets the gauges twice a second; not started yet."""
        return Periodic("backlog", WATCH_S, self._watch)

    async def look(self) -> int:
        """Set the gauges now; return the backlog.

        Where the service does not tell the age of a message before it is received, the age set is
        how long the queue was seen not empty: the oldest grant is at most that old.
        """
        began_s = time.monotonic()
        counts = await self._queue.count()
        now_s = time.monotonic()
        if counts.waiting:
            self._empty = None
        else:
            self._waiting_since_s = now_s
            self._empty = (began_s if self._empty is None else self._empty[0], began_s)
        BACKLOG.set(counts.waiting)
        told_s = counts.oldest_s
        OLDEST_AGE.set(now_s - self._waiting_since_s if told_s is None else told_s)
        DEAD_LETTERS.set(counts.dead)
        if counts.dead > self._dead:
            _LOG.error(
                "grants became dead letters; see to the cause, then put them back with "
                "`python -m dress_rehearsal.target_app.writeback.dead_letters replay`",
                extra={"dead_letters": counts.dead},
            )
        self._dead = counts.dead
        return counts.waiting

    async def is_quiet(self) -> bool:
        """Return whether the queue was empty for `ACCEPTED_S`: every grant told of has its row.

        This is asked again and again from when Redis is found empty, and only what was seen since
        the first time counts. Raises `DependencyDownError`.
        """
        now_s = time.monotonic()
        await self.look()
        if now_s - self._asked_s > ACCEPTED_S:
            self._first_asked_s = now_s
        self._asked_s = now_s
        if self._empty is None:
            return False
        first_s, last_s = self._empty
        if last_s - max(first_s, self._first_asked_s) < ACCEPTED_S:
            return False
        self._asked_s = float("-inf")  # the next loss is another
        return True

    async def _watch(self) -> None:
        try:
            await self.look()
        except DependencyDownError as error:
            self._empty = None
            if not self._down:
                _LOG.warning("the backlog cannot be read: %s", error)
            self._down = True
        else:
            self._down = False
