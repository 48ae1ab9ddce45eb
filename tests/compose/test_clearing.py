"""A stage that nobody is left to clear is swept by the next run, as gently as its own would."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dress_rehearsal.compose.clearing import clear, sweep
from dress_rehearsal.compose.pids import ProcessId
from dress_rehearsal.compose.stage_folder import StageFolder
from tests.compose.recorded import left_behind, on_record

Sleeper = Callable[..., "subprocess.Popen[bytes]"]

pytestmark = pytest.mark.usefixtures("temporary_folder")


def test_the_next_run_clears_what_a_killed_one_left(
    sleeper: Sleeper, identify: Callable[[int], ProcessId]
) -> None:
    process = sleeper()
    path = left_behind(on_record(identify(process.pid)))
    (path / "roster.csv").write_text("student,pin,enrolled\n")
    assert sweep() == [path]
    assert process.wait() == -signal.SIGTERM
    assert not path.exists()
    assert sweep() == []


def test_a_recycled_pid_on_record_is_left_alone(
    sleeper: Sleeper, identify: Callable[[int], ProcessId]
) -> None:
    innocent = sleeper()
    now = identify(innocent.pid)
    path = left_behind(on_record(ProcessId(now.pid, now.started - 1)))
    assert sweep() == [path]
    assert innocent.poll() is None


def test_a_run_that_is_under_way_is_left_alone(
    sleeper: Sleeper, identify: Callable[[int], ProcessId]
) -> None:
    process = sleeper()
    folder = StageFolder.create()
    folder.record(on_record(identify(process.pid)))
    assert sweep() == []
    assert process.poll() is None
    assert folder.path.is_dir()
    folder.remove()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to somebody else")
def test_what_somebody_else_wrote_is_never_believed(
    sleeper: Sleeper, identify: Callable[[int], ProcessId]
) -> None:
    victim = sleeper()
    path = left_behind(on_record(identify(victim.pid)))
    os.chown(path, 65534, 65534)
    assert sweep() == []
    os.chown(path, 0, 0)
    path.chmod(0o777)
    assert sweep() == []
    path.chmod(0o700)
    (path / "stage.json").chmod(0o666)
    assert sweep() == []
    assert victim.poll() is None


def test_a_record_cut_short_still_lets_the_folder_go() -> None:
    path = left_behind()
    (path / "stage.json").write_text('{"processes": [')
    assert sweep() == [path]
    assert not path.exists()


def test_a_folder_without_a_record_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "dr-abcdef").mkdir()
    assert sweep() == []
    assert (tmp_path / "dr-abcdef").is_dir()


def test_what_was_started_last_is_stopped_first(
    sleeper: Sleeper, identify: Callable[[int], ProcessId], tmp_path: Path
) -> None:
    first, last = identify(sleeper().pid), identify(sleeper().pid)
    stopped = []

    class Noting:
        def __init__(self, pid: int, started: int) -> None:
            self.running = ProcessId(pid, started)

        def signal(self, number: signal.Signals) -> None:
            stopped.append(self.running)
            self.running.signal(number)

        def wait(self, timeout_s: float) -> bool:
            return self.running.wait(timeout_s)

    path = left_behind(on_record(first, "postgres"), on_record(last, "app"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dress_rehearsal.compose.clearing.ProcessId", Noting)
        clear(path)
    assert stopped == [last, first]


def test_one_that_may_end_by_itself_is_not_asked_while_it_does(
    identify: Callable[[int], ProcessId],
) -> None:
    code = "import sys; sys.stdin.read(); sys.exit(5)"
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE)
    path = left_behind(on_record(identify(process.pid), "generator", ends_itself_s=3600.0))
    assert process.stdin is not None
    process.stdin.close()  # what the generator notices when its conductor dies
    clear(path)
    assert process.wait() == 5


def test_one_that_a_fault_had_stopped_ends_as_gently_as_any(
    identify: Callable[[int], ProcessId],
) -> None:
    ends_well = "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))"
    folder = StageFolder.create()
    process = subprocess.Popen(
        [sys.executable, "-c", f"{ends_well}; print(flush=True); signal.pause()"],
        env={**os.environ, **folder.marker},
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.readline()
    folder.record(on_record(identify(process.pid)))
    process.send_signal(signal.SIGSTOP)
    os.close(folder.lock)
    clear(folder.path)
    assert process.wait() == 7
    process.stdout.close()
