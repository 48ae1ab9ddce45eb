"""The conductor's side of the generator: whatever that leaves behind, it is left in time."""

import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from dress_rehearsal.plans import Plan
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.rehearsal.errors import GeneratorFailedError
from dress_rehearsal.rehearsal.generator_process import GeneratorProcess


class NoGuardian:
    def watch(self, name, pid):
        pass

    def forget(self, pid):
        pass


@dataclass
class NoStage:
    url: str = "http://127.0.0.1:1"
    roster_path: Path = Path("roster.csv")
    entry_token: str = ""
    marker: dict = field(default_factory=dict)
    guardian: NoGuardian = field(default_factory=NoGuardian)


@pytest.fixture
def started(tmp_path, monkeypatch):
    """Start something else in the generator's place: a shell script, whose last two arguments
    are where its orders come from and where its lines go."""

    def start(script):
        program = tmp_path / "generator"
        program.write_text(f"#!/bin/bash\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(program))
        return GeneratorProcess(RunDirectory.create(tmp_path, Plan(name="none")), NoStage())

    return start


LEAVES_A_CHILD = """
sleep 300 &
printf '{"kind": "child", "pid": %d}\\n' $! >&${@: -1}
exec sleep 300
"""
STOPS = """
kill -STOP $$
echo '{"kind": "done"}' >&${@: -1}
read order <&${@: -2:1}
"""


@pytest.mark.slow
def test_somebody_who_keeps_its_pipe_keeps_nobody_waiting(started, monkeypatch):
    monkeypatch.setattr("dress_rehearsal.rehearsal.led_process.KILLED_S", 0.5)
    with started(LEAVES_A_CHILD) as generator:
        child = psutil.Process(generator.next_line(30)["pid"])
    assert generator.exit_code == -signal.SIGKILL
    assert child.is_running()
    child.kill()
    generator._process._reader.join(30)


def test_one_that_was_stopped_goes_on_when_it_is_to_end(started):
    with started(STOPS) as generator:
        while psutil.Process(generator.pid).status() != psutil.STATUS_STOPPED:
            time.sleep(0.01)
        generator.stop()
        assert generator.next_line(30) == {"kind": "done"}


@pytest.mark.parametrize(
    ("script", "ready_s", "what"),
    [
        ("echo bye", 30.0, "ended before it was ready"),
        ("exec sleep 300", 0.2, "was not ready after 0 s"),
    ],
)
def test_what_kept_it_from_being_ready_is_said(started, monkeypatch, script, ready_s, what):
    monkeypatch.setattr("dress_rehearsal.rehearsal.generator_process._READY_S", ready_s)
    with started(script) as generator, pytest.raises(GeneratorFailedError, match=what):
        generator.await_ready(print, print)
