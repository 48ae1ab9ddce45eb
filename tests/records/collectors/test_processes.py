"""CPU, memory and files of every process of a component are recorded, its descendants' too."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from dress_rehearsal.records.collectors import processes
from dress_rehearsal.records.collectors.processes import (
    Processes,
    cpu_wait_s,
    families,
    longest_cpu_wait_s,
    open_files,
    process_use,
)

SLEEPER = "import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', 'input()'], "
SLEEPER += "stdin=0); print(p.pid, flush=True); p.wait()"


def test_every_process_belongs_to_its_nearest_known_ancestor() -> None:
    parents = {1: 0, 10: 1, 20: 10, 21: 20, 22: 21, 30: 10, 99: 1}

    assert families({10: "conductor", 20: "app"}, parents) == {
        10: "conductor",
        20: "app",
        21: "app",
        22: "app",
        30: "conductor",
    }


def test_a_known_process_that_is_gone_belongs_nowhere() -> None:
    assert families({50: "app"}, {1: 0}) == {}


def test_components_and_their_children_are_read() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SLEEPER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as app:
        assert app.stdout is not None
        child = int(app.stdout.readline())
        source = Processes(lambda: [("conductor", os.getpid()), ("app", app.pid)])
        reading = source.read()
        app.communicate("\n")

    seen = {
        (series.name, json.loads(series.labels)["component"], int(json.loads(series.labels)["pid"]))
        for series in reading.series
    }
    for component, pid in (("conductor", os.getpid()), ("app", app.pid), ("app", child)):
        for name in ("cpu_seconds_total", "resident_memory_bytes", "open_fds"):
            assert (f"process_{name}", component, pid) in seen
    assert {series.source for series in reading.series} == {"processes"}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells it")
def test_waiting_for_a_processor_is_told_from_sleeping() -> None:
    spin = "import time; print(flush=True); input(); until = time.time() + 1\n"
    spin += "while time.time() < until: pass"
    rest = "import time; print(flush=True); input(); time.sleep(1)"

    def begin(code: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            ["taskset", "-c", "0", sys.executable, "-c", f"{code}\nprint(flush=True); input()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        process.stdout.readline()
        return process

    all_of_them = [begin(spin), begin(spin), begin(rest)]
    for process in all_of_them:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in all_of_them:
        assert process.stdout is not None
        process.stdout.readline()
    *spinning, resting = [cpu_wait_s(process.pid) for process in all_of_them]
    for process in all_of_them:
        process.communicate("\n")
    assert sum(spinning) > 0.5  # two on one processor: each had to wait for the other
    assert resting < 0.5


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells it")
def test_that_a_thread_waits_for_a_processor_is_told_though_the_main_one_only_joins_it() -> None:
    work = "until = time.time() + 1\n    while time.time() < until: pass"
    code = f"import threading, time\ndef spin():\n    {work}\n    print(flush=True); input()\n"
    code += "thread = threading.Thread(target=spin); thread.start(); thread.join()"
    one_of_two = ["taskset", "-c", "0", sys.executable, "-c", code]
    both = [
        subprocess.Popen(one_of_two, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in both:
        assert process.stdout is not None
        process.stdout.readline()
    longest = [longest_cpu_wait_s(process.pid) or 0.0 for process in both]
    main = [cpu_wait_s(process.pid) or 0.0 for process in both]
    for process in both:
        process.communicate("\n")
    assert sum(longest) > 0.5  # two on one processor: each had to wait for the other
    assert sum(longest) > sum(main)
    assert longest_cpu_wait_s(both[0].pid) is None


def test_a_process_that_ends_is_left_out_from_then_on() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as app:
        source = Processes(lambda: [("app", app.pid)])
        assert source.read().series
        app.communicate(b"\n")

    assert not source.read().series


@pytest.mark.skipif(sys.platform != "linux", reason="compares with /proc")
def test_both_ways_of_reading_a_process_agree() -> None:
    direct, portable = process_use(os.getpid()), processes._portable_use(os.getpid())

    assert direct.parent == portable.parent == os.getppid()
    assert direct.cpu_seconds == pytest.approx(portable.cpu_seconds, abs=0.1)
    assert direct.resident_bytes == pytest.approx(portable.resident_bytes, rel=0.2)


def test_open_files_are_counted(tmp_path: Path) -> None:
    before = open_files(os.getpid())
    opened = [(tmp_path / str(n)).open("w") for n in range(20)]
    after = open_files(os.getpid())
    for file in opened:
        file.close()

    # What another test left behind may be closed by the collector of garbage meanwhile.
    assert abs(after - before - 20) <= 2
    assert abs(before - psutil.Process().num_fds()) <= 2


@pytest.mark.parametrize("read", [process_use, processes._portable_use, open_files])
def test_a_process_that_does_not_exist_is_said_not_to(read: Callable[[int], object]) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()

    with pytest.raises(ProcessLookupError):
        read(ended.pid)
