"""A `rehearse` process under way, and the quick plan it performs."""

import contextlib
import json
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from dress_rehearsal.records import RunDirectory

QUICK = (
    "event.students=120",
    "event.tickets=30",
    "schedule.lead=1s",
    "schedule.sale=4s",
    "schedule.drain=3s",
    "schedule.settle=3s",
    "students.typing=200ms",
    "students.late_mean=500ms",
    "students.login_at_open=1s",
    "students.qr_delay=200ms",
    "students.ticket_poll=200ms",
    "students.timeout=3s",
    # What is tested here is never how fast the testing machine happens to be.
    "gates=[]",
    "generator.max_late_start=1m",
    "generator.timely=1m",
    "generator.max_foreign_cpu=1000",
)


@dataclass
class Command:
    """A `rehearse` process under way."""

    process: "subprocess.Popen[str]"
    out: Path
    exit_code: int | None = None
    targets: list[dict[str, Any]] = field(default_factory=list)
    """What it announced to Prometheus while it was under way."""
    seen: dict[int, float] = field(default_factory=dict)
    """pid and start time of every process that was ever found below it."""
    looked_at: float = 0.0
    """When its processes were last looked for while it was waited for."""

    @property
    def run(self) -> RunDirectory:
        (path,) = self.out.glob("*-*")
        return RunDirectory(path)

    @property
    def verdict(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((self.run.path / "verdict.json").read_text())
        return document

    def children(self) -> list[psutil.Process]:
        """Return the processes below it now, and remember them."""
        with contextlib.suppress(psutil.NoSuchProcess):
            below = psutil.Process(self.process.pid).children(recursive=True)
            for child in below:
                with contextlib.suppress(psutil.NoSuchProcess):
                    self.seen[child.pid] = child.create_time()
            return below
        return []

    def _remember(self) -> None:
        """Remember who is below it, a few times a second: that asks every process there is."""
        if time.monotonic() - self.looked_at > 0.3:
            self.children()
            self.looked_at = time.monotonic()

    def await_offset(self, seconds: float) -> None:
        """Wait until T-0 plus `seconds`."""
        deadline = time.monotonic() + 150
        while time.monotonic() < deadline and self.process.poll() is None:
            self._remember()
            t0 = [e.t_ns for e in self.run.timeline() if e.kind == "t0"] if self._exists() else []
            if t0 and time.time_ns() >= t0[0] + seconds * 1e9:
                return
            time.sleep(0.05)
        pytest.fail(f"T-0 never came: {self.output()}")

    def find(self, *words: str) -> psutil.Process:
        """Return the first process below it whose command line has all the words."""
        for child in self.children():
            with contextlib.suppress(psutil.NoSuchProcess):
                if all(f"{word} " in " ".join([*child.cmdline(), ""]) for word in words):
                    return child
        raise AssertionError(f"no process with {words} below {self.process.pid}")

    def await_process(self, *words: str) -> psutil.Process:
        """Wait until there is a process with all the words in its command line; give it."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(AssertionError):
                return self.find(*words)
            time.sleep(0.01)
        pytest.fail(f"there never was a process with {words}: {self.output()}")

    def ended(self, within_s: float = 60) -> int:
        """Wait for the end; return the exit code."""
        deadline = time.monotonic() + within_s
        while self.process.poll() is None and time.monotonic() < deadline:
            self._remember()
            time.sleep(0.05)
        assert self.process.poll() is not None, f"still running: {self.output()}"
        self.exit_code = self.process.returncode
        return self.exit_code

    def output(self) -> str:
        return (self.out.parent / "output.txt").read_text()

    def alive(self) -> list[str]:
        """Name the processes it ever started that still live."""
        left = []
        for pid, started in self.seen.items():
            with contextlib.suppress(psutil.NoSuchProcess):
                process = psutil.Process(pid)
                if process.create_time() == started and process.status() != psutil.STATUS_ZOMBIE:
                    left.append(" ".join(process.cmdline()[:4]))
        return left

    def await_nothing_left(self, within_s: float) -> None:
        deadline = time.monotonic() + within_s
        while self.alive() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert self.alive() == []

    def _exists(self) -> bool:
        return self.out.is_dir() and any(self.out.glob("*/timeline.jsonl"))
