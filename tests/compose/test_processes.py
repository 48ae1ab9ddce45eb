"""Processes are waited for together: who ends meanwhile, or says nothing, is reported."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dress_rehearsal.compose.errors import ProcessFailedError, StageNotReadyError
from dress_rehearsal.compose.process import ProcessSpec, inherited_environment
from dress_rehearsal.compose.processes import ProcessGroup
from dress_rehearsal.compose.stage_folder import StageFolder


@pytest.fixture
def folder() -> Iterator[StageFolder]:
    folder = StageFolder.create()
    yield folder
    folder.remove()


def spec(name: str, tmp_path: Path, code: str) -> ProcessSpec:
    argv = [sys.executable, "-c", code]
    return ProcessSpec(name, argv, inherited_environment(), tmp_path / f"{name}.log", tmp_path)


def test_waiting_fails_at_once_when_another_process_ends(
    folder: StageFolder, tmp_path: Path
) -> None:
    processes = ProcessGroup(folder, ready_within_s=30.0)
    awaited = processes.start(spec("awaited", tmp_path, "import time; time.sleep(300)"))
    started = time.monotonic()
    processes.start(spec("other", tmp_path, "import sys; sys.exit('the disk is full')"))
    with pytest.raises(ProcessFailedError) as failure:
        processes.wait(awaited, lambda: False)
    assert time.monotonic() - started < 10
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
