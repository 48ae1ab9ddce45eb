"""All that one worker holds open to serve requests, opened and closed in order."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from dress_rehearsal.target_app.alerts import Alerts
from dress_rehearsal.target_app.allocators import ALLOCATIONS
from dress_rehearsal.target_app.allocators.base import Allocator, Stores
from dress_rehearsal.target_app.allocators.redis_script import RedisScript
from dress_rehearsal.target_app.enrolment import EnrolledOnly, Enrolment, Granting
from dress_rehearsal.target_app.entry import Entrance
from dress_rehearsal.target_app.errors import UnavailableError
from dress_rehearsal.target_app.event_status import EventStatus
from dress_rehearsal.target_app.faults import FAULTS
from dress_rehearsal.target_app.faulty.enrolment import FaultyEnrolment
from dress_rehearsal.target_app.faulty.entrance import FaultyEntrance
from dress_rehearsal.target_app.faulty.order import LastFirst
from dress_rehearsal.target_app.faulty.owners import SwappedOwners, SwappingGrant
from dress_rehearsal.target_app.faulty.purchase import CostlyPurchase
from dress_rehearsal.target_app.faulty.refusals import UntrueRefusals
from dress_rehearsal.target_app.faulty.sessions import FaultySessions
from dress_rehearsal.target_app.faulty.stores import FaultyDatabase
from dress_rehearsal.target_app.faulty.tickets import FaultyTickets
from dress_rehearsal.target_app.queues.setup import make_outbox
from dress_rehearsal.target_app.sessions import Sessions
from dress_rehearsal.target_app.settings import Settings
from dress_rehearsal.target_app.stores.postgres import Database
from dress_rehearsal.target_app.stores.pubsub import ADMITTED, SOLD_OUT, PubSub
from dress_rehearsal.target_app.stores.redis import RedisStore
from dress_rehearsal.target_app.stores.redis_keys import EventKeys
from dress_rehearsal.target_app.stores.restore import Kind, Restorer
from dress_rehearsal.target_app.telemetry.boundaries import measured
from dress_rehearsal.target_app.tickets import Tickets
from dress_rehearsal.target_app.waiting_room.room import AdmittedOnly, WaitingRoom

if TYPE_CHECKING:
    from dress_rehearsal.target_app.writeback.row_sweep import RowSweep

DRAIN_S = 6.0
_READY_S = 1.0
_LOOK_S = 0.01
_LOG = logging.getLogger(__name__)

# Not where Redis has lost the event: whoever restores it reads T-0 from PostgreSQL.
_RESCHEDULE = """
if redis.call('HEXISTS', KEYS[1], 'tickets') == 1 then
  redis.call('HSET', KEYS[1], 'opens_at_ns', ARGV[1])
end
"""


class Services:
    """Pools, sessions, allocator, event status, and what is built on them, of one worker."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.keys = EventKeys(settings.event)
        self.alerts = Alerts(settings.alert_url)
        self.database = (FaultyDatabase if settings.faults else Database)(
            settings.database_dsn,
            settings.postgres_pool,
            settings.postgres_pool_timeout_s,
            "target_app",
        )
        self.redis_store = RedisStore(
            settings.redis_url, settings.redis_pool, settings.redis_pool_timeout_s
        )
        self.sessions = (FaultySessions if settings.faults else Sessions)(
            self.redis_store, settings.event, settings.key("jwt"), settings.key("pin")
        )
        self.outbox = make_outbox(settings)
        stores = Stores(self.database, self.redis_store, self.sessions, self.outbox)
        self.allocator: Allocator = ALLOCATIONS[settings.allocation](settings.event, stores)
        restorer = self._make_restorer()
        self.event_status = EventStatus(self.allocator, restorer)
        self.sweep = None if restorer is None else self._make_sweep(restorer)
        self.pubsub = PubSub(
            settings.redis_url, self.redis_store, self.keys.channel, self._on_message
        )
        self.room = (
            None
            if settings.waiting_room == "off"
            else WaitingRoom(settings, self.redis_store, self.keys, self.event_status)
        )
        self.enrolment = self._make_enrolment()
        self.tickets = (FaultyTickets if settings.faults else Tickets)(
            settings,
            self.sessions,
            self.allocator,
            self._compose_grant(),
            self.event_status,
            self.pubsub,
        )
        self.entrance = (FaultyEntrance if settings.faults else Entrance)(settings, self.database)
        self.in_flight = 0  # kept by the middleware
        self.leaving = False

    async def open(self) -> None:
        """Open the pools and read the event. A store that is down is logged, not fatal."""
        await self.redis_store.open()
        await self.database.open()
        await self.alerts.open()
        if self.outbox is not None:
            await self.outbox.open()
        if self.enrolment is not None:
            await self.enrolment.open()
        await self.event_status.open()
        if self.sweep is not None:
            self.sweep.open()
        if self.room is not None:
            await self.room.open()
        self.pubsub.open()

    def leave(self) -> None:
        """Prepare for the worker's end: be ready no more, and end what would go on for long."""
        self.leaving = True
        if self.room is not None:
            self.room.streams.end()

    async def close(self) -> None:
        """Finish the requests in flight (at most `DRAIN_S`), then close the pools."""
        self.leave()
        for _ in range(int(DRAIN_S / _LOOK_S)):
            if not self.in_flight:
                break
            await asyncio.sleep(_LOOK_S)
        else:
            _LOG.warning("closing with %d requests unanswered", self.in_flight)
        await self.pubsub.close()
        if self.room is not None:
            await self.room.close()
        if self.sweep is not None:
            await self.sweep.close()
        await self.event_status.close()
        if self.outbox is not None:
            await self.outbox.close()
        if self.enrolment is not None:
            await self.enrolment.close()
        await self.alerts.close()
        await self.database.close()
        await self.redis_store.close()

    def _make_restorer(self) -> Restorer | None:
        if self.outbox is not None:
            return None  # the write-back does it, once it has emptied the queue
        kind = Kind(self.allocator.in_redis, self.allocator.streams)
        return Restorer(
            self.database, self.redis_store, self.settings.event, kind, self.alerts.tell
        )

    def _make_sweep(self, restorer: Restorer) -> "RowSweep | None":
        if not isinstance(self.allocator, RedisScript):
            return None
        # Only here: it brings the write-back's metrics.
        from dress_rehearsal.target_app.writeback.row_sweep import RowSweep

        return RowSweep(
            self.allocator, self.database, self.redis_store, restorer.doubt, self.alerts.tell
        )

    def _make_enrolment(self) -> Enrolment | None:
        if self.settings.enrolment_url is None:
            return None
        if self.settings.faults:
            return FaultyEnrolment(self.settings, self.alerts, self.database)
        return Enrolment(self.settings, self.alerts)

    def _compose_grant(self) -> Granting:
        """The allocator's grant, and around it only what these settings ask for."""
        grant: Granting = self.allocator.grant
        if self.settings.faults:
            grant = SwappingGrant(SwappedOwners(self.database, self.settings.event), grant)
            grant = CostlyPurchase(self.database, self.redis_store, grant)
        if self.enrolment is not None:
            grant = EnrolledOnly(self.enrolment, self.event_status, grant)
        if self.room is not None:
            grant = AdmittedOnly(self.room, grant)
        if self.settings.faults:
            grant = LastFirst(self.event_status, grant)
            grant = UntrueRefusals(self.event_status, grant, admits=self.room is not None)
        return grant

    async def _on_message(self, message: bytes) -> None:
        if message == SOLD_OUT:
            await self.event_status.refresh()
            if self.room is not None:
                self.room.streams.look()
        elif message.startswith(ADMITTED) and self.room is not None:
            self.room.advance_to(int(message[len(ADMITTED) :]))

    async def count_view(self) -> int:
        """Count one view of the event's page and return how many there are now."""
        if FAULTS.strikes("views_lost"):
            return await self._miscount_view()
        return await self._count_view()

    @measured("redis", "count_view")
    async def _count_view(self) -> int:
        (views,) = await self.redis_store.run(("INCR", self.keys.views))
        return int(views)

    @measured("redis", "miscount_view")
    async def _miscount_view(self) -> int:
        """Read, add, write: views counted by others in between are lost."""
        (views,) = await self.redis_store.run(("GET", self.keys.views))
        await self.redis_store.run(("SET", self.keys.views, int(views or 0) + 1))
        return int(views or 0) + 1

    async def reschedule(self, opens_at_ns: int) -> bool:
        """Move T-0 in both stores; return False where the event was never prepared."""
        known = await self._reschedule_postgres(opens_at_ns)
        if known:
            await self._reschedule_redis(opens_at_ns)
            await self.event_status.refresh()
        return known

    @measured("postgres", "reschedule")
    async def _reschedule_postgres(self, opens_at_ns: int) -> bool:
        async with self.database.transaction() as connection:
            moved: str | None = await connection.fetchval(
                "UPDATE events SET opens_at_ns = $2 WHERE event = $1 RETURNING event",
                self.settings.event,
                opens_at_ns,
            )
            return moved is not None

    @measured("redis", "reschedule")
    async def _reschedule_redis(self, opens_at_ns: int) -> None:
        call = ("EVAL", _RESCHEDULE, 1, self.keys.details, opens_at_ns)
        await self.redis_store.run(call)

    async def missing(self) -> list[str]:
        """Return the stores that do not answer within a second; empty when ready."""
        pings = {"PostgreSQL": self._ping_postgres(), "Redis": self._ping_redis()}
        answered = await asyncio.gather(*map(_is_answered, pings.values()))
        return [store for store, well in zip(pings, answered, strict=True) if not well]

    @measured("postgres", "ping")
    async def _ping_postgres(self) -> None:
        async with self.database.transaction(single=True) as connection:
            await connection.execute("SELECT 1")

    @measured("redis", "ping")
    async def _ping_redis(self) -> None:
        await self.redis_store.run(("PING",))


async def _is_answered(ping: Coroutine[Any, Any, None]) -> bool:
    try:
        await asyncio.wait_for(ping, _READY_S)
    except (UnavailableError, TimeoutError):
        return False
    return True
