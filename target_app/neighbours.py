"""The university's enrolment API and its alert API, for a stage.

Run as `python -m dress_rehearsal.target_app.neighbours`.

One process, stood in for what a real service would call over the network. How long it takes and
how often it fails is settable, at start and live:

NEIGHBOURS_PORT, NEIGHBOURS_TOKEN (bearer of what not all may do), NEIGHBOURS_LATENCY (seconds,
default 0.01), NEIGHBOURS_FAILURES (share from 0 to 1, default 0), APP_ROSTER_FILE.
"""

import asyncio
import hmac
import os
import random
import signal
import sys
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
import uvloop
from aiohttp import web

from dress_rehearsal.target_app.alerts import Alert
from dress_rehearsal.target_app.errors import RosterError, SettingsError
from dress_rehearsal.target_app.faults import SLOWER
from dress_rehearsal.target_app.process import raise_descriptor_limit
from dress_rehearsal.target_app.roster import read_roster

HOST = "127.0.0.1"
MAX_LATENCY_S = 600.0
REMEMBERED_ALERTS = 10_000
_STOP_S = 2.0
_TOKEN_MIN_CHARACTERS = 8


class Behaviour(msgspec.Struct, forbid_unknown_fields=True):
    """How the enrolment API behaves: seconds to its answer, and the share of answers that fail."""

    latency_s: float = 0.01
    failures: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.latency_s <= MAX_LATENCY_S:
            raise ValueError(f"latency_s must lie between 0 and {MAX_LATENCY_S:g}")
        if not 0 <= self.failures <= 1:
            raise ValueError("failures must lie between 0 and 1")


@dataclass(frozen=True)
class Settings:
    """What the environment says."""

    port: int
    token: str
    behaviour: Behaviour
    roster_file: Path

    def __repr__(self) -> str:
        return f"Settings(port={self.port})"


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Read the settings. Raises `SettingsError` with a sentence for each that is wrong."""
    problems = []
    values: dict[str, float] = {}
    for name, default, low, high in (
        ("NEIGHBOURS_PORT", "", 1.0, 65535.0),
        ("NEIGHBOURS_LATENCY", "0.01", 0.0, MAX_LATENCY_S),
        ("NEIGHBOURS_FAILURES", "0", 0.0, 1.0),
    ):
        text = environment.get(name, "").strip() or default
        try:
            values[name] = float(text)
        except ValueError:
            values[name] = -1.0
        if not low <= values[name] <= high:
            problems.append(f"{name} must be a number from {low:g} to {high:g} (it is {text!r}).")
    token = environment.get("NEIGHBOURS_TOKEN", "").strip()
    if len(token) < _TOKEN_MIN_CHARACTERS:
        problems.append(f"NEIGHBOURS_TOKEN must have at least {_TOKEN_MIN_CHARACTERS} characters.")
    roster = environment.get("APP_ROSTER_FILE", "").strip()
    if not roster:
        problems.append("APP_ROSTER_FILE is not set; set it in the environment.")
    if problems:
        raise SettingsError(problems)
    return Settings(
        int(values["NEIGHBOURS_PORT"]),
        token,
        Behaviour(values["NEIGHBOURS_LATENCY"], values["NEIGHBOURS_FAILURES"]),
        Path(roster),
    )


class Neighbours:
    """Both APIs as one web application."""

    def __init__(self, enrolled: frozenset[str], token: str, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.alerts: deque[Alert] = deque(maxlen=REMEMBERED_ALERTS)
        self._enrolled = enrolled
        self._bearer = f"Bearer {token}".encode()
        self._random = random.Random(0)

    def application(self) -> web.Application:
        """The routes."""
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
        except msgspec.MsgspecError as error:
            return web.json_response({"error": str(error)}, status=400)
        return _json(self.behaviour)

    async def _be_told(self, request: web.Request) -> web.Response:
        try:
            alert = msgspec.json.decode(await request.read(), type=Alert)
        except msgspec.MsgspecError as error:
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


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT."""
    enrolled = frozenset(s.student for s in read_roster(settings.roster_file) if s.enrolled)
    neighbours = Neighbours(enrolled, settings.token, settings.behaviour)
    runner = web.AppRunner(neighbours.application(), access_log=None, shutdown_timeout=_STOP_S)
    await runner.setup()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        await web.TCPSite(runner, HOST, settings.port, backlog=4096).start()
        await stop.wait()
    finally:
        await runner.cleanup()


def main() -> int:
    """0 after a clean stop, 2 where settings or roster are wrong."""
    raise_descriptor_limit()
    try:
        uvloop.run(serve(read_settings(os.environ)))
    except (SettingsError, RosterError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
