"""Alerts: anomalies told to the internal alert API, never at the expense of who noticed them."""

import asyncio
import logging
import time
from collections import deque

import aiohttp
import msgspec

from dress_rehearsal.target_app.periodic import Periodic
from dress_rehearsal.target_app.telemetry.boundaries import measured
from dress_rehearsal.target_app.telemetry.metrics import ALERTS

PERIOD_S = 1.0  # one alert of a kind at most in so many seconds
QUEUED = 100
TIMEOUT_S = 1.0
CLOSE_S = 1.5
_SEND_S = 0.05
_LOG = logging.getLogger(__name__)


class Alert(msgspec.Struct):
    """What the alert API is told; `kind` is one word for machines, `message` a sentence."""

    kind: str
    message: str
    t_ns: int


class Alerts:
    """Tells the alert API at `url` in the background; without a url it only counts.

    `tell` neither waits nor fails: an alert of a kind told less than `PERIOD_S` ago, one too many
    for the queue, and one the API did not take are counted and given up.
    """

    def __init__(self, url: str | None) -> None:
        self._url = url
        self._queue: deque[Alert] = deque()
        self._next_s: dict[str, float] = {}
        self._session: aiohttp.ClientSession | None = None
        self._down = False
        self._periodic = Periodic("alerts", _SEND_S, self._send_all)

    async def open(self) -> None:
        """Begin to send."""
        if self._url is not None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=TIMEOUT_S), cookie_jar=aiohttp.DummyCookieJar()
            )
            self._periodic.start()

    async def close(self) -> None:
        """Send what is queued, for `CLOSE_S` at most."""
        await self._periodic.stop()
        if self._session is None:
            return
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._send_all()
        except TimeoutError:
            _LOG.warning("closing with %d alerts unsent", len(self._queue))
        await self._session.close()

    def tell(self, kind: str, message: str) -> None:
        """Tell of an anomaly."""
        now_s = time.monotonic()
        if now_s < self._next_s.get(kind, 0.0):
            ALERTS.labels(kind, "suppressed").inc()
            return
        if len(self._queue) >= QUEUED:
            ALERTS.labels(kind, "dropped").inc()
            return
        self._next_s[kind] = now_s + PERIOD_S
        ALERTS.labels(kind, "told").inc()
        if self._url is not None:
            self._queue.append(Alert(kind, message, time.time_ns()))

    async def _send_all(self) -> None:
        while self._queue:
            alert = self._queue.popleft()
            try:
                await self._send(alert)
            except (aiohttp.ClientError, OSError) as error:
                ALERTS.labels(alert.kind, "failed").inc()
                if not self._down:
                    _LOG.warning("the alert API does not answer: %r", error)
                self._down = True
            else:
                self._down = False

    @measured("alert_api", "tell")
    async def _send(self, alert: Alert) -> None:
        assert self._session is not None
        assert self._url is not None
        async with self._session.post(
            self._url,
            data=msgspec.json.encode(alert),
            headers={"Content-Type": "application/json"},
        ) as answer:
            answer.raise_for_status()
