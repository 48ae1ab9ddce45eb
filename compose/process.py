"""One child process of a stage: started with its log, watched, and stopped for certain."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Protocol

from dress_rehearsal.compose.errors import StageUnusableError, describe_exit
from dress_rehearsal.compose.limits import lower_priority
from dress_rehearsal.compose.pids import ProcessId
from dress_rehearsal.records.files import remedy

_LOGIN: Final = re.compile(r"://[^/\s@]{0,300}@")
_TAIL_BYTES = 64 * 1024
KILLED_S = 5.0
"""What a process may take to be gone after SIGKILL: more only where a disk hangs under it."""


@dataclass(frozen=True, slots=True)
class Account:
    """The system user that a process runs as, when not the one running the rehearsal."""

    name: str
    uid: int
    gid: int


class Spec(Protocol):
    """What something that runs is, and how it is started: a process or a container."""

    @property
    def name(self) -> str:
        """The name of its component, such as `app`."""

    @property
    def log(self) -> Path:
        """Where its output goes."""

    def start(self) -> "Managed":
        """Start it.

        Raises:
            StageUnusableError: it cannot be started.
        """


class Managed(Protocol):
    """Something that was started: a process, or a container by its first process."""

    asked_to_stop: bool

    @property
    def spec(self) -> Spec:
        """What it is."""

    @property
    def name(self) -> str:
        """The name of its component, such as `app`."""

    @property
    def label(self) -> str:
        """What it is called among several of its component, such as `app-2`; else its name."""

    @property
    def pid(self) -> int:
        """Its process id on this machine."""

    @property
    def identity(self) -> ProcessId | None:
        """None when it ended before it could be looked at."""

    @property
    def stop_signals(self) -> Sequence[tuple[signal.Signals, float]]:
        """How it is asked to end, each with its patience in seconds."""

    @property
    def exit_code(self) -> int | None:
        """How it ended, as `subprocess` has it (negative is a signal); None while it runs."""

    def how_it_ended(self, code: int) -> str:
        """Return in words how it ended, with the reason where that is known."""

    def stop(self) -> int:
        """Ask it to end, insist, kill it and what it started; return its exit code."""

    def ask(self, number: signal.Signals | None = None) -> None:
        """Send a signal, by default its first stop signal, and do not wait."""

    def wait(self, timeout_s: float) -> int | None:
        """Wait until it has ended; None when it still runs after `timeout_s`."""

    def kill(self) -> int:
        """SIGKILL it and everything below it."""

    def continue_log(self, log: Path) -> None:
        """Write to `log` from now on."""

    def last_lines(self, count: int = 15) -> list[str]:
        """Return the last `count` lines of its log that are not empty, without secrets."""


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """What a process is: how it is started and how it is stopped.

    `stop_signals` are tried in order, each with its own patience in seconds, before SIGKILL.
    """

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    folder: Path
    """Its working directory."""
    stop_signals: Sequence[tuple[signal.Signals, float]] = ((signal.SIGTERM, 5.0),)
    account: Account | None = None
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """What no line of its log is shown with."""

    def start(self) -> "ManagedProcess":
        """Start it.

        Raises:
            StageUnusableError: its program cannot be run or its log not be written.
        """
        return ManagedProcess.start(self)


def python_module(module: str, python: Path | None = None) -> list[str]:
    """Return the command that runs `module` with this interpreter or another one, wherever it is
    started."""
    return [str(python or sys.executable), "-P", "-m", module]


@dataclass(slots=True)
class ManagedProcess:
    """A started child process in a session of its own, so that Ctrl-C does not reach it."""

    spec: ProcessSpec
    popen: "subprocess.Popen[bytes]"
    identity: ProcessId | None
    """None when it ended before it could be looked at."""
    asked_to_stop: bool = field(default=False)

    @classmethod
    def start(cls, spec: ProcessSpec) -> "ManagedProcess":
        """Start it with its output appended to its log and nothing to read.

        Raises:
            StageUnusableError: its program cannot be run or its log not be written.
        """
        account = spec.account
        try:
            with spec.log.open("ab") as log:
                popen = subprocess.Popen(
                    list(spec.argv),
                    env=dict(spec.environment),
                    cwd=spec.folder,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    user=account.uid if account else None,
                    group=account.gid if account else None,
                    extra_groups=[] if account else None,
                )
        except OSError as error:
            raise StageUnusableError(
                f"The stage is not set: {spec.name} cannot be started: "
                f"{error.filename or spec.argv[0]}: {error.strerror or error}; "
                f"{remedy(error, 'see whether it can be run and written to')}."
            ) from error
        lower_priority(popen.pid)
        return cls(spec, popen, ProcessId.of(popen.pid))

    @property
    def name(self) -> str:
        """The name of its component, such as `app`."""
        return self.spec.name

    @property
    def label(self) -> str:
        """The same: there is one of it."""
        return self.spec.name

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.popen.pid

    @property
    def exit_code(self) -> int | None:
        """How it ended, as `subprocess` has it (negative is a signal); None while it runs."""
        return self.popen.poll()

    @property
    def stop_signals(self) -> Sequence[tuple[signal.Signals, float]]:
        """How it is asked to end, each with its patience in seconds."""
        return self.spec.stop_signals

    def how_it_ended(self, code: int) -> str:
        """Return in words how it ended."""
        return describe_exit(code)

    def stop(self) -> int:
        """Ask it to end, insist, kill it and what it started; return its exit code.

        Raises:
            StageUnusableError: not even SIGKILL ends it.
        """
        self.asked_to_stop = True
        if self.identity is not None:
            self.identity.continue_tree()  # stopped, nobody hears that it is to end
        for number, patience_s in self.spec.stop_signals:
            self.ask(number)
            code = self.wait(patience_s)
            if code is not None:
                return code
        return self.kill()

    def ask(self, number: signal.Signals | None = None) -> None:
        """Send a signal, by default its first stop signal, and do not wait."""
        self.asked_to_stop = True
        self.popen.send_signal(self.spec.stop_signals[0][0] if number is None else number)

    def wait(self, timeout_s: float) -> int | None:
        """Wait until it has ended; None when it still runs after `timeout_s`."""
        return ended(self.popen, timeout_s)

    def kill(self) -> int:
        """SIGKILL it and everything below it, and reap it.

        Raises:
            StageUnusableError: it is there all the same.
        """
        self.asked_to_stop = True
        if self.popen.poll() is None and self.identity is not None:
            self.identity.kill_tree()
        code = self.wait(KILLED_S)
        if code is None:
            raise StageUnusableError(
                f"{self.name} (pid {self.pid}) does not end, not even by SIGKILL: the kernel holds "
                f"it, as it does while a disk or a network file system hangs."
            )
        return code

    def continue_log(self, log: Path) -> None:
        """Write to `log`, on the same file system, from now on; what was written stays behind.

        The process keeps its open file, so that file moves on and a copy stays in its place.

        Raises:
            StageUnusableError: that cannot be done there.
        """
        before = self.spec.log
        partial = before.with_name(f".{before.name}.partial")
        try:
            log.hardlink_to(before)
            shutil.copyfile(before, partial)
            os.truncate(log, 0)
            partial.replace(before)
        except OSError as error:
            raise StageUnusableError(
                f"The stage cannot be used again: the log {before} cannot go on as {log}: "
                f"{error.strerror or error}."
            ) from error
        self.spec = replace(self.spec, log=log)

    def last_lines(self, count: int = 15) -> list[str]:
        """Return the last `count` lines of its log that are not empty."""
        return last_lines(self.spec.log, count, self.spec.secrets)


def last_lines(path: Path, count: int, secrets: Sequence[str]) -> list[str]:
    """Return the last `count` lines of a log that are not empty, without what is secret."""
    try:
        with path.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - _TAIL_BYTES))
            text = log.read().decode("utf-8", errors="replace")
    except OSError as error:
        return [f"({path} cannot be read: {error.strerror or error})"]
    lines = [line for line in text.splitlines() if line.strip()][-count:]
    return [_discreet(line, secrets) for line in lines]


def _discreet(line: str, secrets: Sequence[str]) -> str:
    """Return a line as others may read it: a report, a webhook and a log of CI show it."""
    # The guardian imports this module, and need not carry all that the plans' room needs.
    from dress_rehearsal.plans.shown import HIDDEN

    for secret in secrets:
        line = line.replace(secret, HIDDEN)
    return _LOGIN.sub(f"://{HIDDEN}@", line)


def ended(process: "subprocess.Popen[Any]", within_s: float) -> int | None:
    """Wait until a child has ended and return how; None when it still runs after `within_s`."""
    try:
        return process.wait(timeout=within_s)
    except subprocess.TimeoutExpired:
        return None
