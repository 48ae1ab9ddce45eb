"""The backlog of a write-back that reads from SQS, and the dead letters beside it."""

import logging
import time

from prometheus_client import Gauge

from target_app.backlog import BACKLOG, OLDEST_AGE
from target_app.errors import DependencyDown
from target_app.metrics import REGISTRY
from target_app.rounds import Rounds
from target_app.sqs_queue import GrantQueue

WATCH_S = 0.5
QUIET_S = 1.0  # a purchase under way sends its message sooner than that

DEAD_LETTERS = Gauge(
    "writeback_dead_letters",
    "Grants given up after being received too often; `python -m target_app.dead_letters` has them.",
    registry=REGISTRY,
)
_LOG = logging.getLogger(__name__)


class QueueBacklog:
    """Watches the queues from beside. Their counts are SQS's own, which calls them approximate."""

    def __init__(self, queue: GrantQueue) -> None:
        self._queue = queue
        self._waiting_since_s = time.monotonic()
        self._empty_since_s: float | None = None
        self._dead = 0
        self._down = False

    def watching(self) -> Rounds:
        """Rounds that set the gauges twice a second."""
        return Rounds("backlog", WATCH_S, self._watch)

    async def look(self) -> int:
        """Set the gauges now; returns the backlog.

        SQS does not tell the age of a message before it is received. The age set is how long the
        queue was seen not empty: the oldest grant is at most that old.
        """
        counts = await self._queue.count()
        now_s = time.monotonic()
        if counts.waiting:
            self._empty_since_s = None
        else:
            self._waiting_since_s = now_s
            self._empty_since_s = self._empty_since_s or now_s
        BACKLOG.set(counts.waiting)
        OLDEST_AGE.set(now_s - self._waiting_since_s)
        DEAD_LETTERS.set(counts.dead)
        if counts.dead > self._dead:
            _LOG.error(
                "grants became dead letters; see to the cause, then put them back with "
                "`python -m target_app.dead_letters replay`",
                extra={"dead_letters": counts.dead},
            )
        self._dead = counts.dead
        return counts.waiting

    async def is_quiet(self) -> bool:
        """Whether the queue was empty for `QUIET_S`: every grant sent has its row."""
        return self._empty_since_s is not None and time.monotonic() - self._empty_since_s >= QUIET_S

    async def _watch(self) -> None:
        try:
            await self.look()
        except DependencyDown as error:
            self._empty_since_s = None
            if not self._down:
                _LOG.warning("the backlog cannot be read: %s", error)
            self._down = True
        else:
            self._down = False
