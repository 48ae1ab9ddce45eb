"""What the tests of the stage share: small plans, fake conductors, and waiting for ends."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dress_rehearsal.compose.pids import ProcessId
from dress_rehearsal.plans import Person, Plan, seeded_roster
from dress_rehearsal.plans.plan import Event
from dress_rehearsal.plans.sections.app import App
from dress_rehearsal.records import RunDirectory
from tests.compose.conductor import FakeConductor, Interpreter


@pytest.fixture
def conduct() -> Iterator[Callable[..., FakeConductor]]:
    conductors: list[FakeConductor] = []

    def start(code: str, *arguments: str, by: Interpreter | None = None) -> FakeConductor:
        ours = Interpreter([sys.executable], dict(os.environ))
        conductors.append(FakeConductor(by or ours, code, *arguments))
        return conductors[-1]

    yield start
    for conductor in conductors:
        conductor.close()


@pytest.fixture
def temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where stages are made, of this test alone."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def identify() -> Callable[[int], ProcessId]:
    """Look a running process up, failing when there is none."""

    def of(pid: int) -> ProcessId:
        running = ProcessId.of(pid)
        assert running is not None, f"process {pid} does not run"
        return running

    return of


@pytest.fixture
def all_end() -> Callable[[list[ProcessId], float], list[ProcessId]]:
    """Wait until all processes have ended; returns those that have not in time."""

    def wait(processes: list[ProcessId], within_s: float) -> list[ProcessId]:
        deadline = time.monotonic() + within_s
        return [one for one in processes if not one.wait(max(0.0, deadline - time.monotonic()))]

    return wait


@pytest.fixture
def sleeper() -> Iterator[Callable[..., "subprocess.Popen[bytes]"]]:
    """Start processes that end only when they are stopped."""
    started: list[subprocess.Popen[bytes]] = []

    def start(**options: Any) -> "subprocess.Popen[bytes]":
        started.append(subprocess.Popen(["sleep", "300"], **options))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def small_plan() -> Plan:
    return Plan(name="small", event=Event(students=60, tickets=20))


@pytest.fixture(scope="module")
def naive_plan() -> Plan:
    """The lightest stage there is: one worker, no write-back."""
    return Plan(
        name="naive",
        event=Event(students=60, tickets=20),
        app=App(workers=1, allocation="naive", postgres_pool=2, redis_pool=4),
    )


@pytest.fixture(scope="module")
def people() -> list[Person]:
    return seeded_roster(60, 3, seed=1)


@pytest.fixture(scope="module")
def new_run(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Plan], RunDirectory]:
    def create(plan: Plan) -> RunDirectory:
        return RunDirectory.create(tmp_path_factory.mktemp("runs"), plan)

    return create
