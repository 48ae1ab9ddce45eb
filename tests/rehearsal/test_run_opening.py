"""Whole rehearsals of a shop that nobody opens: by its own clock at an instant, or open already."""

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.rehearsal.commands import Command

pytestmark = [pytest.mark.rehearsal, pytest.mark.long]

TICKETS = 8
SETUP_S = 8
"""What the rehearsal keeps for setting up, in place of half a minute."""
SCENARIO = """
from dress_rehearsal.scenarios import Buyer, Granted, Refused

REASONS = {403: "already_holds_ticket", 410: "sold_out", 425: "too_early"}

class Customer(Buyer):
    def buy(self):
        answer = self.client.post("/orders", json={"who": self.person.student})
        if answer.status == 201:
            return Granted(answer.json()["ticket"])
        return Refused(REASONS[answer.status])
"""
PLAN = """
name = "shop"
gates = []
scenario.file = "shop.py"
event = {{ students = 24, tickets = {tickets} }}
schedule = {{ lead = "2 s", sale = "4 s", drain = "3 s", settle = "500 ms" }}
generator = {{ max_foreign_cpu = 1000, max_late_start = "1 m", timely = "1 m" }}
[students]
outsiders = "0%"
late = "0%"
late_mean = "500 ms"
typing = "200 ms"
login_at_open = "1 s"
[target]
stage = "external"
url = "{url}"
opening.{opening}
[[ledgers]]
name = "orders"
url = "{url}/sold"
rows = "$"
"""
STARTED = """
import sys
from dress_rehearsal.rehearsal.preflight import external_target
external_target.SETUP_S = float(sys.argv.pop(1))
from dress_rehearsal.rehearsal.cli import main
sys.exit(main())
"""
"""The command, with another span kept for setting up."""


@dataclass
class Shop:
    """A shop with a clock of its own."""

    url: str = ""
    opens_s: float = 0.0
    sold: dict[str, dict[str, Any]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def order(self, who: str) -> tuple[int, dict[str, Any]]:
        """Sell one ticket, or say why not by a status."""
        with self.lock:
            if time.time() < self.opens_s:
                return 425, {}
            if who in self.sold:
                return 403, {}
            if len(self.sold) >= TICKETS:
                return 410, {}
            row = {"ticket": f"t-{len(self.sold)}", "student": who, "granted_ns": time.time_ns()}
            self.sold[who] = row
            return 201, row


@pytest.fixture
def shop() -> Iterator[Shop]:
    own = Shop()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(200, [*own.sold.values()] if self.path == "/sold" else {})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._answer(*own.order(body["who"]))

        def _answer(self, status: int, document: Any) -> None:
            content = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        request_queue_size = 200

    with Server(("127.0.0.1", 0), Handler) as server:
        own.url = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield own
        server.shutdown()


@pytest.fixture
def rehearsed(
    shop: Shop, tmp_path: Path, rehearse: Callable[..., Command]
) -> Callable[[str], Command]:
    def perform(opening: str) -> Command:
        (tmp_path / "shop.py").write_text(SCENARIO)
        plan = tmp_path / "shop.toml"
        plan.write_text(PLAN.format(tickets=TICKETS, url=shop.url, opening=opening))
        program = [sys.executable, "-c", STARTED, str(SETUP_S)]
        command = rehearse(command=["run", plan, "--no-prometheus"], program=program)
        command.ended(90)
        return command

    return perform


def test_a_shop_that_opens_by_its_own_clock_is_rushed_at_its_instant(
    shop: Shop, rehearsed: Callable[[str], Command]
) -> None:
    at_s = int(time.time()) + 2 * SETUP_S + 2  # time to be started, and to be waited for
    shop.opens_s = float(at_s)
    command = rehearsed(f'at = "{datetime.fromtimestamp(at_s, UTC).isoformat()}"')
    assert command.exit_code == 0, command.output()
    assert "waiting until it is time to set up" in command.output()
    (t0,) = [event.t_ns for event in command.run.timeline() if event.kind == "t0"]
    assert t0 == at_s * 10**9
    audit = command.verdict["audit"]
    assert {audit[name] for name in ("sold_early", "false_too_early", "oversold")} == {0}
    assert len(shop.sold) == TICKETS


def test_a_shop_that_is_open_already_is_rushed_and_its_opening_not_judged(
    shop: Shop, rehearsed: Callable[[str], Command]
) -> None:
    command = rehearsed("already = true")
    assert command.exit_code == 0, command.output()
    audit = command.verdict["audit"]
    assert audit["oversold"] == audit["duplicate_students"] == 0
    assert audit["sold_early"] is None
    assert "open already" in command.verdict["not_applicable"]["sold_early"]
    assert len(shop.sold) == TICKETS


def test_started_too_late_it_is_refused_and_nothing_is_sent(
    shop: Shop, rehearsed: Callable[[str], Command]
) -> None:
    at = datetime.fromtimestamp(time.time() + SETUP_S, UTC).isoformat()
    command = rehearsed(f'at = "{at}"')
    assert command.exit_code == 2, command.output()
    assert "it is too late by" in command.output()
    assert not command.out.exists()
