"""A component is started with its log and stopped for certain."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dress_rehearsal.compose.errors import (
    ProcessFailedError,
    StageNotReadyError,
    StageUnusableError,
)
from dress_rehearsal.compose.pids import Running
from dress_rehearsal.compose.process import Component, Recipe, inherited_environment, python_module
from dress_rehearsal.compose.processes import Cast
from dress_rehearsal.compose.stage_folder import StageFolder

DEAF = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, lambda *_: print("I heard SIGTERM", flush=True))
child = subprocess.Popen(["sleep", "300"])
print(child.pid, flush=True)
while True:
    time.sleep(60)
"""


def recipe(tmp_path: Path, code: str, patience_s: float = 5.0) -> Recipe:
    return Recipe(
        name="fake",
        argv=[sys.executable, "-c", code],
        environment=inherited_environment(),
        log=tmp_path / "fake.log",
        folder=tmp_path,
        stop_signals=((signal.SIGTERM, patience_s),),
    )


def await_lines(component: Component, count: int) -> list[str]:
    deadline = time.monotonic() + 10
    while len(lines := component.last_lines()) < count:
        assert time.monotonic() < deadline, lines
        time.sleep(0.01)
    return lines


def test_it_is_asked_first_and_its_exit_code_told(tmp_path: Path) -> None:
    code = (
        "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(7)); "
        "print('up', flush=True); time.sleep(60)"
    )
    component = Component.start(recipe(tmp_path, code))
    await_lines(component, 1)
    assert component.exit_code is None
    assert component.stop() == 7
    assert component.asked_to_stop


def test_one_that_does_not_listen_is_killed_with_its_children(tmp_path: Path) -> None:
    component = Component.start(recipe(tmp_path, DEAF, patience_s=0.2))
    child = Running.of(int(await_lines(component, 1)[0]))
    assert child is not None
    assert component.stop() == -signal.SIGKILL
    assert child.wait(5.0)
    assert component.last_lines()[-1] == "I heard SIGTERM"


def test_ctrl_c_does_not_reach_it_because_it_has_a_session_of_its_own(tmp_path: Path) -> None:
    component = Component.start(recipe(tmp_path, DEAF, patience_s=0.1))
    session = Path(f"/proc/{component.pid}/stat").read_text().rpartition(")")[2].split()[3]
    assert int(session) == component.pid
    component.stop()


def test_a_program_that_is_not_there_is_told_by_name(tmp_path: Path) -> None:
    missing = Recipe("redis", ["/nowhere/redis-server"], {}, tmp_path / "redis.log", tmp_path)
    with pytest.raises(
        StageUnusableError, match=r"redis cannot be started: /nowhere/redis-server: No"
    ):
        Component.start(missing)


def test_only_the_end_of_a_long_log_is_read(tmp_path: Path) -> None:
    component = Component.start(recipe(tmp_path, "for n in range(90_000): print('line', n)"))
    assert component.wait(20.0) == 0
    assert component.last_lines(3) == ["line 89997", "line 89998", "line 89999"]


def test_settings_of_the_callers_shell_do_not_bypass_the_plan(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("APP_WORKERS", "64")
    monkeypatch.setenv("PGHOST", "production.example")
    environment = inherited_environment()
    assert "APP_WORKERS" not in environment
    assert "PGHOST" not in environment


def test_the_rooms_can_be_imported_from_any_folder(tmp_path: Path) -> None:
    command = python_module("dress_rehearsal.plans.types")
    ran = subprocess.run(command, cwd=tmp_path, env=inherited_environment(), check=False)
    assert ran.returncode == 0


def test_waiting_fails_at_once_when_another_component_ends(tmp_path: Path) -> None:
    folder = StageFolder.create()
    cast = Cast(folder, ready_within_s=30.0)
    awaited = cast.start(recipe(tmp_path, DEAF, patience_s=0.1))
    await_lines(awaited, 1)
    other = recipe(tmp_path, "import sys; sys.exit('the disk is full')")
    started = time.monotonic()
    cast.start(Recipe("other", other.argv, other.environment, tmp_path / "other.log", tmp_path))
    with pytest.raises(ProcessFailedError) as failure:
        cast.wait(awaited, lambda: False)
    assert time.monotonic() - started < 10
    assert "other ended with exit code 1" in str(failure.value)
    assert str(tmp_path / "other.log") in str(failure.value)
    assert "  the disk is full" in str(failure.value)
    cast.abandon()
    folder.remove()


def test_waiting_ends_and_shows_what_the_silent_one_said_last(tmp_path: Path) -> None:
    folder = StageFolder.create()
    cast = Cast(folder, ready_within_s=0.0)
    silent = cast.start(recipe(tmp_path, DEAF))
    said = await_lines(silent, 1)[0]
    with pytest.raises(StageNotReadyError, match=rf"fake was not ready after 0 s; .*\n  {said}"):
        cast.wait(silent, lambda: False)
    cast.abandon()
    assert cast.members() == []
    folder.remove()
