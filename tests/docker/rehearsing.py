"""`rehearse …` on containers, as a user types it, and what of containers is on this machine."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import docker

from dress_rehearsal.compose.docker.daemon import LABEL

ROOT = Path(__file__).parents[2]
_WITHIN_S = 280.0


@dataclass(frozen=True)
class Ended:
    """A command that ended: its exit code and what it said."""

    code: int
    said: str

    @property
    def run(self) -> Path:
        """The run directory that it tells of."""
        [line] = [line for line in self.said.splitlines() if line.startswith("Report: ")]
        return Path(line.removeprefix("Report: ")).parent


class Command:
    """One `rehearse` command that runs, its output in a file."""

    def __init__(self, log: Path, variables: Mapping[str, str], *arguments: str) -> None:
        self._log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "dress_rehearsal.rehearsal", *arguments],
                cwd=ROOT,
                env=os.environ | {"COLUMNS": "200"} | dict(variables),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def said(self) -> str:
        """What it has said so far."""
        return self._log.read_text(encoding="utf-8")

    def await_words(self, words: str) -> None:
        """Wait until it has said something."""
        deadline = time.monotonic() + _WITHIN_S
        while words not in self.said:
            assert self.process.poll() is None, self.said
            assert time.monotonic() < deadline, self.said
            time.sleep(0.05)

    def end(self, number: signal.Signals | None = None) -> Ended:
        """Send a signal, where one is given, and wait for the end."""
        if number is not None:
            self.process.send_signal(number)
        code = self.process.wait(_WITHIN_S)
        return Ended(code, self.said)


def on_this_machine() -> set[str]:
    """Return whatever of any stage's containers is there, and every image with its names."""
    mine: dict[str, str | list[str] | bool] = {"label": LABEL}
    with closing(docker.from_env()) as client:
        found = {f"container {one.name}" for one in client.containers.list(all=True, filters=mine)}
        found |= {f"network {one.name}" for one in client.networks.list(filters=mine)}
        found |= {f"volume {one.name}" for one in client.volumes.list(filters=mine)}
        for one in client.api.images(all=True):
            found |= {f"image {one['Id']}", *(f"name {tag}" for tag in one["RepoTags"] or ())}
    return found
