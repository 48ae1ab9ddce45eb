"""A whole rehearsal of an app that the plan starts: stopped for its harm, and gone afterwards."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dress_rehearsal.compose.port import ClaimedPort
from tests.rehearsal.commands import Command

pytestmark = pytest.mark.rehearsal

SHOP = """
import http.server, json, os, signal, subprocess, sys, threading
worker = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
asked = [0]
class Shop(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fine = self.path.endswith("/countdown")
        asked[0] += 1
        if asked[0] == 40:
            print("worker: out of memory \\x1b[31m", flush=True)
            worker.send_signal(signal.SIGKILL)
        body = json.dumps({"opens_at_ns": 1} if fine else {"code": "broken"}).encode()
        self.send_response(200 if fine else 500)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_GET = do_POST = answer
    def log_message(self, *_):
        pass
class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 1000
Server(("127.0.0.1", int(sys.argv[1])), Shop).serve_forever()
"""

PLAN = """
name = "broken"
event = {{ students = 60, tickets = 20 }}
schedule = {{ lead = "2 s", sale = "30 s", drain = "2 s", settle = "500 ms" }}
generator = {{ max_foreign_cpu = 1000 }}
abort = {{ errors = "50%", after = "2 s" }}
[target]
stage = "external"
url = "http://127.0.0.1:{port}"
command = ["{python}", "shop.py", "{port}"]
opening.already = true
"""


@pytest.fixture(scope="module")
def stopped(rehearse: Callable[..., Command], tmp_path_factory: pytest.TempPathFactory) -> Command:
    folder: Path = tmp_path_factory.mktemp("shop")
    claimed = ClaimedPort.choose()
    claimed.close()
    (folder / "shop.py").write_text(SHOP)
    plan = folder / "shop.toml"
    plan.write_text(PLAN.format(port=claimed.number, python=sys.executable))
    people = "".join(f"S{number},{number},1\n" for number in range(60))
    (folder / "roster.csv").write_text(f"student,pin,enrolled\n{people}")
    command = rehearse(command=["run", plan, "--no-prometheus", "--roster", folder / "roster.csv"])
    command.await_process("shop.py")
    command.ended(60)
    return command


def named(command: Command, kind: str) -> list[Any]:
    return [event for event in command.run.timeline() if event.kind == kind]


@pytest.mark.xdist_group("a rush that is stopped")
def test_it_is_stopped_early_and_fails_with_what_was_measured_until_then(stopped: Command) -> None:
    assert stopped.exit_code == 99, stopped.output()
    (abort,) = named(stopped, "abort")
    (t0,) = named(stopped, "t0")
    assert abort.name == "aborted"
    assert "requests of the last 2 s failed or got no answer" in abort.detail["reason"]
    assert abort.t_ns < t0.t_ns + 20 * 10**9  # of the 30 s that it would have lasted
    first, *_ = stopped.verdict["reasons"]
    assert first.startswith("The rush was stopped at T-0")
    assert stopped.verdict["latency_ms"]


@pytest.mark.xdist_group("a rush that is stopped")
def test_a_worker_of_the_app_that_died_is_named(stopped: Command) -> None:
    (loss,) = named(stopped, "process")
    assert loss.name == "app"
    assert "A worker of the app (python" in loss.detail["what"]
    assert any("A worker of the app" in reason for reason in stopped.verdict["reasons"])


@pytest.mark.xdist_group("a rush that is stopped")
def test_its_processes_are_ours_and_its_output_is_shown_not_obeyed(stopped: Command) -> None:
    metrics = stopped.run.metric_table().to_pandas()
    components = set(metrics[metrics["name"].str.contains("cpu")]["labels"])
    assert any('"component":"app"' in words.replace(" ", "") for words in components)
    assert "out of memory \x1b[31m" in (stopped.run.logs / "app.log").read_text()
    assert "\x1b" not in stopped.output()


@pytest.mark.xdist_group("a rush that is stopped")
def test_nothing_of_it_is_left(stopped: Command) -> None:
    stopped.await_nothing_left(5)
