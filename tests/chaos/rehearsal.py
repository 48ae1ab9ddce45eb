"""A rehearsal under way, as somebody sees it from outside: its processes, its timeline, its end."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from dress_rehearsal.compose.pids import ProcessId
from tests.chaos import stage

PLAN: Final = Path(__file__).with_name("plan.toml")
REHEARSE: Final = (sys.executable, "-m", "dress_rehearsal.rehearsal")
_OPENS_WITHIN_S: Final = 90.0
_LOOK_S: Final = 0.001
_NS: Final = 1_000_000_000


class NeverCameError(Exception):
    """What was waited for did not come; the message says what."""


@dataclass
class Place:
    """Where a rehearsal is performed: what it writes, and its temporary folder."""

    out: Path
    temporary: Path

    @property
    def folders(self) -> tuple[Path, Path]:
        """Both: whatever is about the rehearsal is in one of them, or was told of it."""
        return self.out, self.temporary


@dataclass
class Rehearsal:
    """One `rehearse run`, in a session of its own."""

    place: Place
    process: "subprocess.Popen[bytes]"
    output_file: Path
    memory: set[str] = field(default_factory=set)
    """The shared memory that its processes had mapped when it was last looked at."""
    _run: Path | None = None

    @classmethod
    def start(
        cls,
        place: Place,
        output: Path,
        settings: Sequence[str] = (),
        options: Sequence[str] = (),
        *,
        command: Sequence[str] = REHEARSE,
    ) -> "Rehearsal":
        """Start one of the small plan."""
        place.out.mkdir(parents=True, exist_ok=True)
        sets = [word for setting in settings for word in ("--set", setting)]
        arguments = ["run", str(PLAN), "--out", str(place.out), *sets, *options]
        with output.open("ab") as file:
            process = subprocess.Popen(
                [*command, *arguments],
                env={**os.environ, "TMPDIR": str(place.temporary)},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return cls(place, process, output)

    @property
    def run(self) -> Path | None:
        """Its run directory, once it has made one."""
        if self._run is None:
            self._run = next(self.place.out.glob("*-chaos-*"), None)
        return self._run

    @property
    def ended(self) -> bool:
        """Whether its conductor has ended."""
        return self.process.poll() is not None

    def output(self) -> str:
        """Return what it has printed."""
        return self.output_file.read_text(errors="replace")

    def verdict(self) -> dict[str, Any] | None:
        """Return its verdict, if there is one."""
        with suppress(OSError, ValueError, TypeError):
            document: dict[str, Any] = json.loads((self.run / "verdict.json").read_text())
            return document
        return None

    def events(self) -> list[dict[str, Any]]:
        """Return its timeline so far."""
        run = self.run
        if run is None:
            return []
        with suppress(OSError):
            lines = (run / "timeline.jsonl").read_text().split("\n")
            return [json.loads(line) for line in lines[:-1]]
        return []

    def stamped(self, kind: str, name: str | None = None) -> int | None:
        """Return when something was first stamped (Unix ns), if it was."""
        for event in self.events():
            if event["kind"] == kind and name in (None, event["name"]):
                return int(event["t_ns"])
        return None

    def await_stamp(self, kind: str, name: str | None = None) -> int:
        """Wait until something is stamped; return when it was, in Unix ns.

        Raises:
            NeverCameError: the rehearsal has ended, or it takes longer than a rehearsal may.
        """
        deadline = time.monotonic() + _OPENS_WITHIN_S
        size = -1
        while time.monotonic() < deadline:
            gone = self.ended
            grown = self._size()
            if grown != size:
                size = grown
                at_ns = self.stamped(kind, name)
                if at_ns is not None:
                    return at_ns
            if gone:
                break
            time.sleep(_LOOK_S)
        raise NeverCameError(f"{name or kind} never came")

    def await_offset(self, seconds: float) -> None:
        """Wait until T-0 plus so many seconds.

        Raises:
            NeverCameError: there is no T-0.
        """
        t0_ns = self.await_stamp("t0")
        self.memory |= stage.shared_memory(*self.place.folders)
        time.sleep(max(0.0, (t0_ns - time.time_ns()) / _NS + seconds))

    def find(self, name: str) -> ProcessId | None:
        """Return the process of a component, if it lives."""
        return stage.find(name, self.place.temporary, self.process.pid)

    def await_end(self, within_s: float) -> float | None:
        """Wait until its conductor has ended; return how long that took, None when it has not."""
        begun_s = time.monotonic()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(within_s)
            return time.monotonic() - begun_s
        return None

    def judge_again(self) -> int:
        """Have it judged from its files alone; return the exit code."""
        with self.output_file.open("ab") as file:
            return subprocess.run(
                [*REHEARSE, "report", str(self.run)],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                timeout=_OPENS_WITHIN_S,
                check=False,
            ).returncode

    def left(self, within_s: float) -> list[str]:
        """Return what is left of it after so long at most: processes, folders, memory, sockets."""
        deadline = time.monotonic() + within_s
        while (left := self._left()) and time.monotonic() < deadline:
            time.sleep(0.1)
        return left

    def wipe(self) -> None:
        """Kill whatever is left of it: it has been told, and the next one shall not suffer."""
        for process in stage.about(*self.place.folders):
            with suppress(Exception):
                process.kill()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(5)

    def _left(self) -> list[str]:
        found = []
        for process in stage.about(*self.place.folders):
            with suppress(Exception):
                found.append(f"process {' '.join(process.cmdline()[:5]) or process.name()}")
        found += [f"folder {path}" for path in self.place.temporary.iterdir()]
        found += [f"socket {path}" for path in stage.sockets(*self.place.folders)]
        return found + [f"shared memory {name}" for name in stage.still_there(self.memory)]

    def _size(self) -> int:
        run = self.run
        with suppress(OSError, TypeError):
            return (run / "timeline.jsonl").stat().st_size
        return -1
