"""Processes are waited for together: who ends meanwhile, or says nothing, is reported."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dress_rehearsal.compose import deadline
from dress_rehearsal.compose import processes as module
from dress_rehearsal.compose.errors import (
    ProcessFailedError,
    StageNotReadyError,
    StageUnusableError,
)
from dress_rehearsal.compose.process import ManagedProcess, ProcessSpec
from dress_rehearsal.compose.processes import ProcessGroup
from dress_rehearsal.compose.stage_folder import StageFolder
from dress_rehearsal.records.environment_variables import child_environment


@pytest.fixture
def folder() -> Iterator[StageFolder]:
    folder = StageFolder.create()
    yield folder
    folder.remove()


def spec(name: str, tmp_path: Path, code: str) -> ProcessSpec:
    argv = [sys.executable, "-c", code]
    return ProcessSpec(name, argv, child_environment(), tmp_path / f"{name}.log", tmp_path)


@pytest.mark.slow
def test_waiting_fails_at_once_when_another_process_ends(
    folder: StageFolder, tmp_path: Path
) -> None:
    processes = ProcessGroup(folder, ready_within_s=30.0)
    awaited = processes.start(spec("awaited", tmp_path, "import time; time.sleep(300)"))
    processes.start(spec("other", tmp_path, "import sys; sys.exit('the disk is full')"))
    with pytest.raises(ProcessFailedError) as failure:
        processes.wait(awaited, lambda: False)
    assert "other ended with exit code 1" in str(failure.value)
    assert str(tmp_path / "other.log") in str(failure.value)
    assert "  the disk is full" in str(failure.value)
    processes.abandon()


def test_waiting_ends_and_shows_what_the_silent_one_said_last(
    folder: StageFolder, tmp_path: Path
) -> None:
    processes = ProcessGroup(folder, ready_within_s=0.0)
    code = "import time; print('up', flush=True); time.sleep(300)"
    silent = processes.start(spec("silent", tmp_path, code))
    processes.wait(silent, lambda: silent.last_lines() == ["up"], within_s=10.0)
    with pytest.raises(StageNotReadyError, match=r"silent was not ready after 0 s; .*\n  up"):
        processes.wait(silent, lambda: False)
    processes.abandon()
    assert processes.members() == []


def test_who_is_silent_to_the_end_is_said_to_have_written_nothing(
    folder: StageFolder, tmp_path: Path
) -> None:
    processes = ProcessGroup(folder, ready_within_s=0.0)
    silent = processes.start(spec("silent", tmp_path, "import time; time.sleep(300)"))
    with pytest.raises(StageNotReadyError, match=r"0 s; it wrote nothing to \S+silent\.log\.$"):
        processes.wait(silent, lambda: False)
    processes.abandon()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> dict[int, float]:
    """How long processes have waited for a processor, by pid; the others are not known."""
    waits: dict[int, float] = {}
    monkeypatch.setattr(deadline, "longest_cpu_wait_s", waits.get)
    return waits


SLEEPS = "import time; time.sleep(300)"


def test_whom_others_keep_from_running_is_waited_for_longer_and_not_for_ever(
    folder: StageFolder,
    tmp_path: Path,
    waits: dict[int, float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(deadline, "KEPT_FROM_RUNNING", 50_000)
    processes = ProcessGroup(folder, ready_within_s=0.02)
    starved = processes.start(spec("starved", tmp_path, SLEEPS))
    late = iter([False] * 5 + [True])  # later than the time it has: each look is 15 ms
    waits[starved.pid] = 600.0
    processes.wait(starved, lambda: next(late))
    processes.restart_deadline()
    monkeypatch.setattr(deadline, "KEPT_FROM_RUNNING", 3)
    waits[starved.pid] += 600.0
    with pytest.raises(StageNotReadyError, match="starved was not ready after 0 s"):
        processes.wait(starved, lambda: False)
    waits.clear()  # a system that does not tell
    with pytest.raises(StageNotReadyError, match="starved was not ready after"):
        processes.wait(starved, lambda: False)
    processes.abandon()


def test_of_several_processes_of_a_component_each_may_be_kept_from_running(
    folder: StageFolder,
    tmp_path: Path,
    waits: dict[int, float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(deadline, "KEPT_FROM_RUNNING", 50_000)
    processes = ProcessGroup(folder, ready_within_s=0.02)
    app, other = (processes.start(spec("app", tmp_path, SLEEPS)) for _ in range(2))
    late = iter([False] * 5 + [True])
    waits[other.pid] = 600.0
    processes.wait(app, lambda: next(late))
    processes.abandon()


@pytest.mark.slow
def test_a_patience_of_its_own_is_longer_for_nobody(
    folder: StageFolder, tmp_path: Path, waits: dict[int, float]
) -> None:
    """Faults are ended within a time that others count on."""
    processes = ProcessGroup(folder, ready_within_s=30.0)
    starved = processes.start(spec("starved", tmp_path, SLEEPS))
    waits[starved.pid] = 600.0
    with pytest.raises(StageNotReadyError, match="starved was not ready after 1 s"):
        processes.wait(starved, lambda: False, within_s=1.0)
    processes.abandon()


def test_what_was_waited_for_a_processor_before_is_no_reason_to_wait_longer(
    folder: StageFolder,
    tmp_path: Path,
    waits: dict[int, float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(deadline, "KEPT_FROM_RUNNING", 50_000)
    processes = ProcessGroup(folder, ready_within_s=0.02)
    starved = processes.start(spec("starved", tmp_path, SLEEPS))
    waits[starved.pid] = 600.0
    processes.restart_deadline()
    late = iter([False] * 20 + [True])
    with pytest.raises(StageNotReadyError, match="starved was not ready after 0 s"):
        processes.wait(starved, lambda: next(late))
    processes.abandon()


@pytest.mark.parametrize("clear", [ProcessGroup.stop_all, ProcessGroup.abandon])
def test_nothing_is_started_again_once_the_stage_is_cleared(
    folder: StageFolder, tmp_path: Path, clear: Callable[[ProcessGroup], object]
) -> None:
    """The end of a fault that took too long would leave a process behind."""
    processes = ProcessGroup(folder, ready_within_s=30.0)
    processes.start(spec("struck", tmp_path, "import time; time.sleep(300)"))
    processes.kill_planned("struck")
    clear(processes)
    with pytest.raises(StageUnusableError, match="struck is not started again"):
        processes.restart("struck")
    assert processes.members() == []


class SlowSpec:
    """A process as planned, whose start takes until it is let go on."""

    def __init__(self, planned: ProcessSpec) -> None:
        self.name, self.log, self.planned = planned.name, planned.log, planned
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.started: list[ManagedProcess] = []

    def start(self) -> ManagedProcess:
        self.begun.set()
        assert self.go_on.wait(60)
        self.started.append(self.planned.start())
        return self.started[0]


@pytest.mark.parametrize("clear", [ProcessGroup.stop_all, ProcessGroup.abandon])
def test_clearing_waits_for_no_start_of_a_late_fault_and_leaves_nothing(
    folder: StageFolder,
    tmp_path: Path,
    clear: Callable[[ProcessGroup], object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_STARTED_WITHIN_S", 0.05)
    processes = ProcessGroup(folder, ready_within_s=30.0)
    planned = spec("struck", tmp_path, SLEEPS)
    slow, struck = SlowSpec(planned), processes.start(planned)
    monkeypatch.setattr(struck, "spec", slow)
    processes.kill_planned("struck")
    failures: list[Exception] = []

    def relieve() -> None:
        try:
            processes.restart("struck")
        except StageUnusableError as error:
            failures.append(error)

    late = threading.Thread(target=relieve)
    late.start()
    assert slow.begun.wait(30)
    clear(processes)
    assert not slow.started  # it was not waited for
    slow.go_on.set()
    late.join(30)
    assert "the stage is cleared" in str(failures)
    assert slow.started[0].exit_code == -signal.SIGKILL
    assert processes.members() == []


def test_a_start_that_is_quick_enough_is_cleared_as_all_else(
    folder: StageFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    processes = ProcessGroup(folder, ready_within_s=30.0)
    planned = spec("struck", tmp_path, SLEEPS)
    slow, struck = SlowSpec(planned), processes.start(planned)
    monkeypatch.setattr(struck, "spec", slow)
    processes.kill_planned("struck")
    slow.go_on.set()
    again = processes.restart("struck")
    assert processes.members() == [("struck", again.pid)]
    processes.stop_all()
    assert again.exit_code == -signal.SIGTERM


def test_what_cannot_be_put_on_record_is_not_left_behind(
    folder: StageFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StageUnusableError("No space is left.")

    processes = ProcessGroup(folder, ready_within_s=30.0)
    slow = SlowSpec(spec("unrecorded", tmp_path, SLEEPS))
    slow.go_on.set()
    monkeypatch.setattr(StageFolder, "record", full)
    with pytest.raises(StageUnusableError, match="No space is left"):
        processes.start(slow)
    assert slow.started[0].exit_code == -signal.SIGKILL


ENDS_WELL = "import signal, sys; signal.signal(15, lambda *_: sys.exit(0)); "
SERVES = f"{ENDS_WELL}print('up', flush=True); signal.pause()"
HAS_CHILD = f"{ENDS_WELL}import subprocess; subprocess.run(['sleep', '300'])"


@pytest.mark.parametrize("code", [SERVES, HAS_CHILD], ids=["itself", "a process below it"])
def test_who_stood_still_when_asked_to_end_is_told_of(
    folder: StageFolder, tmp_path: Path, code: str
) -> None:
    processes = ProcessGroup(folder, ready_within_s=30.0)
    process = processes.start(spec("served", tmp_path, code))
    assert process.identity is not None
    identity = process.identity
    if code is SERVES:
        processes.wait(process, lambda: process.last_lines() == ["up"])
        still, who = identity, "served"
    else:
        processes.wait(process, lambda: bool(identity.descendants()))
        still, who = identity.descendants()[0], "a process of served"
    still.signal(signal.SIGSTOP)
    processes.wait(process, lambda: still.stopped)
    what = f"{who} (pid {still.pid}) stood still, stopped by a signal, when it was asked to end."
    assert what in [loss.what for loss in processes.stop_all()]


@pytest.mark.slow
def test_who_runs_until_it_is_asked_to_end_is_not_told_of(
    folder: StageFolder, tmp_path: Path
) -> None:
    processes = ProcessGroup(folder, ready_within_s=30.0)
    process = processes.start(spec("served", tmp_path, SERVES))
    processes.wait(process, lambda: process.last_lines() == ["up"])
    assert processes.stop_all() == []
