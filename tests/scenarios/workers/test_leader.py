"""Several processes play one rush: the same students, one record, and nobody left behind."""

import os
import signal
import time
from collections import Counter

import psutil
import pytest

from dress_rehearsal.records.tables import LOOP_BUSY
from dress_rehearsal.records.timeline import (
    SHARDS_MISSING,
    WORKER,
    WORKER_CLOCK,
    WORKER_LOST,
)
from dress_rehearsal.reports.evidence import read_evidence
from dress_rehearsal.reports.verdict import judge
from tests.scenarios.led import STUDENTS, ended, go, lines_until, tell
from tests.scenarios.offices import TicketOffice

pytestmark = pytest.mark.servers

TICKETS = 15


def named(run, name):
    return [event.detail for event in run.timeline() if event.name == name]


def outcomes(run):
    return Counter(run.student_table()["outcome"].to_pylist())


def workers_of(process):
    """Return the worker processes of a generator, by the number of their share."""
    return psutil.Process(process.pid).children()


def until_gone(processes):
    _, left = psutil.wait_procs(processes, timeout=30)
    assert not left


def test_a_rush_is_the_same_for_any_number_of_processes(start, server):
    clicks = [clicks_of_a_rush(start, server, processes) for processes in (1, 3)]
    assert clicks[0] == clicks[1]


def clicks_of_a_rush(start, server, processes):
    """Have so many processes play a rush, look at all of it, and return who arrived when."""
    server.respond, server.received[:] = TicketOffice(TICKETS), []
    run, process = start(generator__processes=processes)
    t0_ns = go(process)
    *lines, done = lines_until(process, "done")
    assert ended(process, 30) == 0
    assert done == {"kind": "done"}
    students, requests = run.student_table().to_pandas(), run.request_table().to_pandas()
    assert students["student"].tolist() == list(range(STUDENTS))
    assert outcomes(run) == {"ticket": TICKETS, "sold_out": STUDENTS - TICKETS}
    assert len(requests) == len(server.received)
    assert not requests.duplicated(["student", "device", "seq"]).any()
    last = {line["generator"]: line for line in lines if line["kind"] == "status"}
    assert len(last) == processes
    assert sum(line["requests"] for line in last.values()) == len(requests)
    assert sum(sum(line["students"].values()) for line in last.values()) == STUDENTS
    told = [event.name for event in run.timeline()]
    assert not {WORKER_LOST, SHARDS_MISSING, LOOP_BUSY} & set(told)
    # The purchases are meant when the timetable says, whoever plays them.
    assert len({detail["timetable"] for detail in named(run, WORKER)}) <= 1
    assert len(named(run, WORKER)) == (processes if processes > 1 else 0)
    assert len(named(run, WORKER_CLOCK)) == 2 * len(named(run, WORKER))
    reasons = judge(
        read_evidence(run)
    ).reasons  # of how exactly clocks compare a busy machine decides
    assert not [reason for reason in reasons if "worker" in reason and "clock" not in reason]
    return [(row.journey, row.arrival_ns - t0_ns) for row in students.itertuples()]


def test_a_worker_that_is_killed_is_named_and_what_had_arrived_is_intact(start, server):
    """At T-0, when everybody has logged in and nobody has bought; there is a ticket for each."""
    run, process = start(
        generator__processes=2,
        schedule__sale="8s",
        schedule__lead="2500ms",
        event__tickets=STUDENTS,
    )
    list(lines_until(process, "ready"))
    t0_ns = time.time_ns() + 2_600_000_000
    tell(process, t0_ns=t0_ns)
    while time.time_ns() < t0_ns or not list(run.requests.glob("worker1-*")):
        next(lines_until(process, "status"))
    arrived = {path.name: path.read_bytes() for path in run.requests.iterdir()}
    pids = {detail["worker"]: detail["what"].split()[1] for detail in named(run, WORKER)}
    os.kill(int(pids[1]), signal.SIGKILL)
    lines = list(lines_until(process, "done"))
    assert ended(process, 30) == 0
    [note] = [line["text"] for line in lines if line["kind"] == "note"]
    assert note.startswith(f"Worker 1 (pid {pids[1]} on ")
    assert "was killed by signal 9" in note
    [lost] = named(run, WORKER_LOST)
    assert lost["worker"] == 1
    assert outcomes(run)["unknown"] == STUDENTS // 2
    assert outcomes(run).total() == STUDENTS
    assert all((run.requests / name).read_bytes() == content for name, content in arrived.items())
    run.request_table()  # every file can be read
    verdict = judge(read_evidence(run))
    assert verdict.exit_code == 3
    assert any(reason.startswith(f"Worker 1 (pid {pids[1]}") for reason in verdict.reasons)
    assert not [reason for reason in verdict.reasons if "clock of worker 1" in reason]


def test_the_conductor_can_cut_them_short(start, server):
    run, process = start(generator__processes=2, schedule__sale="60s")
    server.respond = lambda request, peer: time.sleep(3) or b""
    go(process)
    workers = workers_of(process)
    for line in lines_until(process, "done"):
        if line["kind"] == "status" and line["in_flight"]:
            tell(process, stop=True)
            break
    list(lines_until(process, "done"))
    assert ended(process, 30) == 0
    assert set(run.request_table()["error"].to_pylist()) == {"cut"}
    assert run.student_table().num_rows == STUDENTS
    until_gone(workers)


def test_they_end_by_themselves_when_the_conductor_is_gone(start):
    run, process = start(generator__processes=2, schedule__sale="60s")
    go(process)
    workers = workers_of(process)
    process.dismiss()
    assert ended(process, 30) == 0
    assert run.student_table().num_rows == STUDENTS
    until_gone(workers)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_none_outlives_the_generator(start, number):
    run, process = start(generator__processes=2, schedule__sale="60s", schedule__lead="3s")
    go(process)
    workers = workers_of(process)
    while not list(run.requests.glob("*.parquet")):
        next(lines_until(process, "status"))
    process.signal(number)
    until_gone(workers)
    assert run.request_table().num_rows > 0


def test_none_is_left_of_a_generator_that_leads_nobody(start):
    """They are forked before it is known whether there is anything to play."""
    _, process = start(people=STUDENTS - 1, generator__processes=2)
    *_, error = lines_until(process, "error")
    assert ended(process, 30) == 1
    assert "The roster is too short" in error["message"]
    until_gone([one for one in psutil.process_iter() if of_session(one.pid) == process.pid])


def of_session(pid):
    try:
        return os.getsid(pid)
    except OSError:  # it has ended
        return None


def test_a_scenario_that_cannot_be_loaded_by_its_workers_is_a_sentence(start, tmp_path):
    file = tmp_path / "shop.py"
    file.write_text(
        "import psutil\n\n"
        "from dress_rehearsal.scenarios import Buyer\n\n"
        "if 'dress_rehearsal.scenarios' in psutil.Process().parent().cmdline():\n"
        "    raise ValueError('not here')\n\n\n"
        "class Customer(Buyer):\n"
        "    def buy(self):\n"
        "        pass\n"
    )
    values = {"scenario__file": str(file), "target__stage": "external", "event__students": 3}
    _, process = start(**values, target__url="http://127.0.0.1:1", generator__processes=2)
    *_, error = lines_until(process, "error")
    assert ended(process, 30) == 1
    assert "shop.py" in error["message"]
    assert "ValueError: not here" in error["message"]


def test_the_secret_stands_in_no_command_line_and_no_environment(start):
    _, process = start(generator__processes=2)
    list(lines_until(process, "ready"))
    for worker in workers_of(process):
        environment = worker.environ()
        assert not [name for name in environment if "SECRET" in name]
        words = [*worker.cmdline(), *environment.values()]
        assert not [word for word in words if len(word) >= 64 and word.isalnum()]


def test_a_user_s_own_code_reaches_nobody_else_from_a_worker_either(start, server, tmp_path):
    file = tmp_path / "shop.py"
    file.write_text(
        "import socket\n\n"
        "from dress_rehearsal.scenarios import Buyer, Refused\n\n\n"
        "class Customer(Buyer):\n"
        "    def buy(self):\n"
        "        try:\n"
        "            socket.create_connection(('192.0.2.1', 80), 0.2)\n"
        "        except ConnectionRefusedError as error:\n"
        "            self.client.get('/refused' if 'No load is sent to' in str(error) else '/')\n"
        "        return Refused('sold_out')\n"
    )
    values = {"scenario__file": str(file), "target__stage": "external", "event__students": 4}
    _, process = start(**values, target__url=server.url, generator__processes=2)
    go(process)
    list(lines_until(process, "done"))
    assert [request.path for request in server.received] == ["/refused"] * 4
