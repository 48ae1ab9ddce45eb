"""A process is started with its log and stopped for certain."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dress_rehearsal.compose.errors import StageUnusableError
from dress_rehearsal.compose.pids import ProcessId
from dress_rehearsal.compose.process import (
    ManagedProcess,
    ProcessSpec,
    python_module,
)
from dress_rehearsal.records.environment_variables import child_environment

DEAF = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, lambda *_: print("I heard SIGTERM", flush=True))
child = subprocess.Popen(["sleep", "300"])
print(child.pid, flush=True)
while True:
    time.sleep(60)
"""


def spec(tmp_path: Path, code: str, patience_s: float = 5.0) -> ProcessSpec:
    return ProcessSpec(
        name="fake",
        argv=[sys.executable, "-c", code],
        environment=child_environment(),
        log=tmp_path / "fake.log",
        folder=tmp_path,
        stop_signals=((signal.SIGTERM, patience_s),),
    )


def await_lines(process: ManagedProcess, count: int) -> list[str]:
    deadline = time.monotonic() + 10
    while len(lines := process.last_lines()) < count:
        assert time.monotonic() < deadline, lines
        time.sleep(0.01)
    return lines


def test_it_is_asked_first_and_its_exit_code_told(tmp_path: Path) -> None:
    code = (
        "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(7)); "
        "print('up', flush=True); time.sleep(60)"
    )
    process = ManagedProcess.start(spec(tmp_path, code))
    await_lines(process, 1)
    assert process.exit_code is None
    assert process.stop() == 7
    assert process.asked_to_stop


@pytest.mark.slow
def test_one_that_does_not_listen_is_killed_with_its_children(tmp_path: Path) -> None:
    process = ManagedProcess.start(spec(tmp_path, DEAF, patience_s=0.2))
    child = ProcessId.of(int(await_lines(process, 1)[0]))
    assert child is not None
    assert process.stop() == -signal.SIGKILL
    assert child.wait(5.0)
    assert process.last_lines()[-1] == "I heard SIGTERM"


def test_ctrl_c_does_not_reach_it_because_it_has_a_session_of_its_own(tmp_path: Path) -> None:
    process = ManagedProcess.start(spec(tmp_path, DEAF, patience_s=0.1))
    session = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[3]
    assert int(session) == process.pid
    process.stop()


def test_a_program_that_is_not_there_is_told_by_name(tmp_path: Path) -> None:
    missing = ProcessSpec("redis", ["/nowhere/redis-server"], {}, tmp_path / "redis.log", tmp_path)
    with pytest.raises(
        StageUnusableError, match=r"redis cannot be started: /nowhere/redis-server: No"
    ):
        ManagedProcess.start(missing)


@pytest.mark.slow
def test_only_the_end_of_a_long_log_is_read(tmp_path: Path) -> None:
    process = ManagedProcess.start(spec(tmp_path, "for n in range(20_000): print('line', n)"))
    assert process.wait(20.0) == 0
    assert process.last_lines(3) == ["line 19997", "line 19998", "line 19999"]


@pytest.mark.slow
def test_the_rooms_can_be_imported_from_any_folder(tmp_path: Path) -> None:
    command = python_module("dress_rehearsal.plans.types")
    ran = subprocess.run(command, cwd=tmp_path, env=child_environment(), check=False)
    assert ran.returncode == 0


def test_one_that_was_stopped_goes_on_so_that_it_can_end_by_itself(tmp_path: Path) -> None:
    code = (
        "import signal, subprocess, sys, time; "
        "child = subprocess.Popen(['sleep', '300']); "
        "signal.signal(signal.SIGTERM, lambda *_: (child.terminate(), child.wait(), sys.exit(7))); "
        "print('up', flush=True); time.sleep(60)"
    )
    process = ManagedProcess.start(spec(tmp_path, code))
    await_lines(process, 1)
    assert process.identity is not None
    for stopped in (process.identity, *process.identity.descendants()):
        stopped.signal(signal.SIGSTOP)
    assert process.stop() == 7


def test_one_that_not_even_sigkill_ends_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = ManagedProcess.start(spec(tmp_path, "import time; time.sleep(60)"))
    monkeypatch.setattr("dress_rehearsal.compose.process.KILLED_S", 0.05)
    with monkeypatch.context() as held:
        held.setattr(ProcessId, "kill_tree", lambda _: None)  # as the kernel may hold it
        with pytest.raises(StageUnusableError, match=rf"fake \(pid {process.pid}\) does not end"):
            process.kill()
    monkeypatch.undo()
    assert process.kill() == -signal.SIGKILL
