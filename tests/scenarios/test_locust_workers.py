"""Locust's master and workers: one rush, one run directory, whoever plays the students."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter

import pytest

from dress_rehearsal.plans import plan_toml
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.timeline import (
    SHARDS_MISSING,
    WORKER_CLOCK,
    WORKER_LATE,
    WORKER_LOST,
)
from dress_rehearsal.reports.evidence import read_evidence
from dress_rehearsal.reports.verdict import judge
from dress_rehearsal.scenarios.ticket_open import ENTRY_TOKEN
from dress_rehearsal.scenarios.workers.secret import VARIABLE
from tests.target_app.waiting import free_port

pytestmark = pytest.mark.servers

SECRET = "0123456789abcdef"
STUDENTS = 41
TICKETS = 15
RUN_S = 150
ENDS_S = 180  # a rush is over when its students are; only a busy machine needs more than seconds


@pytest.fixture
def locust(tmp_path, server, small_plan, ticket_office):
    """Start Locust's processes with our file; none is left when the test ends."""
    server.respond = ticket_office(TICKETS)
    plan = tmp_path / "plan.toml"
    # A rush is over when its students are, so a sale that is open for long costs no time.
    sale = {"event__students": STUDENTS, "event__tickets": TICKETS, "schedule__sale": "60s"}
    plan.write_text(plan_toml(small_plan(**sale)))
    port = free_port()
    started = []

    def begin(role, *arguments, file="scenarios/locustfile.py", secret=SECRET, **variables):
        path = tmp_path / f"locust-{len(started)}.log"
        command = [sys.executable, "-m", "locust", "-f", str(file), f"--{role}"]
        command += [f"--master-{'bind-' if role == 'master' else ''}port={port}", *arguments]
        with path.open("wb") as log:
            process = subprocess.Popen(
                command,
                env={**os.environ, VARIABLE: secret, **variables},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        process.log = path
        started.append(process)
        return process

    def master(workers, *arguments, **variables):
        return begin(
            *("master", "--headless", "--only-summary", f"--expect-workers={workers}"),
            *(f"--users={STUDENTS}", f"--spawn-rate={STUDENTS}", f"--run-time={RUN_S}s"),
            *(f"--plan={plan}", f"--out={tmp_path / 'runs'}", f"--host={server.url}"),
            *(f"--csv={tmp_path / 'locust'}", *arguments),
            **variables,
        )

    begin.master = master
    yield begin
    for process in started:
        process.kill()
        process.wait()


def said(process):
    return process.log.read_text()


def the_run(tmp_path):
    [path] = (tmp_path / "runs").iterdir()
    return RunDirectory.open(path)


def test_two_workers_play_every_student_once_and_the_master_has_all_of_it(locust, tmp_path, server):
    master = locust.master(2)
    workers = [locust("worker") for _ in range(2)]
    assert master.wait(ENDS_S) == 0, said(master)
    assert [worker.wait(60) for worker in workers] == [0, 0], [said(w) for w in workers]
    run = the_run(tmp_path)
    students = run.student_table().to_pandas()
    assert students["student"].tolist() == list(range(STUDENTS))
    ends = Counter(students["outcome"])
    assert ends["ticket"] == TICKETS
    assert not ends.keys() & {"never_started", "in_flight", "unknown"}
    requests = run.request_table().to_pandas()
    assert not requests.duplicated(["student", "device", "seq"]).any()
    assert set(requests["student"]) == set(range(STUDENTS))
    assert len(requests) == len(server.received) - 1, "the master asks once when the sale opens"
    total = re.search(r",Aggregated,(\d+),(\d+)", (tmp_path / "locust_stats.csv").read_text())
    assert (int(total[1]), int(total[2])) == (len(requests), 0)
    names = {path.name.partition("-")[0] for path in run.requests.iterdir()}
    assert names == {"worker0", "worker1"}
    events = {event.name for event in run.timeline()}
    assert not events & {WORKER_LOST, WORKER_LATE, SHARDS_MISSING}
    clocks = [event.detail for event in run.timeline() if event.name == WORKER_CLOCK]
    assert [clock["worker"] for clock in clocks] == [0, 1, 0, 1]
    # One machine has one clock, so what remains is how exactly it was asked.
    assert all(abs(clock["offset_ms"]) <= clock["within_ms"] for clock in clocks)
    assert said(master).count("ms from the master's") == 4
    # The office gives everybody the same code, which the audit sees.
    reasons = judge(
        read_evidence(run)
    ).reasons  # of how exactly clocks compare a busy machine decides
    assert not [reason for reason in reasons if "orker" in reason and "clock" not in reason]


def until(true, process):
    end = time.monotonic() + ENDS_S
    while not true():
        assert time.monotonic() < end, said(process)
        time.sleep(0.02)


def test_a_worker_that_joins_in_mid_rush_gets_no_students_and_is_told_of(locust, tmp_path, server):
    office, has_joined = server.respond, threading.Event()

    def respond(request, connection):
        assert request.path != "/login" or has_joined.wait(ENDS_S)
        return office(request, connection)

    server.respond = respond
    ready, go = tmp_path / "ready", tmp_path / "go"
    waiting = tmp_path / "waiting.py"  # it has loaded all it needs, and joins within milliseconds
    waiting.write_text(
        "import time\n"
        "from pathlib import Path\n"
        "from dress_rehearsal.scenarios.locustfile import Student\n"
        f"Path({str(ready)!r}).touch()\n"
        f"while not Path({str(go)!r}).exists():\n"
        "    time.sleep(0.01)\n"
    )
    late = locust("worker", file=waiting)
    until(ready.exists, late)
    master = locust.master(1)
    first = locust("worker")
    until(lambda: any("/login" in request.path for request in server.received), master)
    go.touch()
    until(lambda: "joined when the rush had begun; it plays nobody" in said(master), master)
    has_joined.set()
    assert master.wait(ENDS_S) == 0, said(master)
    assert [worker.wait(60) for worker in (first, late)] == [0, 0], [said(first), said(late)]
    run = the_run(tmp_path)
    ends = Counter(run.student_table()["outcome"].to_pylist())
    assert ends["ticket"] == TICKETS
    assert not ends.keys() & {"never_started", "in_flight", "unknown"}
    assert {path.name.partition("-")[0] for path in run.requests.iterdir()} == {"worker0"}
    assert [event.name for event in run.timeline()].count(WORKER_LATE) == 1
    assert any("joined when the rush had begun" in note for note in judge(read_evidence(run)).notes)


@pytest.mark.long
def test_a_worker_that_is_lost_costs_its_students_and_is_told_of(locust, tmp_path, server):
    master = locust.master(2, "--run-time=6s")
    first, second = (locust("worker") for _ in range(2))
    until(lambda: any("/login" in request.path for request in server.received), master)
    second.send_signal(signal.SIGKILL)
    master.wait(ENDS_S)
    first.wait(60)
    run = the_run(tmp_path)
    [lost] = [event for event in run.timeline() if event.name == WORKER_LOST]
    assert lost.detail["error"] == "it was lost"
    ends = Counter(run.student_table()["outcome"].to_pylist())
    assert ends["unknown"] in (STUDENTS // 2, STUDENTS // 2 + 1)
    assert ends.total() == STUDENTS
    verdict = judge(read_evidence(run))
    assert any(" did not tell what became of its" in reason for reason in verdict.reasons)
    assert "fail" not in {gate.status for gate in verdict.gates}


@pytest.mark.long
def test_what_a_worker_cannot_play_is_on_the_master_s_timeline(locust, tmp_path):
    """Another machine, where nobody has set what the plan needs."""
    plan = tmp_path / "plan.toml"
    plan.write_text(plan.read_text().replace('entry = "0%"', 'entry = "50%"'))
    master = locust.master(1, **{ENTRY_TOKEN: "of-the-entrance"})
    worker = locust("worker")
    master.wait(ENDS_S)
    worker.wait(60)
    run = the_run(tmp_path)
    [lost] = [event for event in run.timeline() if event.name == WORKER_LOST]
    assert f"{ENTRY_TOKEN} is not set" in lost.detail["error"]
    assert set(run.student_table()["outcome"].to_pylist()) == {"unknown"}


def test_who_does_not_know_the_secret_plays_nobody(locust, tmp_path, server):
    master = locust.master(1)
    stranger = locust("worker", secret="fedcba9876543210")
    until(lambda: "is refused: its secret is not this master's" in said(master), master)
    assert "not obeyed" in said(stranger)
    stranger.send_signal(signal.SIGTERM)
    stranger.wait(60)
    worker = locust("worker")
    assert master.wait(ENDS_S) == 0, said(master)
    assert worker.wait(60) == 0
    run = the_run(tmp_path)
    assert {path.name.partition("-")[0] for path in run.requests.iterdir()} == {"worker0"}
    assert not set(run.student_table()["outcome"].to_pylist()) & {"never_started", "unknown"}


def test_without_a_secret_there_is_no_worker(locust):
    locust.master(1)
    worker = locust("worker", secret="")
    assert worker.wait(60) != 0
    assert f"set {VARIABLE}" in said(worker)
