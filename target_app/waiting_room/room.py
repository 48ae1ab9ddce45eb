"""The waiting room: a place in the queue for every student, and admission in order from T-0 on.

Redis holds the queue: each student's position, and a watermark; a student is admitted when their
position is not above it. Every worker advances the watermark some 20 times a second, by one script
that keeps rate and cap whoever runs it, and so has a fresh copy of it: a poll is answered from
that copy and a position remembered, without asking Redis.

An admission counts towards the cap until the student has been answered, or for `ADMISSION_S`; one
who took longer may still buy. Should Redis lose the queue, the workers put it back from what they
remember.
"""

import logging
import secrets
import time
from typing import Any, NamedTuple

import msgspec

from dress_rehearsal.target_app.allocators.base import Claim, Grant, Refusal
from dress_rehearsal.target_app.enrolment import Granting
from dress_rehearsal.target_app.errors import DependencyDownError, UnavailableError
from dress_rehearsal.target_app.event_status import EventState, EventStatus, state_of
from dress_rehearsal.target_app.faults import FAULTS
from dress_rehearsal.target_app.periodic import Periodic
from dress_rehearsal.target_app.sessions import Bearer
from dress_rehearsal.target_app.settings import Settings
from dress_rehearsal.target_app.stores.redis import RedisStore, Script, Word
from dress_rehearsal.target_app.stores.redis_keys import EventKeys, session_key
from dress_rehearsal.target_app.telemetry.boundaries import measured
from dress_rehearsal.target_app.telemetry.metrics import QUEUE_INSIDE, QUEUE_JOINED, QUEUE_WATERMARK
from dress_rehearsal.target_app.waiting_room.streams import PlaceStreams

PUMP_S = 0.05
ADMISSION_S = 30.0
SAVED_UP_S = 0.2  # of rate; what the queue did not need before is admitted at once at most
POLL_MIN_MS = 300
POLL_MAX_MS = 5000
_REVALIDATE_S = 60.0  # how long a session found live is not asked about again
_REMEMBERED_SESSIONS = 65_536
_STUDENTS_AT_ONCE = 1000
_SETTLING = frozenset({"sold_out", "not_enrolled", "already_holds_ticket"})
_LOG = logging.getLogger(__name__)
_JOIN = Script("waiting_room/join.lua")
_ADMIT = Script("waiting_room/admit.lua")
_RESTORE = Script("waiting_room/restore.lua")


class Place(msgspec.Struct):
    """A student's place: `ahead` are those to be admitted before; ask again in `poll_after_ms`."""

    position: int
    ahead: int
    admitted: bool
    state: EventState
    poll_after_ms: int


class Rules(msgspec.Struct):
    """How students are admitted: not while `paused`; `rate` a second; `cap` inside at once."""

    paused: bool
    rate: int
    cap: int


class _Remembered(NamedTuple):
    position: int
    until_s: float


class WaitingRoom:
    """The queue as one worker sees it, and its copy of what matters."""

    def __init__(
        self,
        settings: Settings,
        redis_store: RedisStore,
        keys: EventKeys,
        event_status: EventStatus,
    ) -> None:
        self._redis_store = redis_store
        self._keys = keys
        self._event_status = event_status
        self._usual = Rules(False, settings.admission_rate, settings.admission_cap)
        self.rules = self._usual
        self.streams = PlaceStreams(self)
        self.watermark = 0
        self._joined = 0
        self._epoch: bytes | None = None
        self._sessions: dict[str, _Remembered] = {}
        self._positions: dict[str, int] = {}
        self._settled: set[int] = set()
        self._stale = False
        self._periodic = Periodic("waiting-room", PUMP_S, self.pump)

    async def open(self) -> None:
        """Find or open the queue, and start admitting."""
        await self.pump()
        self._periodic.start()

    async def close(self) -> None:
        """Stop admitting."""
        await self._periodic.stop()

    async def join(self, bearer: Bearer, claimed: int | None) -> Place | Refusal:
        """Return the student's place: the one held already, else the last.

        The position a client claims is believed only with the fault `client_position` on.
        """
        believed = claimed if claimed and FAULTS.strikes("client_position") else 0
        reply = await self._join(bearer, believed)
        if not reply[0]:
            code = reply[1].decode()
            if code == "dependency_unavailable":
                raise DependencyDownError("The queue", "Redis lost it and it is being put back")
            return Refusal(code)
        _, position, watermark = reply
        self._remember(bearer, position)
        self._joined = max(self._joined, position if not believed else 0)
        self.advance_to(watermark)
        return self.place(position)

    async def find(self, bearer: Bearer) -> int | Refusal:
        """Return the student's position; from memory where the session was found live lately."""
        remembered = self._sessions.get(bearer.session)
        if remembered is not None and remembered.until_s > time.monotonic():
            return remembered.position
        return await self.look_up(bearer)

    @measured("redis", "find_place")
    async def look_up(self, bearer: Bearer) -> int | Refusal:
        """Return the student's position, asked of Redis, and the watermark with it."""
        student, position, watermark = await self._redis_store.run(
            ("GET", session_key(bearer.session)),
            ("HGET", self._keys.queue, bearer.student),
            ("HGET", self._keys.admission, "watermark"),
        )
        if student != bearer.student.encode():
            self._sessions.pop(bearer.session, None)
            return Refusal("unauthenticated")
        if position is None:
            return Refusal("not_in_queue")
        self._remember(bearer, int(position))
        self.advance_to(int(watermark or 0))
        return int(position)

    def place(self, position: int) -> Place:
        """Return a position as the student is told of it now."""
        standing = self._event_status.standing
        now_ns = time.time_ns()
        state = state_of(standing, now_ns)
        ahead = max(0, position - self.watermark - 1)
        admitted = position <= self.watermark
        poll_ms = POLL_MAX_MS
        if not admitted and state != "sold_out" and not self.rules.paused:
            wait_ms = max(0, standing.opens_at_ns - now_ns) / 1e6 + 1000 * ahead / self.rules.rate
            poll_ms = min(POLL_MAX_MS, POLL_MIN_MS + int(wait_ms / 4))
        return Place(position, ahead, admitted, state, poll_ms)

    async def hold_back(self, bearer: Bearer) -> str | None:
        """Return the problem code that keeps this student from buying now; None once admitted."""
        remembered = self._sessions.get(bearer.session)
        if remembered is not None and remembered.position <= self.watermark:
            return None
        position = await self.look_up(bearer)
        if isinstance(position, Refusal):
            return "not_admitted" if position.code == "not_in_queue" else position.code
        if position <= self.watermark:
            return None
        return "sold_out" if self.sold_out else "not_admitted"

    def settle(self, bearer: Bearer, refused: str | None) -> None:
        """Note that the student was answered, refused with this code or granted (None).

        That makes room for the next if it is final. Redis is told with the
        pump's next run, so that a purchase needs no trip for it.
        """
        if refused is not None and refused not in _SETTLING:
            return
        remembered = self._sessions.get(bearer.session)
        if remembered is not None:
            self._settled.add(remembered.position)

    @property
    def sold_out(self) -> bool:
        """Whether all tickets are gone, as far as this worker knows."""
        try:
            return state_of(self._event_status.standing) == "sold_out"
        except DependencyDownError:  # nothing is known of the event yet
            return False

    @property
    def rate(self) -> int:
        """How many students are admitted a second."""
        return self.rules.rate

    def advance_to(self, watermark: int) -> None:
        """Note that everyone up to `watermark` is admitted; wake the streams it concerns."""
        if watermark > self.watermark:
            self.watermark = watermark
            QUEUE_WATERMARK.set(watermark)
        self.streams.look()

    async def pump(self) -> None:
        """Admit whoever is next, renew this worker's copy, and put back a queue that was lost."""
        settled, self._settled = self._settled, set()
        try:
            reply = await self._admit(settled)
            if not reply or self._epoch not in (None, reply[0]):
                await self._put_back()
                reply = await self._admit(set())
        except UnavailableError as error:
            self._settled |= settled
            if not self._stale:
                _LOG.warning("nobody is admitted from the queue: %s", error)
            self._stale = True
            return
        if self._stale:
            _LOG.warning("students are admitted from the queue again")
        self._stale = False
        if reply:
            self._copy(reply)

    async def configure(self, paused: bool, rate: int | None, cap: int | None) -> Rules:
        """Change how students are admitted, for all workers, and return it; what is None stays."""
        await self._configure(paused, rate, cap)
        await self.pump()
        return self.rules

    @measured("redis", "join_queue")
    async def _join(self, bearer: Bearer, claimed: int) -> Any:
        keys = self._keys
        return await self._redis_store.script(
            _JOIN,
            (session_key(bearer.session), keys.queue, keys.admission),
            (bearer.student, claimed),
        )

    @measured("redis", "admit_queue")
    async def _admit(self, settled: set[int]) -> Any:
        keys, usual = self._keys, self._usual
        return await self._redis_store.script(
            _ADMIT,
            (keys.details, keys.admission, keys.inside),
            (
                keys.channel,
                0 if self.sold_out else 1,
                int(ADMISSION_S * 1e6),
                str(SAVED_UP_S),
                usual.rate,
                usual.cap,
                *settled,
            ),
        )

    @measured("redis", "configure_queue")
    async def _configure(self, paused: bool, rate: int | None, cap: int | None) -> None:
        words: list[Word] = ["paused", int(paused)]
        if rate is not None:
            words += ["rate", rate]
        if cap is not None:
            words += ["cap", cap]
        await self._redis_store.run(("HSET", self._keys.admission, *words))

    @measured("redis", "restore_queue")
    async def _put_back(self) -> None:
        """Open the queue; where there was one, with all this worker remembers of it."""
        lost = self._epoch is not None
        rules, usual = self.rules, self._usual
        head: tuple[Word, ...] = (
            secrets.token_hex(8),
            self._joined,
            self.watermark,
            int(rules.paused),
            "" if rules.rate == usual.rate else rules.rate,
            "" if rules.cap == usual.cap else rules.cap,
        )
        places = list(self._positions.items())
        for start in range(0, max(1, len(places)), _STUDENTS_AT_ONCE):
            part = places[start : start + _STUDENTS_AT_ONCE]
            words = [word for place in part for word in place]
            self._epoch = await self._redis_store.script(
                _RESTORE, (self._keys.queue, self._keys.admission), (*head, *words)
            )
        if lost:
            _LOG.warning(
                "Redis had lost the queue; what this worker remembered is put back",
                extra={"students": len(places), "watermark": self.watermark},
            )

    def _copy(self, reply: list[Any]) -> None:
        self._epoch, self._joined, watermark, inside, paused, rate, cap = reply
        self.rules = Rules(bool(paused), rate, cap)
        QUEUE_JOINED.set(self._joined)
        QUEUE_INSIDE.set(inside)
        self.advance_to(watermark)

    def _remember(self, bearer: Bearer, position: int) -> None:
        self._positions[bearer.student] = position
        if len(self._sessions) >= _REMEMBERED_SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        self._sessions[bearer.session] = _Remembered(position, time.monotonic() + _REVALIDATE_S)


class AdmittedOnly:
    """Grants to students whose turn it is, and makes room for the next once one is answered."""

    def __init__(self, room: WaitingRoom, grant: Granting) -> None:
        self._room = room
        self._grant = grant

    async def __call__(self, claim: Claim) -> Grant | Refusal:
        code = await self._room.hold_back(claim.bearer)
        if code is not None:
            return Refusal(code)
        outcome = await self._grant(claim)
        self._room.settle(claim.bearer, outcome.code if isinstance(outcome, Refusal) else None)
        return outcome
