"""What is known of a peer: where it is, how it is started, and how its output is read."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlsplit

SCRIPTS: Final = Path(__file__).parents[1] / "scripts"
_BESIDE_PYTHON: Final = str(Path(sys.executable).parent)

OUTPUT: Final = "output.txt"
"""What everybody prints."""
_LAST_WORDS: Final = 600
_CHUNK: Final = 1 << 22

Summary = Mapping[str, Any]


class PeerFailedError(Exception):
    """A peer did not do what it should; the sentence has the end of what it printed."""


@dataclass(frozen=True, slots=True)
class Job:
    """What a peer is to do, as fast as it can.

    Attributes:
        folder: an empty one, for what it writes.
    """

    url: str
    connections: int
    seconds: float
    folder: Path

    @property
    def output(self) -> Path:
        """What it prints."""
        return self.folder / OUTPUT

    @property
    def target(self) -> str:
        """The URL without its path."""
        return self.url.removesuffix(urlsplit(self.url).path)

    @property
    def variables(self) -> dict[str, str]:
        """The same in variables, for scripts."""
        path = urlsplit(self.url).path
        return {
            "URL": self.url,
            "URL_PATH": path,
            "SECONDS": f"{self.seconds:g}",
            "CONNECTIONS": str(self.connections),
        }


@dataclass(frozen=True, slots=True)
class Claims:
    """What a peer says of its own run.

    Attributes:
        requests: how many were answered.
        failed: how many of them were not answered with a success.
        rows: how many are kept as a row of their own; None: it keeps none.
    """

    requests: int
    failed: int
    rows: int | None = None


@dataclass(slots=True)
class Running:
    """A peer at work; leave the context and it is gone."""

    process: "subprocess.Popen[bytes]"
    output: Path
    held: ExitStack = field(default_factory=ExitStack)
    """What it needs until it has ended."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.held.close()

    def await_end(self, within_s: float) -> None:
        """Wait until it has ended.

        Raises:
            PeerFailedError: it has not.
        """
        try:
            self.process.wait(within_s)
        except subprocess.TimeoutExpired as error:
            raise PeerFailedError(f"It did not end. It printed: {self.last_words}") from error

    @property
    def last_words(self) -> str:
        """The end of what it has printed, in one line."""
        words = self.output.read_text("utf-8", "replace").split()
        return " ".join(words)[-_LAST_WORDS:] or "(nothing)"


@dataclass(frozen=True, slots=True)
class Tool:
    """A load generator.

    Attributes:
        key: what `--only` calls it.
        program: what has to be there; None: it comes with this project.
        get_it: how to get it.
    """

    key: str
    name: str
    program: str | None
    get_it: str

    @property
    def is_there(self) -> bool:
        """Whether it is installed."""
        return self.program is None or found(self.program) is not None


@dataclass(frozen=True, slots=True)
class Peer(Tool):
    """A load generator in one way of using it, as fast as it can.

    Attributes:
        start: begins the job; it ends by itself.
        claims: reads what it has left behind; raises ValueError where that cannot be read.
    """

    start: Callable[[Job], Running]
    claims: Callable[[Job], Claims]


def begun(command: Sequence[str], folder: Path, variables: Mapping[str, str]) -> Running:
    """Run a command in a folder, with variables beside those of this process."""
    output = folder / OUTPUT
    with output.open("wb") as printed:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.STDOUT,
        )
    return Running(process, output)


def command(
    make: Callable[[Job], list[str]], environment: Mapping[str, str] | None = None
) -> Callable[[Job], Running]:
    """Return what starts a command, with the job's variables and what else it is given."""
    return lambda job: begun(make(job), job.folder, {**job.variables, **(environment or {})})


def program(name: str) -> str:
    """Return where a program is that is there."""
    path = found(name)
    assert path is not None, name
    return path


def found(name: str) -> str | None:
    """Return where a program is: in this Python's environment, else on the PATH."""
    return shutil.which(name, path=_BESIDE_PYTHON) or shutil.which(name)


def lines_with(file: Path, beginning: bytes) -> int:
    """Return how many lines of a file begin so, the first line left out."""
    wanted, count, rest = b"\n" + beginning, 0, b""
    with file.open("rb") as lines:
        while chunk := lines.read(_CHUNK):
            count += (rest + chunk).count(wanted)
            rest = (rest + chunk)[1 - len(wanted) :]
    return count


def duration(seconds: float) -> str:
    """Return seconds as most peers read them: in whole milliseconds."""
    return f"{round(seconds * 1000)}ms"
