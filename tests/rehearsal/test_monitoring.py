"""Prometheus beside a rehearsal: what it sees, and that nothing of it is left."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.dashboards.binaries import binary


def test_prometheus_keeps_its_data_in_the_run_directory_and_is_gone(rehearse):
    binary("prometheus")
    command = rehearse(options=("--prometheus",))
    command.await_offset(0.5)
    targets = json.loads((command.out / "targets" / f"{command.run.id}.json").read_text())
    jobs = {group["labels"]["job"] for group in targets}
    assert command.find("prometheus", f"--storage.tsdb.path={command.run.path}/prometheus/data")
    assert command.ended() == 0, command.output()
    command.await_nothing_left(5)
    assert jobs == {"harness", "app", "writeback"}
    assert list((command.out / "targets").iterdir()) == []
    assert (command.run.path / "prometheus" / "data" / "wal").is_dir()
    assert "prometheus_ready" in {event.name for event in command.run.timeline()}


def test_killed_or_interrupted_it_leaves_no_prometheus_either(rehearse):
    binary("prometheus")
    command = rehearse(options=("--prometheus",))
    command.await_offset(0.5)
    command.process.kill()
    command.process.wait()
    command.await_nothing_left(20)


def test_one_that_is_wanted_and_not_there_is_a_sentence_before_anything_starts(tmp_path: Path):
    done = subprocess.run(
        [
            *(sys.executable, "-m", "rehearsal", "run", "smoke", "--prometheus"),
            *("--out", tmp_path / "runs"),
        ],
        env={**os.environ, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "there is no `prometheus` on the PATH; install it" in done.stderr
    assert not (tmp_path / "runs").exists()


def test_a_prometheus_that_does_not_start_is_a_note_and_the_rehearsal_goes_on(tmp_path: Path):
    broken = tmp_path / "bin" / "prometheus"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\necho out of order >&2\nexit 1\n")
    broken.chmod(0o755)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "rehearsal", "run", "smoke", "--out", tmp_path / "runs"),
            *("--students", "50", "--set", "event.tickets=10", "--set", "gates=[]"),
            *("--set", "schedule.lead=1s", "--set", "schedule.sale=2s"),
        ],
        env={**os.environ, "PATH": f"{broken.parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Report: " in done.stdout, done.stdout + done.stderr
    assert "Prometheus does not start" in done.stdout
    assert "goes on without it" in done.stdout
    assert "out of order" in done.stdout
