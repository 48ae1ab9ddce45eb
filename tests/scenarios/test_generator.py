"""The generator process: led by lines, ended by silence, and never losing what it recorded."""

import itertools
import os
import re
import subprocess
import sys
import threading
import time

import pytest

from dress_rehearsal.plans import plan_toml
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.tables import LOOP_BUSY, NOT_KEPT
from dress_rehearsal.reports.report import write_report
from dress_rehearsal.scenarios.ticket_open import ENTRY_TOKEN
from tests.scenarios.hostile_modes import MODES
from tests.scenarios.hostile_target import HostileTarget, step_of
from tests.scenarios.led import STUDENTS, ended, go, lines_until, tell
from tests.steps import STEPS

pytestmark = pytest.mark.servers


def test_a_whole_rush_is_recorded_to_the_request(start, server):
    run, process = start()
    go(process)
    *_, last_status, done = lines_until(process, "done")
    assert ended(process) == 0
    assert done == {"kind": "done"}
    census = run.student_table()["outcome"].to_pandas().value_counts().to_dict()
    assert {state: n for state, n in census.items() if n} == {"ticket": 15, "sold_out": 25}
    assert run.request_table().num_rows == len(server.received) == last_status["requests"]
    assert not [event for event in run.timeline() if event.name == LOOP_BUSY]


def test_a_scenario_that_catches_whatever_ends_it_is_left_behind(start, tmp_path):
    file = tmp_path / "shop.py"
    file.write_text(
        "import time\n\n"
        "from dress_rehearsal.scenarios import Buyer\n\n\n"
        "class Customer(Buyer):\n"
        "    def buy(self):\n"
        "        while True:\n"
        "            try:\n"
        "                time.sleep(0.05)\n"
        "                self.client.get('/')\n"
        "            except BaseException:\n"
        "                pass\n"
    )
    values = {"scenario__file": str(file), "target__stage": "external", "event__students": 3}
    run, process = start(**values, target__url="http://127.0.0.1:1", schedule__sale="1s")
    go(process)
    list(lines_until(process, "done"))
    assert ended(process) == 0
    assert run.request_table().num_rows > 0


BESIDE = """
import gevent

from dress_rehearsal.scenarios import Buyer, Granted


class Customer(Buyer):
    def buy(self):
        self.client.post("/orders")
        gevent.spawn(self.client.get, "/beside")
        gevent.sleep(0.05)
        return Granted("a-ticket-of-" + self.person.student)
"""


@pytest.mark.parametrize(
    ("takes_s", "cut_short", "ends"),
    [
        pytest.param(0.5, False, [("ok", None)], id="answered"),
        pytest.param(5.0, False, [("unknown", "cut")], id="not within the drain"),
        pytest.param(5.0, True, [("unknown", "cut")], id="cut by the conductor"),
    ],
)
def test_what_is_sent_beside_has_the_drain_to_be_answered(
    start, server, respond, tmp_path, takes_s, cut_short, ends
):
    beside = threading.Event()

    def answer(request, peer):
        if request.path == "/beside":
            beside.set()
            time.sleep(takes_s)
        return respond(201, {})

    file = tmp_path / "shop.py"
    file.write_text(BESIDE)
    values = {"scenario__file": str(file), "target__stage": "external", "event__students": 1}
    drain = "30s" if cut_short else "1s"
    run, process = start(
        **values, target__url=server.url, schedule__sale="60s", schedule__drain=drain
    )
    server.respond = answer
    go(process)
    if cut_short:
        assert beside.wait(10)
        time.sleep(0.3)  # the story is over
        tell(process, stop=True)
    begun_s = time.monotonic()
    list(lines_until(process, "done"))
    assert time.monotonic() - begun_s < 4
    assert ended(process) == 0
    rows = run.request_table().to_pylist()
    assert [(row["outcome"], row["error"]) for row in rows if row["step"] == "GET /beside"] == ends


def test_a_scenario_that_computes_while_others_wait_is_named(start, server, tmp_path):
    file = tmp_path / "shop.py"
    file.write_text(
        "import time\n\n"
        "from dress_rehearsal.scenarios import Buyer, Refused\n\n\n"
        "class Customer(Buyer):\n"
        "    def buy(self):\n"
        "        until = time.monotonic() + 0.3\n"
        "        while time.monotonic() < until:\n"
        "            pass\n"
        "        self.client.get('/')\n"
        "        return Refused('sold_out')\n"
    )
    values = {"scenario__file": str(file), "target__stage": "external", "event__students": 3}
    run, process = start(**values, target__url=server.url)
    go(process)
    list(lines_until(process, "done"))
    assert ended(process) == 0
    (told,) = [event.detail for event in run.timeline() if event.name == LOOP_BUSY]
    assert told["places"][0] in ("buy() at shop.py:9", "buy() at shop.py:10")
    assert told["values"]["named_ms"] > told["values"]["busy_ms"] / 2


def test_the_conductor_can_cut_it_short(start, server, respond):
    run, process = start(schedule__sale="60s")
    server.respond = lambda request, peer: time.sleep(3) or b""
    go(process)
    for line in lines_until(process, "done"):
        if line["kind"] == "status" and line["in_flight"]:
            tell(process, stop=True)
            break
    list(lines_until(process, "done"))
    assert ended(process) == 0
    requests = run.request_table().to_pandas()
    assert set(requests.outcome) == {"unknown"}
    assert set(requests.error) == {"cut"}
    assert len(run.student_table()) == STUDENTS


def test_it_ends_by_itself_when_the_conductor_is_gone(start):
    run, process = start(schedule__sale="60s")
    go(process)
    process.dismiss()
    assert ended(process) == 0
    assert len(run.student_table()) == STUDENTS


def test_a_killed_generator_leaves_what_it_had_written(start):
    run, process = start(schedule__sale="60s", schedule__lead="5s")
    go(process)
    deadline = time.monotonic() + 20
    while not run.request_table().num_rows and time.monotonic() < deadline:
        next(lines_until(process, "status"))
    process.end()
    assert run.request_table().num_rows > 0
    assert run.student_table().num_rows == STUDENTS


def test_what_is_printed_in_its_process_is_no_line_of_its(start, tmp_path):
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        "import sys; print('Welcome!', flush=True); print('Mind the gap.', file=sys.stderr); "
        "print(repr(sys.stdin.read()))"
    )
    run, process = start(variables={"PYTHONPATH": str(site)})
    go(process)
    *_, done = lines_until(process, "done")
    assert ended(process) == 0
    assert done == {"kind": "done"}
    assert run.student_table().num_rows == STUDENTS
    log = (tmp_path / "generator.log").read_text()
    assert all(words in log for words in ("Welcome!", "Mind the gap.", "''"))


def test_a_full_disk_ends_it_with_a_sentence(start):
    run, process = start(schedule__sale="60s")
    go(process)
    run.requests.rename(run.path / "elsewhere")
    last = list(lines_until(process, "error"))[-1]
    assert ended(process, 20) == 1
    assert "cannot be written" in last["message"]


def test_a_target_that_answers_everything_badly_costs_no_rehearsal(start, server, ticket_office):
    """Every mode of the hostile target, in turn, to a third of what is asked."""
    modes = [mode for mode in MODES.values() if not mode.plan]
    office, turn = ticket_office(STUDENTS), itertools.count()
    cases = {
        step: itertools.cycle([m for m in modes if m.step == step] or [None]) for step in STEPS
    }

    def answer_badly(request, peer):
        step = step_of(request)
        mode = None if next(turn) % 3 else next(cases[step])
        if mode is None:
            return office(request, peer)
        return HostileTarget(office, mode, students=range(STUDENTS))(request, peer)

    server.respond = answer_badly
    run, process = start(schedule__sale="4s", students__timeout="1s")
    go(process)
    *_, last_status, done = lines_until(process, "done")
    assert ended(process, 20) == 0
    assert done == {"kind": "done"}
    outcomes = run.student_table()["outcome"].to_pylist()
    assert len(outcomes) == STUDENTS
    assert outcomes.count("never_started") == 0
    requests = run.request_table().to_pandas()
    assert len(requests) == last_status["requests"]
    assert requests[requests.outcome.isin(["failed", "unknown", "refused"])].error.notna().all()
    assert "ticket" in outcomes
    (told,) = [event for event in run.timeline() if event.name == NOT_KEPT]
    assert "story" not in told.detail["values"]
    assert write_report(run).exit_code in (0, 3, 99)


def test_what_cannot_be_played_is_a_sentence(start):
    _, process = start(people=10)
    (error,) = lines_until(process, "error")
    assert ended(process) == 1
    assert "The roster is too short: people on it 10, students of the plan 40; " in error["message"]


def test_students_at_the_entrance_need_its_token(start, monkeypatch):
    monkeypatch.setenv(ENTRY_TOKEN, "somebody else's")
    _, process = start(students__entry="50%")
    (error,) = lines_until(process, "error")
    assert ended(process) == 1
    assert f"{ENTRY_TOKEN} is not set" in error["message"]


def test_locust_itself_shows_the_same_counts(tmp_path, server, small_plan, ticket_office):
    """Locust's own command and statistics, request for request."""
    server.respond = ticket_office(15)
    plan = tmp_path / "plan.toml"
    plan.write_text(plan_toml(small_plan(event__students=STUDENTS)))
    done = subprocess.run(
        [sys.executable, "-m", "locust", "-f", "scenarios/locustfile.py", "--headless"]
        + ["--plan", plan, "--out", tmp_path / "runs", "--host", server.url]
        + ["--users", str(STUDENTS), "--spawn-rate", str(STUDENTS), "--run-time", "5s"]
        + ["--csv", tmp_path / "locust", "--only-summary"],
        env={**os.environ, "HTTP_PROXY": "http://127.0.0.1:1", "http_proxy": "http://127.0.0.1:1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (run,) = (tmp_path / "runs").iterdir()
    recorded = RunDirectory.open(run).request_table().num_rows
    total = re.search(r",Aggregated,(\d+),(\d+)", (tmp_path / "locust_stats.csv").read_text())
    assert (int(total[1]), int(total[2])) == (recorded, 0)
    assert sum("/countdown" not in r.path for r in server.received) >= STUDENTS * 3
    assert recorded == len(server.received) - 1, "the locustfile asks once when the sale opens"
