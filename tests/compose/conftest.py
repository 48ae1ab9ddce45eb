"""What the tests of the stage share: small plans, fake conductors, and waiting for ends."""

import contextlib
import json
import os
import signal
import site
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dress_rehearsal.compose.pids import Running
from dress_rehearsal.plans import Person, Plan, seeded_roster
from dress_rehearsal.plans.plan import App, Event
from dress_rehearsal.records import RunDirectory

ROOT = Path(__file__).resolve().parents[2]


class FakeConductor:
    """A process that runs `code`, tells one JSON document, and then waits to be killed."""

    def __init__(self, code: str, *arguments: str, user: str | None = None) -> None:
        paths = [str(ROOT), *([] if user is None else site.getsitepackages())]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
        interpreter = [sys.executable] if user is None else interpreter_for(user, environment)
        self.process = subprocess.Popen(
            [*interpreter, "-c", code, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            start_new_session=True,
            user=None if interpreter[0] == "setpriv" else user,
            cwd="/",
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the conductor ended with {self.process.wait()} and told nothing"
        self.told: Any = json.loads(line)

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait()

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()


def interpreter_for(user: str, environment: dict[str, str]) -> list[str]:
    """Find a way for another user to run this version of Python with what is installed here.

    Ours may be in a private home: then that user is let through it, and nothing more.
    """
    system = f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"
    let_through = ["setpriv", f"--reuid={user}", "--clear-groups"]
    let_through += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    for interpreter in ([sys.executable], [system], [*let_through, sys.executable]):
        probe = [*interpreter, "-c", "import asyncpg, granian, litestar, psycopg, redis"]
        as_user = None if interpreter[0] == "setpriv" else user
        with contextlib.suppress(OSError, subprocess.CalledProcessError):
            subprocess.run(
                probe, user=as_user, env=environment, cwd="/", check=True, capture_output=True
            )
            return interpreter
    pytest.skip(f"user {user} can run no Python of this version here")


@pytest.fixture
def conduct() -> Iterator[Callable[..., FakeConductor]]:
    conductors: list[FakeConductor] = []

    def start(code: str, *arguments: str, user: str | None = None) -> FakeConductor:
        conductors.append(FakeConductor(code, *arguments, user=user))
        return conductors[-1]

    yield start
    for conductor in conductors:
        conductor.close()


@pytest.fixture
def identify() -> Callable[[int], Running]:
    """Look a running process up, failing when there is none."""

    def of(pid: int) -> Running:
        running = Running.of(pid)
        assert running is not None, f"process {pid} does not run"
        return running

    return of


@pytest.fixture
def all_end() -> Callable[[list[Running], float], list[Running]]:
    """Wait until all processes have ended; returns those that have not in time."""

    def wait(processes: list[Running], within_s: float) -> list[Running]:
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
