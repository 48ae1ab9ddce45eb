"""A storm counts only if everybody was there before it, and everybody asked."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from benchmarks.generator.peers.peer import PeerFailedError, Running
from benchmarks.generator.storm import _check, _is_quiet, _watch
from benchmarks.generator.truth import Truth

T0_NS = 1_000_000_000_000


@pytest.fixture
def running(tmp_path: Path) -> Running:
    output = tmp_path / "output.txt"
    output.write_text("its last words")
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return Running(process, output)


def truth(numbers: list[int], warm: int = 3, last_warm_ns: int = T0_NS - 1_100_000_000) -> Truth:
    asked = np.array(numbers, dtype=np.int64)
    return Truth("http://known", 1, asked, asked, asked, warm, last_warm_ns)


def test_a_whole_storm_is_none_to_complain_of(running: Running) -> None:
    _check(truth([0, 2, 1]), 3, T0_NS, running)


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (truth([0, 1, 2], warm=2), "2 of 3 students were there"),
        (truth([0, 1, 2], last_warm_ns=T0_NS + 2_000_000_000), r"\+2.0 s from T-0"),
        (truth([0, 1, 2], last_warm_ns=T0_NS - 900_000_000), "-0.9 s from T-0"),
        (truth([0, 1, 1]), "3 of 3 students asked"),
        (truth([0, 1]), "2 of 3 students asked.*its last words"),
    ],
)
def test_what_is_missing_is_told(seen: Truth, words: str, running: Running) -> None:
    with pytest.raises(PeerFailedError, match=words):
        _check(seen, 3, T0_NS, running)


def test_a_burst_is_over_when_nothing_is_done_any_more() -> None:
    working = [(at / 10, at / 10) for at in range(30)]
    resting = [*working, *((3 + at / 10, 2.9) for at in range(8))]

    assert not _is_quiet(working)
    assert _is_quiet(resting)
    assert not _is_quiet([(0.0, 0.0), (1.9, 0.0)]), "rows may still be written"


WORKS = """
import sys, time

def work(at_s, seconds):
    time.sleep(max(at_s - time.time(), 0))
    until_s = time.process_time() + seconds
    while time.process_time() < until_s:
        pass

t0_s = float(sys.argv[1])
work(t0_s - 0.8, 0.2)
work(t0_s + 0.1, 0.3)
time.sleep(60)
"""


def test_what_is_prepared_counts_and_takes_nothing_off(tmp_path: Path) -> None:
    t0_ns = time.time_ns() + 2_000_000_000
    command = [sys.executable, "-c", WORKS, str(t0_ns / 1e9)]
    with Running(subprocess.Popen(command), tmp_path / "output.txt") as running:
        burst = _watch(running, t0_ns, os.getpid())

    assert 0.4 < burst.cpu_s < 0.6
    assert 0 < burst.ahead_s < 0.4
