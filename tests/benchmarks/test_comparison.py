"""What the comparison's benchmark counts of intervals is what they do, and a wrong one is seen."""

import re
import subprocess
import sys

import numpy as np
import pytest

from benchmarks import comparison
from benchmarks.comparison import widths, within_own
from tests.reports.comparison.conftest import run_of, side_of  # noqa: F401 - fixtures
from tests.reports.conftest import evidence_of, verdict_of  # noqa: F401 - fixtures
from tests.steps import PURCHASE


def shares(said):
    return [float(each) for each in re.findall(r"holds it in ([\d.]+)%", said)]


def test_an_interval_that_is_too_narrow_is_seen_to_hold_too_seldom(monkeypatch):
    said = widths(np.random.default_rng(1), 5, 300)
    assert said.endswith("by the ranks 96.8%")
    ours, students = shares(said)
    assert ours >= 93
    assert students >= 91

    right = comparison.intervals()

    def half(way):
        def interval(before, after):
            low, high = right[way](before, after)
            return low + (high - low) / 4, high - (high - low) / 4

        return interval

    monkeypatch.setattr(comparison, "intervals", lambda: {way: half(way) for way in right})
    assert max(shares(widths(np.random.default_rng(1), 5, 300))) < 85


def test_a_run_that_hears_of_no_end_is_killed_and_leaves_nothing_behind(monkeypatch, capsys):
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); "
    command = [sys.executable, "-c", f"{deaf}time.sleep(60)"]
    monkeypatch.setattr(comparison, "_LONGEST_S", 0.2)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "deaf\n"
            comparison.Performed("set-00", process, comparison.Queue()).until(None)
            assert process.poll() == -9
        finally:
            process.kill()
    assert "set-00: no verdict" in capsys.readouterr().out


def test_a_run_that_cannot_be_begun_leaves_none_behind(monkeypatch, tmp_path):
    sleeps = [sys.executable, "-c", "import time; time.sleep(60)"]
    with subprocess.Popen(sleeps, stdout=subprocess.PIPE, text=True) as process:
        lines = comparison.Queue()
        lines.put(comparison._OVER)
        begun = iter([comparison.Performed("set-00", process, lines)])
        monkeypatch.setattr(comparison, "begin", lambda *_: next(begun))
        try:
            with pytest.raises(StopIteration):
                comparison.perform_sets(tmp_path, 2, 1, {"same": 0.0}, each_whole=False)
            assert process.poll() == -15
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("p99s", "half", "said"),
    [([100.0, 101.0, 102.0], 5.0, "6 of 6"), ([100.0, 101.0, 110.0], 5.0, "2 of 6")],
)
def test_how_often_another_run_lies_within_a_runs_own_interval(run_of, side_of, p99s, half, said):  # noqa: F811
    side = side_of("same", p99s)
    runs = []
    for run, p99 in zip(side.runs, p99s, strict=True):
        own = run.verdict.latency_ms[PURCHASE].model_copy(
            update={"p99_low": p99 - half, "p99_high": p99 + half}
        )
        verdict = run.verdict.model_copy(update={"latency_ms": {PURCHASE: own}})
        runs.append(type(run)(verdict, run.plan, run.environment))
    assert within_own([type(side)(side.name, tuple(runs))]) == said
