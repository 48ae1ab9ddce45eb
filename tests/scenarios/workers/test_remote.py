"""`rehearse worker` joins a rush from elsewhere: with the secret, without a file of its own."""

import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from dress_rehearsal.records.environment_variables import child_environment
from dress_rehearsal.records.timeline import SHARDS_MISSING, WORKER, WORKER_LOST
from dress_rehearsal.scenarios.workers.secret import VARIABLE
from tests.scenarios.led import STUDENTS, ended, go, lines_until, tell
from tests.target_app.waiting import free_port

pytestmark = pytest.mark.servers

SECRET = "0123456789abcdef"


@pytest.fixture
def worker(tmp_path):
    """Start `rehearse worker` in a folder of its own; none is left when the test ends."""
    started = []

    def begin(port, secret=SECRET, **variables):
        folder = tmp_path / f"machine{len(started)}"
        folder.mkdir()
        process = subprocess.Popen(
            [sys.executable, "-m", "dress_rehearsal.rehearsal", "worker"]
            + [f"--master=127.0.0.1:{port}", "--within=60s"],
            env=child_environment({VARIABLE: secret, "TMPDIR": str(folder), **variables}),
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        process.folder = folder
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def leading(start, workers, processes=0, within="60s", variables=None, **overrides):
    """Start a generator that waits for workers; return the run, its process and its port."""
    port = free_port()
    run, process = start(
        variables={VARIABLE: SECRET, **(variables or {})},
        generator__workers=workers,
        generator__processes=processes,
        generator__workers_within=within,
        generator__listen=f"127.0.0.1:{port}",
        **overrides,
    )
    return run, process, port


def waited_for(process):
    """Return once the generator says that it waits."""
    *_, line = lines_until(process, "tell")
    return line["text"]


def test_workers_of_elsewhere_play_with_those_of_here(start, worker, server):
    run, process, port = leading(start, 1, processes=1)
    assert f"127.0.0.1:{port}" in waited_for(process)
    joined = worker(port)
    go(process)
    list(lines_until(process, "done"))
    said, _ = joined.communicate(timeout=60)
    assert joined.returncode == 0, said
    assert "students of smoke" in said
    assert run.student_table()["outcome"].to_pylist().count("ticket") == 15
    assert run.request_table().num_rows == len(server.received)
    told = [event.name for event in run.timeline()]
    assert told.count(WORKER) == 2
    assert not {WORKER_LOST, SHARDS_MISSING} & set(told)
    assert list(joined.folder.iterdir()) == []


def test_a_scenario_and_its_people_come_from_the_master(
    start, worker, server, tmp_path, monkeypatch
):
    """… where the worker has no such file; nobody's PIN is on the disk there."""
    here = tmp_path / "master"
    here.mkdir()
    monkeypatch.chdir(here)
    shop = Path("/proc/self/cwd/shop.py")  # another file in each process, or none
    shop.write_text(
        "import os\n"
        "from pathlib import Path\n\n"
        "from dress_rehearsal.scenarios import Buyer, Refused\n\n\n"
        "class Customer(Buyer):\n"
        "    def buy(self):\n"
        "        files = [f for f in Path(os.environ['TMPDIR']).rglob('*') if f.is_file()]\n"
        "        found = any(self.person.pin.encode() in f.read_bytes() for f in files)\n"
        "        self.client.get('/on-disk' if found or not files else '/in-memory')\n"
        "        return Refused('sold_out')\n"
    )
    values = {"scenario__file": str(shop), "target__stage": "external", "event__students": 6}
    _, process, port = leading(start, 1, **values, target__url=server.url)
    waited_for(process)
    joined = worker(port)
    list(lines_until(process, "ready"))
    [copy] = joined.folder.rglob("shop.py")
    assert stat.S_IMODE(copy.parent.stat().st_mode) == 0o700
    tell(process, t0_ns=time.time_ns() + 400_000_000)
    list(lines_until(process, "done"))
    said, _ = joined.communicate(timeout=60)
    assert joined.returncode == 0, said
    assert {request.path for request in server.received} == {"/in-memory"}
    assert list(joined.folder.iterdir()) == []


def test_one_that_does_not_know_the_secret_is_told_so_and_plays_nobody(start, worker):
    run, process, port = leading(start, 1)
    waited_for(process)
    stranger = worker(port, secret="fedcba9876543210")
    said, _ = stranger.communicate(timeout=60)
    assert stranger.returncode == 2
    assert "does not know this worker's secret, so it is not obeyed" in said
    joined = worker(port)
    go(process)
    list(lines_until(process, "done"))
    assert joined.wait(60) == 0
    assert run.student_table().num_rows == STUDENTS
    assert [event.name for event in run.timeline()].count(WORKER) == 1


def test_workers_that_do_not_come_are_a_sentence(start):
    run, process, port = leading(start, 2, within="30s")
    *_, error = lines_until(process, "error")
    assert ended(process, 30) == 1
    assert f"`rehearse worker --master HOST:{port}`" in error["message"]
    assert "0 of 2 workers were ready" in error["message"]
    assert run.request_table().num_rows == 0


def test_a_port_that_is_taken_is_a_sentence(start, server):
    _, process = start(
        variables={VARIABLE: SECRET},
        generator__workers=1,
        generator__listen=f"127.0.0.1:{server.port}",
    )
    *_, error = lines_until(process, "error")
    assert ended(process, 30) == 1
    assert "another program has that port" in error["message"]


def test_a_worker_sends_nothing_where_the_plan_does_not_allow_it(start):
    _, process = start(url="http://192.0.2.1:80", generator__processes=2)
    *_, error = lines_until(process, "error")
    assert ended(process, 30) == 1
    assert "could not play: No load is sent to 192.0.2.1" in error["message"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_of_it_is_left_when_it_is_ended(start, worker, number):
    _, process, port = leading(start, 1, schedule__sale="60s")
    waited_for(process)
    joined = worker(port)
    list(lines_until(process, "ready"))
    [playing] = psutil.Process(joined.pid).children()
    joined.send_signal(number)
    assert psutil.wait_procs([playing], timeout=30)[1] == []
    joined.wait(30)
    assert list(joined.folder.iterdir()) == []
