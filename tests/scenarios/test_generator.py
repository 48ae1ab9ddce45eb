"""The generator process: led by lines, ended by silence, and never losing what it recorded."""

import json
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress

import pytest

from dress_rehearsal.plans import plan_toml, seeded_roster, write_roster
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.scenarios.entry import ENTRY_TOKEN

pytestmark = pytest.mark.servers

STUDENTS = 40


@pytest.fixture
def start(tmp_path, small_plan, server, ticket_office):
    """Start a generator on a plan; it is gone when the test ends."""
    server.respond = ticket_office(15)
    started = []

    def begin(people=STUDENTS, **overrides):
        run = RunDirectory.create(
            tmp_path / "runs", small_plan(**{"event__students": STUDENTS} | overrides)
        )
        roster = tmp_path / "roster.csv"
        write_roster(roster, seeded_roster(people, 0, 1))
        process = subprocess.Popen(
            [sys.executable, "-m", "dress_rehearsal.scenarios", run.path, roster, server.url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return run, process

    yield begin
    for process in started:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            with suppress(BrokenPipeError):
                pipe.close()


def lines_until(process, kind):
    for line in process.stdout:
        document = json.loads(line)
        yield document
        if document["kind"] == kind:
            return


def tell(process, **order):
    process.stdin.write(json.dumps(order) + "\n")
    process.stdin.flush()


def go(process):
    list(lines_until(process, "ready"))
    tell(process, t0_ns=time.time_ns() + 400_000_000)


def test_a_whole_rush_is_recorded_to_the_request(start, server):
    run, process = start()
    go(process)
    *_, last_status, done = lines_until(process, "done")
    assert process.wait(10) == 0
    assert done == {"kind": "done"}
    census = run.student_table()["outcome"].to_pandas().value_counts().to_dict()
    assert {state: n for state, n in census.items() if n} == {"ticket": 15, "sold_out": 25}
    assert run.request_table().num_rows == len(server.received) == last_status["requests"]


def test_the_conductor_can_cut_it_short(start, server, respond):
    run, process = start(schedule__sale="60s")
    server.respond = lambda request, peer: time.sleep(3) or b""
    go(process)
    for line in lines_until(process, "done"):
        if line["kind"] == "status" and line["in_flight"]:
            tell(process, stop=True)
            break
    list(lines_until(process, "done"))
    assert process.wait(10) == 0
    requests = run.request_table().to_pandas()
    assert set(requests.outcome) == {"unknown"}
    assert set(requests.error) == {"cut"}
    assert len(run.student_table()) == STUDENTS


def test_it_ends_by_itself_when_the_conductor_is_gone(start):
    run, process = start(schedule__sale="60s")
    go(process)
    process.stdin.close()
    assert process.wait(10) == 0
    assert len(run.student_table()) == STUDENTS


def test_a_killed_generator_leaves_what_it_had_written(start):
    run, process = start(schedule__sale="60s", schedule__lead="5s")
    go(process)
    deadline = time.monotonic() + 20
    while not run.request_table().num_rows and time.monotonic() < deadline:
        next(lines_until(process, "status"))
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert run.request_table().num_rows > 0
    assert run.student_table().num_rows == STUDENTS


def test_a_full_disk_ends_it_with_a_sentence(start):
    run, process = start(schedule__sale="60s")
    go(process)
    run.requests.rename(run.path / "elsewhere")
    last = list(lines_until(process, "error"))[-1]
    assert process.wait(20) == 1
    assert "cannot be written" in last["message"]


def test_what_cannot_be_played_is_a_sentence(start):
    _, process = start(people=10)
    (error,) = lines_until(process, "error")
    assert process.wait(10) == 1
    assert "The roster holds 10 people but the plan has 40 students" in error["message"]


def test_students_at_the_entrance_need_its_token(start, monkeypatch):
    monkeypatch.delenv(ENTRY_TOKEN, raising=False)
    _, process = start(students__entry="50%")
    (error,) = lines_until(process, "error")
    assert process.wait(10) == 1
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
