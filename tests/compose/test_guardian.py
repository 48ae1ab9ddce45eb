"""However the conductor ends, its guardian leaves nothing of the stage behind."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dress_rehearsal.compose.guardian import Guardian
from dress_rehearsal.compose.pids import ProcessId
from dress_rehearsal.compose.stage_folder import StageFolder
from dress_rehearsal.compose.stage_record import RecordedProcess

pytestmark = pytest.mark.servers

Conduct = Callable[..., Any]
Identify = Callable[[int], ProcessId]
AllEnd = Callable[[list[ProcessId], float], list[ProcessId]]

FAKE_STAGE = """
import json, signal, subprocess, sys
from pathlib import Path
from dress_rehearsal.compose import processes as group
from dress_rehearsal.compose.process import ProcessSpec
from dress_rehearsal.compose.stage_folder import StageFolder
from dress_rehearsal.compose.guardian import Guardian
from dress_rehearsal.compose.pids import MARKER
from dress_rehearsal.records.environment_variables import child_environment

signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup it would be ignored
folder = StageFolder.create()
guardian = Guardian.start(folder, Path(sys.argv[1]))
deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(300)"
group._ORPHAN_PATIENCE_S = 0.3
processes = group.ProcessGroup(folder, 5.0)
environment = {**child_environment(), MARKER: str(folder.path)}
pids = [
    processes.start(ProcessSpec(name, argv, environment, Path(sys.argv[1]), folder.path)).pid
    for name, argv in (("mild", ["sleep", "300"]), ("deaf", [sys.executable, "-c", deaf]))
]
# Started, but killed before it could be put on record:
pids.append(subprocess.Popen(["sleep", "300"], env=environment, start_new_session=True).pid)
generator = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"],
                             stdin=subprocess.PIPE, start_new_session=True)
guardian.watch("generator", generator.pid)
pids.append(generator.pid)
print(json.dumps({"guardian": guardian.pid, "pids": pids, "folder": str(folder.path)}), flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_everything_ends_when_the_conductor_is_killed(
    number: signal.Signals,
    conduct: Conduct,
    identify: Identify,
    all_end: AllEnd,
    tmp_path: Path,
) -> None:
    conductor = conduct(FAKE_STAGE, str(tmp_path / "guardian.log"))
    guardian = identify(conductor.told["guardian"])
    processes = [identify(pid) for pid in conductor.told["pids"]]
    conductor.end(number)
    assert all_end([*processes, guardian], 20.0) == []
    assert not Path(conductor.told["folder"]).exists()
    assert (tmp_path / "guardian.log").read_text() == ""


def test_the_guardian_itself_cannot_be_talked_into_leaving(
    conduct: Conduct, identify: Identify, all_end: AllEnd, tmp_path: Path
) -> None:
    conductor = conduct(FAKE_STAGE, str(tmp_path / "guardian.log"))
    guardian = identify(conductor.told["guardian"])
    processes = [identify(pid) for pid in conductor.told["pids"]]
    while b"SigIgn" not in (status := Path(f"/proc/{guardian.pid}/status").read_bytes()) or not (
        int(status.split(b"SigIgn:")[1].split()[0], 16) & 1 << (signal.SIGTERM - 1)
    ):
        time.sleep(0.01)  # it is still starting
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        guardian.signal(number)
    assert not guardian.wait(0.1)
    conductor.end(signal.SIGKILL)
    assert all_end([*processes, guardian], 20.0) == []


def test_nothing_is_touched_when_the_conductor_says_it_is_done(
    sleeper: Callable[..., "subprocess.Popen[bytes]"], identify: Identify, tmp_path: Path
) -> None:
    process = sleeper()
    folder = StageFolder.create()
    guardian = Guardian.start(folder, tmp_path / "guardian.log")
    running = identify(guardian.pid)
    folder.record(
        RecordedProcess("app", process.pid, identify(process.pid).started, ("SIGTERM",), 0.0, 1.0)
    )
    guardian.release()
    assert not running.alive
    assert process.poll() is None
    assert folder.path.is_dir()
    folder.remove()


def test_no_other_child_of_the_conductor_keeps_the_guardian_waiting(
    sleeper: Callable[..., "subprocess.Popen[bytes]"], identify: Identify, tmp_path: Path
) -> None:
    folder = StageFolder.create()
    guardian = Guardian.start(folder, tmp_path / "guardian.log")
    sleeper()  # were the pipe's writing end or the lock handed on to it, this would hang
    guardian.take_over()
    assert not folder.path.exists()
    os.close(folder.lock)


def test_a_guardian_that_was_killed_does_not_stop_the_conductor(
    identify: Identify, tmp_path: Path
) -> None:
    folder = StageFolder.create()
    guardian = Guardian.start(folder, tmp_path / "guardian.log")
    running = identify(guardian.pid)
    running.signal(signal.SIGKILL)
    assert running.wait(5.0)
    guardian.watch("generator", os.getpid())
    guardian.forget(os.getpid())
    folder.remove()
    guardian.release()


def test_a_guardian_that_was_stopped_goes_on_and_ends(identify: Identify, tmp_path: Path) -> None:
    folder = StageFolder.create()
    guardian = Guardian.start(folder, tmp_path / "guardian.log")
    running = identify(guardian.pid)
    running.signal(signal.SIGSTOP)
    folder.remove()
    guardian.release()
    assert not running.alive


def test_a_stopped_guardian_that_is_to_clear_goes_on_and_clears(
    identify: Identify, tmp_path: Path
) -> None:
    folder = StageFolder.create()
    guardian = Guardian.start(folder, tmp_path / "guardian.log")
    running = identify(guardian.pid)
    running.signal(signal.SIGSTOP)
    guardian.take_over()
    assert not running.alive
    assert not folder.path.exists()
    os.close(folder.lock)


def test_a_guardian_that_hears_nothing_is_killed_and_its_work_done_by_the_conductor(
    identify: Identify, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dress_rehearsal.compose.guardian._HEARS_S", 0.1)
    monkeypatch.setattr("dress_rehearsal.compose.guardian._CLEARS_S", 0.1)
    for clears in (False, True):
        folder = StageFolder.create()
        deaf = subprocess.Popen(["sleep", "300"], stdin=subprocess.PIPE)
        running = identify(deaf.pid)
        guardian = Guardian(folder, deaf)
        if clears:
            guardian.take_over()
            os.close(folder.lock)
        else:
            folder.remove()
            guardian.release()
        assert not running.alive
        assert not folder.path.exists()
