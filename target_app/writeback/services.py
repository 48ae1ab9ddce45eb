"""All that the write-back worker holds open, opened and closed in order."""

import logging

from dress_rehearsal.target_app.alerts import Alerts
from dress_rehearsal.target_app.allocators import ALLOCATIONS
from dress_rehearsal.target_app.errors import DependencyDownError, UnavailableError
from dress_rehearsal.target_app.faults import FaultSwitches
from dress_rehearsal.target_app.faulty.stores import FaultyDatabase
from dress_rehearsal.target_app.periodic import Periodic
from dress_rehearsal.target_app.queues.queue import GrantQueue
from dress_rehearsal.target_app.queues.setup import make_queue
from dress_rehearsal.target_app.settings import Settings
from dress_rehearsal.target_app.stores.postgres import Database
from dress_rehearsal.target_app.stores.redis import CONNECT_TIMEOUT_S, RedisStore, make_client
from dress_rehearsal.target_app.stores.restore import Kind, Restorer
from dress_rehearsal.target_app.writeback.backlog import Backlog
from dress_rehearsal.target_app.writeback.faulty_rows import FaultyRows
from dress_rehearsal.target_app.writeback.queue_backlog import QueueBacklog
from dress_rehearsal.target_app.writeback.queue_source import QueueSource
from dress_rehearsal.target_app.writeback.rows import Rows
from dress_rehearsal.target_app.writeback.stream import Source, StreamSource

POOL_TIMEOUT_S = 2.0
RESTORE_S = 0.25  # between looks whether Redis still has the event
_LOG = logging.getLogger(__name__)


class Services:
    """Where grants come from, the rows they become, and what is done beside that."""

    def __init__(self, settings: Settings) -> None:
        self._redis = make_client(settings.redis_url, 2.0, CONNECT_TIMEOUT_S)
        self._redis_store = RedisStore(settings.redis_url, 1, POOL_TIMEOUT_S)
        self._database = (FaultyDatabase if settings.faults else Database)(
            settings.database_dsn, 1, POOL_TIMEOUT_S, "target_app_writeback"
        )
        self._alerts = Alerts(settings.alert_url)
        self._queue = make_queue(settings)
        self._restorer = self._make_restorer(settings)
        self.source, self._backlog = self._make_source(settings)
        self.rows = (FaultyRows if settings.faults else Rows)(
            self._database, settings.event, self.source.set_aside, self._restorer.doubt
        )
        self._periodic = [
            self._backlog.watching(),
            Periodic("restore", RESTORE_S, self._restore),
            *([FaultSwitches(self._redis).watching()] if settings.faults else []),
        ]

    async def open(self) -> None:
        """Open the stores and begin to look after them. One that is down is logged, not fatal.

        Where several share a queue, this one has its share when this returns.
        """
        await self._database.open()
        await self._alerts.open()
        if self._queue is not None:
            await self._join(self._queue)
        for each in self._periodic:
            each.start()

    async def _join(self, queue: GrantQueue) -> None:
        await queue.open()
        try:
            await queue.join()
        except DependencyDownError as error:
            _LOG.warning("the queue cannot be read yet: %s", error)

    async def close(self) -> None:
        """Stop looking after the stores, then close them."""
        for each in self._periodic:
            await each.stop()
        if self._queue is not None:
            await self._queue.close()
        await self._alerts.close()
        await self._database.close()
        await self._redis_store.close()
        await self._redis.aclose()

    def _make_restorer(self, settings: Settings) -> Restorer:
        allocator = ALLOCATIONS[settings.allocation]
        kind = Kind(allocator.in_redis, allocator.streams)
        return Restorer(self._database, self._redis_store, settings.event, kind, self._alerts.tell)

    def _make_source(self, settings: Settings) -> tuple[Source, Backlog | QueueBacklog]:
        tell = self._alerts.tell
        if self._queue is None:
            grants = StreamSource(self._redis, settings.event, tell)
            return grants, Backlog(self._redis, settings.event)
        queued = QueueSource(self._queue, self._redis, settings.event, tell)
        return queued, QueueBacklog(self._queue)

    async def _restore(self) -> None:
        """Put back what Redis lost; what waits in a queue is written first, for it to see."""
        try:
            await self._restorer.if_missing(self._backlog.is_quiet)
        except UnavailableError as error:
            _LOG.debug("Redis cannot be looked at or restored: %s", error)
