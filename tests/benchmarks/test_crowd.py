"""What `make bench-crowd` counts as the generator's memory."""

import os
import subprocess
import sys
import time

import pytest

from benchmarks.crowd import Memory, generators_memory

SLEEPS = "print(flush=True); import time; time.sleep(60)"


@pytest.fixture
def start():
    """Start a process with a further word in its command line; ready when this returns."""
    started = []

    def process(word, code=SLEEPS):
        one = subprocess.Popen([sys.executable, "-c", code, word], stdout=subprocess.PIPE)
        started.append(one)
        one.stdout.readline()
        return one

    yield process
    for one in started:
        one.kill()
        one.wait()
        one.stdout.close()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="proc(5) says it")
def test_the_generators_processes_count_and_no_others(start):
    start("dress_rehearsal.target_app")
    assert generators_memory(os.getpid()).processes == 0
    start("dress_rehearsal.scenarios")
    start("dress_rehearsal.scenarios.workers", f"taken = bytearray(b'1' * 2**26); {SLEEPS}")
    taken = generators_memory(os.getpid())
    assert taken.processes == 2
    assert taken.rss >= taken.pss >= 64


def test_one_that_has_ended_is_no_error(start):
    gone = start("dress_rehearsal.scenarios", "print(flush=True)")
    until_s = time.monotonic() + 20
    while gone.poll() is None and time.monotonic() < until_s:
        time.sleep(0.01)
    assert generators_memory(os.getpid()).processes == 0


def test_the_most_is_that_of_each():
    assert Memory(3, 5.0, 9.0).most(Memory(2, 7.0, 8.0)) == Memory(3, 7.0, 9.0)
