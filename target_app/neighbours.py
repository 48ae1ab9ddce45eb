"""The university's enrolment API and its alert API, for a stage.

Run as `python -m dress_rehearsal.target_app.neighbours`.

One process, stood in for what a real service would call over the network. How long it takes and
how often it fails is settable, at start and live:

NEIGHBOURS_HOST (127.0.0.1 unless set), NEIGHBOURS_PORT, NEIGHBOURS_TOKEN (bearer of what not all
may do), NEIGHBOURS_LATENCY (seconds), NEIGHBOURS_FAILURES (share from 0 to 1), APP_ROSTER_FILE.
"""

import asyncio
import hmac
import random
import signal
import sys
from collections import deque
from pathlib import Path
from typing import Annotated

import msgspec
import uvloop
from aiohttp import web
from pydantic import Field
from pydantic_settings import SettingsConfigDict

from dress_rehearsal.target_app.alerts import Alert
from dress_rehearsal.target_app.errors import RosterError, SettingsError
from dress_rehearsal.target_app.faults import SLOWER
from dress_rehearsal.target_app.http.response import UNREADABLE
from dress_rehearsal.target_app.process import raise_descriptor_limit
from dress_rehearsal.target_app.roster import read_roster
from dress_rehearsal.target_app.secret_files import environment
from dress_rehearsal.target_app.settings import EnvironmentSettings, Port, Secret

MAX_LATENCY_S = 600.0
REMEMBERED_ALERTS = 10_000
_STOP_S = 2.0


class Behaviour(msgspec.Struct, forbid_unknown_fields=True):
    """How the enrolment API behaves: seconds to its answer, and the share of answers that fail."""

    latency_s: float = 0.01
    failures: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.latency_s <= MAX_LATENCY_S:
            raise ValueError(f"latency_s must lie between 0 and {MAX_LATENCY_S:g}")
        if not 0 <= self.failures <= 1:
            raise ValueError("failures must lie between 0 and 1")


class NeighbourSettings(EnvironmentSettings):
    """What the environment says."""

    model_config = SettingsConfigDict(env_prefix="NEIGHBOURS_")

    host: str = "127.0.0.1"
    port: Port
    latency_s: Annotated[
        float, Field(ge=0, le=MAX_LATENCY_S, allow_inf_nan=False, alias="NEIGHBOURS_LATENCY")
    ]
    failures: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
    token: Secret
    roster_file: Annotated[Path, Field(alias="APP_ROSTER_FILE")]


class Neighbours:
    """Both APIs as one web application."""

    def __init__(self, enrolled: frozenset[str], token: str, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.alerts: deque[Alert] = deque(maxlen=REMEMBERED_ALERTS)
        self._enrolled = enrolled
        self._bearer = f"Bearer {token}".encode()
        self._random = random.Random(0)

    def application(self) -> web.Application:
        """Return the application with its routes."""
        application = web.Application()
        application.add_routes(
            [
                web.get("/enrolment/{student}", self._is_enrolled),
                web.put("/behaviour", self._behave),
                web.post("/alerts", self._be_told),
                web.get("/alerts", self._tell),
                web.get("/healthz", self._live),
            ]
        )
        return application

    async def _is_enrolled(self, request: web.Request) -> web.Response:
        fails = self._random.random() < self.behaviour.failures
        await asyncio.sleep(self.behaviour.latency_s + _seconds(request.headers.get(SLOWER)))
        if fails:
            return web.json_response({"error": "out of order"}, status=500)
        return web.json_response({"enrolled": request.match_info["student"] in self._enrolled})

    async def _behave(self, request: web.Request) -> web.Response:
        if not self._is_known(request):
            return web.json_response({"error": "unauthenticated"}, status=401)
        try:
            self.behaviour = msgspec.json.decode(await request.read(), type=Behaviour)
        except UNREADABLE as error:
            return web.json_response({"error": str(error)}, status=400)
        return _json(self.behaviour)

    async def _be_told(self, request: web.Request) -> web.Response:
        try:
            alert = msgspec.json.decode(await request.read(), type=Alert)
        except UNREADABLE as error:
            return web.json_response({"error": str(error)}, status=400)
        self.alerts.append(alert)
        return web.Response(status=204)

    async def _tell(self, request: web.Request) -> web.Response:
        if not self._is_known(request):
            return web.json_response({"error": "unauthenticated"}, status=401)
        return _json(list(self.alerts))

    async def _live(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "alive"})

    def _is_known(self, request: web.Request) -> bool:
        shown = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        return hmac.compare_digest(shown, self._bearer)


def _json(content: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(content), content_type="application/json")


def _seconds(text: str | None) -> float:
    try:
        return min(MAX_LATENCY_S, max(0.0, float(text or 0)))
    except ValueError:
        return 0.0


async def serve(settings: NeighbourSettings) -> None:
    """Serve until SIGTERM or SIGINT."""
    enrolled = frozenset(s.student for s in read_roster(settings.roster_file) if s.enrolled)
    behaviour = Behaviour(settings.latency_s, settings.failures)
    neighbours = Neighbours(enrolled, settings.token.get_secret_value(), behaviour)
    runner = web.AppRunner(neighbours.application(), access_log=None, shutdown_timeout=_STOP_S)
    await runner.setup()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        await web.TCPSite(runner, settings.host, settings.port, backlog=4096).start()
        await stop.wait()
    finally:
        await runner.cleanup()


def main() -> int:
    """Serve; return 0 after a clean stop, 2 where settings or roster are wrong."""
    raise_descriptor_limit()
    try:
        uvloop.run(serve(NeighbourSettings.read(environment())))
    except (SettingsError, RosterError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
