"""Runs the `rehearse` command as a user does, and watches over what it starts."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.rehearsal.commands import QUICK, Command


@pytest.fixture(scope="session")
def rehearse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Command]]:
    """Start `rehearse run smoke` with a quick plan; overrides as for `--set`. No Prometheus.

    Or another command of `rehearse`, as it is, by another program; in another folder, with more in
    the environment.
    """
    started: list[Command] = []

    def start(
        *overrides: str,
        options: tuple[str, ...] = (),
        command: list[object] | None = None,
        program: list[str] | None = None,
        started_in: Path | None = None,
        surroundings: Mapping[str, str] | None = None,
    ) -> Command:
        folder = tmp_path_factory.mktemp("rehearsal")
        settings = [word for text in (*QUICK, *overrides) for word in ("--set", text)]
        words = ["run", "smoke", *settings, "--no-prometheus"]
        if command is not None:
            words = [str(word) for word in command]
        with (folder / "output.txt").open("w") as output:
            process = subprocess.Popen(
                [
                    *(program or [sys.executable, "-m", "dress_rehearsal.rehearsal"]),
                    *words,
                    "--out",
                    folder / "runs",
                    *options,
                ],
                cwd=started_in,
                env={**os.environ, **(surroundings or {})},
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
            )
        started.append(Command(process, folder / "runs"))
        return started[-1]

    yield start
    for command in started:
        if command.process.poll() is None:
            command.process.send_signal(signal.SIGINT)
            try:
                command.process.wait(30)
            except subprocess.TimeoutExpired:
                command.process.kill()
                command.process.wait()


@pytest.fixture(scope="session")
def prometheus() -> bool:
    """Whether this machine has a Prometheus."""
    return shutil.which("prometheus") is not None


@pytest.fixture(scope="session")
def passed(rehearse: Callable[..., Command], prometheus: bool) -> Command:
    """A rehearsal of the sound default, carried to its end; with Prometheus where there is one.

    Whoever asks for it belongs to the group "a sound sale", so that it is rehearsed only once.
    """
    command = rehearse(options=("--prometheus",) if prometheus else ())
    command.await_offset(0.5)
    if prometheus:
        command.find("prometheus", f"--storage.tsdb.path={command.run.path}/prometheus/data")
    announced = command.out / "targets" / f"{command.run.id}.json"
    command.targets = json.loads(announced.read_text())
    command.ended(100)
    return command
