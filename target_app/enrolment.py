"""Enrolment: the university's API asked before a sale, without ever becoming what a sale waits for.

Behind a limit of questions at once, a timeout and a circuit breaker. Where it cannot be asked, the
festival's own roster decides alone (it decides in any case), and the alert API is told.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import quote

import aiohttp
import msgspec

from dress_rehearsal.target_app.alerts import Alerts
from dress_rehearsal.target_app.allocators.base import Claim, Grant, Refusal
from dress_rehearsal.target_app.circuit_breaker import CircuitBreaker
from dress_rehearsal.target_app.errors import EnrolmentUnknownError, OverloadedError
from dress_rehearsal.target_app.event_status import EventStatus
from dress_rehearsal.target_app.http.response import UNREADABLE
from dress_rehearsal.target_app.request_context import add_time
from dress_rehearsal.target_app.settings import Settings
from dress_rehearsal.target_app.stores.pool_limit import PoolLimit
from dress_rehearsal.target_app.telemetry.boundaries import measured
from dress_rehearsal.target_app.telemetry.metrics import ENROLMENT_UNASKED

REMEMBER_S = 60.0
_REMEMBERED = 32_768
Granting = Callable[[Claim], Awaitable[Grant | Refusal]]


class _Answer(msgspec.Struct):
    enrolled: bool


class Enrolment:
    """The enrolment API as one worker asks it, at most so many questions at once."""

    def __init__(self, settings: Settings, alerts: Alerts) -> None:
        assert settings.enrolment_url is not None
        assert settings.enrolment_limit is not None
        assert settings.enrolment_timeout_s is not None
        self._timeout_s = settings.enrolment_timeout_s
        self.pool_limit = PoolLimit("enrolment", settings.enrolment_limit, self._timeout_s)
        self._url = settings.enrolment_url.rstrip("/")
        self._alerts = alerts
        self._breaker = CircuitBreaker(
            "enrolment", lambda sentence: alerts.tell("enrolment_circuit", sentence)
        )
        self._remembered: dict[str, float] = {}
        self._session: aiohttp.ClientSession | None = None
        self._decode = msgspec.json.Decoder(_Answer).decode

    async def open(self) -> None:
        """Make the client; its connections are made when needed and kept."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self.pool_limit.size, keepalive_timeout=60),
            timeout=aiohttp.ClientTimeout(total=self._timeout_s),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def is_enrolled(self, student: str) -> bool | None:
        """Return what the API says of the student; None where it could not be asked.

        A yes is remembered for `REMEMBER_S`; a no may be put right by the university at once.
        """
        now_s = time.monotonic()
        if self._remembered.get(student, 0.0) > now_s:
            return True
        try:
            enrolled = await self._ask_in_turn(student)
        except OverloadedError as error:
            self._not_asked("limit", str(error))
        except EnrolmentUnknownError as error:
            self._not_asked(error.reason, str(error))
        else:
            if enrolled:
                self._remember(student, now_s + REMEMBER_S)
            return enrolled
        return None

    async def _ask_in_turn(self, student: str) -> bool:
        if self._breaker.refuses:
            raise EnrolmentUnknownError("circuit_open", "its circuit is open")
        entered_ns = await self.pool_limit.enter()
        try:
            leave = self._breaker.begin()
            if leave is None:  # it opened while this caller waited
                raise EnrolmentUnknownError("circuit_open", "its circuit is open")
            failed = True
            try:
                enrolled = await self._ask(student)
                failed = False
                return enrolled
            finally:
                self._breaker.end(leave, failed=failed)
        finally:
            used_ns = self.pool_limit.leave(entered_ns)
            add_time("external", used_ns)

    @measured("enrolment_api", "is_enrolled")
    async def _ask(self, student: str) -> bool:
        assert self._session is not None
        try:
            async with self._session.get(
                f"{self._url}/{quote(student, safe='')}", headers=self._headers()
            ) as answer:
                if answer.status != 200:
                    raise EnrolmentUnknownError("failure", f"it answered {answer.status}")
                return self._decode(await answer.read()).enrolled
        except TimeoutError as error:
            raise EnrolmentUnknownError(
                "timeout", f"no answer within {self._timeout_s:g} s"
            ) from error
        except (aiohttp.ClientError, OSError, *UNREADABLE) as error:
            # Its type only: its text may hold the URL, and with it a student's number.
            raise EnrolmentUnknownError("failure", type(error).__name__) from error

    def _headers(self) -> Mapping[str, str] | None:
        return None

    def _not_asked(self, reason: str, why: str) -> None:
        ENROLMENT_UNASKED.labels(reason).inc()
        self._alerts.tell(
            "enrolment_unasked",
            f"The enrolment API could not be asked ({why}); the roster alone decides.",
        )

    def _remember(self, student: str, until_s: float) -> None:
        if len(self._remembered) >= _REMEMBERED:
            del self._remembered[next(iter(self._remembered))]
        self._remembered[student] = until_s


class EnrolledOnly:
    """Grants to those of whom the enrolment API does not say that they are not enrolled."""

    def __init__(self, enrolment: Enrolment, event_status: EventStatus, grant: Granting) -> None:
        self._enrolment = enrolment
        self._event_status = event_status
        self._grant = grant

    async def __call__(self, claim: Claim) -> Grant | Refusal:
        # Stock never comes back: of those who come too late nothing is asked.
        if self._event_status.standing.remaining > 0:
            enrolled = await self._enrolment.is_enrolled(claim.bearer.student)
            if enrolled is False:
                return Refusal("not_enrolled")
        return await self._grant(claim)
