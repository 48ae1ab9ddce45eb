"""Plain Locust files through the command line: each as it is, with a verdict that fits it."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

pytestmark = [pytest.mark.rehearsal, pytest.mark.xdist_group("locustfiles")]

ANY_MACHINE = (
    "--no-prometheus",
    *("--set", "generator.max_foreign_cpu=1000"),
    *("--set", "generator.max_late_start=1m"),
)


class Shop(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == "/hang":
            time.sleep(8)
        body = b'{"token": "t"}'
        self.send_response(500 if self.path == "/broken" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def shop() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def performed(rehearse, shop, tmp_path):
    """Perform a locustfile in its own folder; two seconds unless it ends itself."""

    def perform(text: str, *options: str, url: str | None = shop, took: str = "2s"):
        path = tmp_path / "locustfile.py"
        path.write_text(text, encoding="utf-8")
        host = [] if url is None else ["--host", url]
        command = ["run", path, *host, "-u", 4, "-r", 50, "-t", took, *ANY_MACHINE, *options]
        command = rehearse(command=command, started_in=tmp_path)
        command.ended()
        return command

    return perform


EVERY_KIND = '''
"""Several kinds of users, hooks and neighbours."""
import json, time
from locust import FastHttpUser, HttpUser, SequentialTaskSet, User, constant, events, tag, task
from plans import PRICE
from scenarios import TOKEN

@events.init_command_line_parser.add_listener
def add(parser, **_):
    parser.add_argument("--page", default="/page")

heard = []
for name in ("init", "test_start", "test_stop"):
    getattr(events, name).add_listener(lambda environment, name=name, **_: heard.append(name))

@events.quitting.add_listener
def keep(environment, **_):
    own = {f"{e.method} {e.name}": [e.num_requests, e.num_failures, e.max_response_time]
           for e in environment.stats.entries.values()}
    json.dump({"own": own, "heard": heard}, open("own.json", "w"))

class Fast(FastHttpUser):
    weight = 3
    wait_time = constant(0.05)
    host = "http://other.example"
    @task
    def page(self): self.client.get(self.environment.parsed_options.page)
    @tag("skipped")
    @task
    def skipped(self): self.client.get("/broken")

class Steps(SequentialTaskSet):
    @task
    def log_in(self): assert self.client.post("/login", json={"t": TOKEN}).json()["token"] == "t"
    @task
    def buy(self):
        for item in (1, 2): self.client.post(f"/orders/{item}", name="/orders/[id]", data=PRICE)

class Slow(HttpUser):
    fixed_count = 1
    wait_time = constant(0.1)
    tasks = [Steps]

class Own(User):
    fixed_count = 1
    wait_time = constant(0.1)
    @task
    def call(self):
        time.sleep(0.02)  # cooperative, so nobody is kept waiting
        self.environment.events.request.fire(
            request_type="rpc", name="call", response_time=20.0, response_length=3, exception=None)

if __name__ == "__main__":
    raise SystemExit("imported, not run")
'''


def test_every_kind_of_user_is_counted_as_locust_counts_it(performed, tmp_path):
    (tmp_path / "scenarios.py").write_text("TOKEN = 't'\n")
    (tmp_path / "plans.py").write_text("PRICE = {'price': 1}\n")
    (tmp_path / "locust.conf").write_text("users = 999\n")
    command = performed(EVERY_KIND, "--exclude-tags", "skipped")
    assert command.exit_code == 0, command.output()
    told = json.loads((tmp_path / "own.json").read_text())
    assert told["heard"] == ["init", "test_start", "test_stop"]
    taken = command.verdict["latency_ms"]
    assert {step: [own["count"], own["failed"]] for step, own in taken.items()} == {
        step: own[:2] for step, own in told["own"].items()
    }
    assert {"GET /page", "POST /login", "POST /orders/[id]", "rpc call"} == set(taken)
    for step, own in taken.items():
        assert abs(own["max"] - told["own"][step][2]) < 0.01
    page = (command.run.path / "report.html").read_text()
    words = page.partition("The resolved plan")[0]
    assert "T-0" not in words
    assert "closed one" in words
    assert "Locust's clients" in words
    assert not [name for name in command.verdict["audit"].values() if name is not None]
    assert "pass" in command.output().lower()


def test_any_failed_request_fails_the_run_and_code_that_keeps_all_waiting_is_named(performed):
    command = performed(
        "import time\nfrom locust import FastHttpUser, constant, task\n"
        "class Shopper(FastHttpUser):\n    wait_time = constant(0.2)\n    @task\n"
        "    def broken(self):\n        self.client.get('/broken')\n"
        "        until = time.monotonic() + 0.3\n"
        "        while time.monotonic() < until: pass\n        {}['lost']\n"
    )
    assert command.exit_code == 99, command.output()
    first, second = command.verdict["reasons"][:2]
    assert "requests (100%) failed: " in first
    assert "GET /broken (http_500)" in first
    told = [each for each in command.verdict["reasons"] if "failed" in each]
    assert told == [first]  # once, though a gate holds it too
    assert ("load.failed", "fail") in [
        (gate["metric"], gate["status"]) for gate in command.verdict["gates"]
    ]
    assert "KeyError (line 10 of locustfile.py)" in second
    busy = next(each for each in command.verdict["reasons"] if "The generator was busy" in each)
    assert "locustfile.py:9" in busy
    assert command.verdict["generator"]["limited"] is True


SHAPE = """
from locust import HttpUser, LoadTestShape, constant, events, task
class Shopper(HttpUser):
    wait_time = constant(0.1)
    @task
    def page(self): self.client.get("/page")
class Short(LoadTestShape):
    def tick(self):
        return (6, 50) if self.get_run_time() < 1.5 else None
@events.quitting.add_listener
def judge(environment, **_):
    environment.process_exit_code = 7
"""


@pytest.mark.long
def test_a_shape_ends_the_run_and_a_files_own_exit_code_counts(performed):
    command = performed(SHAPE, took="60s")
    assert command.exit_code == 99, command.output()
    assert "environment.process_exit_code is 7" in command.verdict["reasons"][0]
    assert "6 Locust users" in command.verdict["ran"]
    assert command.verdict["load"]["failed"] == 0


@pytest.mark.long
def test_users_that_stop_themselves_end_it_and_without_requests_nothing_is_decided(performed):
    command = performed(
        "from locust import User, task\nfrom locust.exception import StopUser\n"
        "class Idle(User):\n    @task\n    def leave(self): raise StopUser\n",
        *("--set", 'gates=[{metric="latency_ms[GET /never].p99", limit="<= 1s"}]'),
        took="60s",
    )
    assert command.exit_code == 3, command.output()
    assert "No request was recorded." in command.verdict["reasons"]
    assert "latency_ms[GET /never].p99 was not measured" in " ".join(command.verdict["reasons"])


@pytest.mark.long
def test_requests_that_never_end_are_counted_and_nobody_keeps_the_run_from_ending(performed):
    command = performed(
        "import gevent\nfrom locust import HttpUser, User, constant, task\n"
        "class Stubborn(User):\n    fixed_count = 1\n    @task\n    def stay(self):\n"
        "        while True:\n            try: gevent.sleep(0.1)\n"
        "            except BaseException: pass\n"
        "class Shopper(HttpUser):\n"
        "    wait_time = constant(0.1)\n    @task(9)\n    def page(self):\n"
        "        self.client.get('/page')\n    @task\n    def hang(self):\n"
        "        self.client.get('/hang')\n",
        "--set",
        "schedule.drain=1s",
        took="3s",
    )
    assert command.exit_code == 3, command.output()
    reasons = " ".join(command.verdict["reasons"])
    assert "still waiting 1s after the end" in reasons
    assert "The generator gave no sign of life" not in reasons


@pytest.mark.long
def test_a_task_that_ends_the_program_is_named(performed):
    command = performed(
        "import sys\nfrom locust import HttpUser, task\nclass Shopper(HttpUser):\n"
        "    @task\n    def leave(self):\n        self.client.get('/page')\n        sys.exit(3)\n"
    )
    assert command.exit_code == 2, command.output()
    assert "line 7, ended the program: sys.exit(3)" in command.output()


@pytest.mark.long
def test_what_cannot_be_imported_is_said_and_leaves_nothing(performed):
    command = performed("import locust\nimport not_installed_here\n")
    assert command.exit_code == 2, command.output()
    assert "line 2, needs the package not_installed_here" in command.output()
    assert list(command.out.glob("*-*")) == []
