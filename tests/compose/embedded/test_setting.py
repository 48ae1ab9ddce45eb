"""Setting an embedded stage where that is hard: it finds a way, or says why there is none."""

import os
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dress_rehearsal.compose import (
    EmbeddedStage,
    ProcessFailedError,
    StageNotReadyError,
    StageUnusableError,
)
from dress_rehearsal.compose import processes as groups
from dress_rehearsal.compose.embedded import stage as stages
from dress_rehearsal.compose.process import python_module
from dress_rehearsal.compose.processes import ProcessGroup
from dress_rehearsal.compose.servers.binaries import postgres_binaries
from dress_rehearsal.compose.servers.postgres import PostgresServer
from dress_rehearsal.compose.stage_folder import StageFolder
from dress_rehearsal.plans import Person, Plan
from dress_rehearsal.records import RunDirectory

pytestmark = pytest.mark.servers

NewRun = Callable[[Plan], RunDirectory]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts PostgreSQL as somebody else")
def test_a_copy_is_not_made_where_a_shell_would_obey_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private = tmp_path / "home" / "package" / "bin"
    monkeypatch.setattr(
        "dress_rehearsal.compose.servers.postgres.postgres_binaries", lambda: private
    )
    temporary = Path(tempfile.mkdtemp(prefix='a "quoted" $', dir="/tmp"))  # of a short path
    temporary.chmod(0o755)
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    private.mkdir(parents=True)
    (private / "postgres").touch(mode=0o600)
    folder = StageFolder.create()
    try:
        with pytest.raises(StageUnusableError, match="set TMPDIR to another folder"):
            PostgresServer(folder, tmp_path, max_connections=20).initdb()
    finally:
        folder.remove()
        temporary.rmdir()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts PostgreSQL as somebody else")
def test_binaries_under_a_private_home_are_copied_and_the_home_stays_private(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    installed = postgres_binaries().parents[1]
    for source in (installed, installed.with_name(f"{installed.name}.libs")):
        shutil.copytree(source, home / source.name, symlinks=True)
    private = home / postgres_binaries().relative_to(installed.parent)
    monkeypatch.setattr(
        "dress_rehearsal.compose.servers.postgres.postgres_binaries", lambda: private
    )
    folder = StageFolder.create()
    server = PostgresServer(folder, tmp_path, max_connections=20)
    processes = ProcessGroup(folder, 20.0)
    try:
        processes.run(server.initdb())
        processes.wait(processes.start(server.server()), server.answers)
    finally:
        processes.stop_all()
        folder.remove()
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_a_component_that_fails_is_named_with_the_end_of_its_log(
    small_plan: Plan, people: list[Person], new_run: NewRun
) -> None:
    run = new_run(small_plan)
    twice = [*people, people[0]]
    with pytest.raises(ProcessFailedError) as failure, EmbeddedStage(small_plan, run, twice):
        pytest.fail("entered a stage that could not be set")
    assert failure.value.name == "prepare"
    assert "prepare ended with exit code 2" in str(failure.value)
    assert "listed twice" in str(failure.value)
    assert str(run.logs / "prepare.jsonl") in str(failure.value)


def test_an_app_that_never_gets_ready_is_given_up_in_time_and_nothing_is_left(
    naive_plan: Plan, people: list[Person], new_run: NewRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "print('waiting for Godot', flush=True); time.sleep(300)"
    )

    stage = EmbeddedStage(naive_plan, new_run(naive_plan), people)

    def stuck(module: str, _: object = None) -> list[str]:
        if module != "dress_rehearsal.target_app":
            return python_module(module)
        assert stage._processes is not None
        stage._processes._deadline.at_s = time.monotonic() + 1.0  # all but the app was ready
        return [sys.executable, "-c", code]

    monkeypatch.setattr("dress_rehearsal.compose.embedded.service.python_module", stuck)
    monkeypatch.setattr("dress_rehearsal.compose.deadline.longest_cpu_wait_s", lambda _: None)
    monkeypatch.setattr(ProcessGroup, "stop_all", lambda _: pytest.fail("it waits for a clean end"))
    with pytest.raises(StageNotReadyError, match="app was not ready after 25 s") as failure, stage:
        pytest.fail("entered a stage that could not be set")
    assert stages._READY_S + groups._ABANDON_S < 30  # which is how long it may take
    assert "  waiting for Godot" in str(failure.value)
    with pytest.raises(RuntimeError, match="has been left"):
        _ = stage.roster_path


def test_root_needs_a_temporary_folder_that_postgresql_can_enter(
    tmp_path: Path,
    naive_plan: Plan,
    people: list[Person],
    new_run: NewRun,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if os.geteuid() != 0:
        pytest.skip("PostgreSQL runs as ourselves")
    # Not below pytest's own folder, whose name may be too long for a socket's.
    closed = Path(tempfile.mkdtemp(prefix="closed-"))
    monkeypatch.setattr("tempfile.tempdir", str(closed))
    stage = EmbeddedStage(naive_plan, new_run(naive_plan), people)
    with pytest.raises(StageUnusableError, match=r"may not enter .*; set TMPDIR"), stage:
        pytest.fail("entered a stage that could not be set")
    closed.rmdir()  # which it can be only when nothing was left in it
