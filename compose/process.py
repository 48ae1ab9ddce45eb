"""One child process of a stage: started with its log, watched, and stopped for certain."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from dress_rehearsal.compose.errors import StageUnusableError
from dress_rehearsal.compose.limits import step_back
from dress_rehearsal.compose.pids import Running

_TAIL_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Account:
    """The system user a component runs as, when not the one running the rehearsal."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to start a component and how to stop it.

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


def python_module(module: str) -> list[str]:
    """Return the command that runs `module` with this interpreter, wherever it is started."""
    return [sys.executable, "-P", "-m", module]


def inherited_environment() -> dict[str, str]:
    """Return this process's environment without what would bypass the plan.

    Variables of the app (`APP_…`, `NEIGHBOURS_…`), of PostgreSQL's programs and drivers (`PG…`)
    and of clients of SQS (`AWS_…`) are left out.
    """
    bypassing = ("APP_", "NEIGHBOURS_", "PG", "AWS_")
    return {key: value for key, value in os.environ.items() if not key.startswith(bypassing)}


@dataclass(slots=True)
class Component:
    """A started child process in a session of its own, so that Ctrl-C does not reach it."""

    recipe: Recipe
    process: "subprocess.Popen[bytes]"
    identity: Running | None
    """None when it ended before it could be looked at."""
    asked_to_stop: bool = field(default=False)

    @classmethod
    def start(cls, recipe: Recipe) -> "Component":
        """Start it with its output appended to its log and nothing to read.

        Raises:
            StageUnusableError: its program cannot be run or its log not be written.
        """
        account = recipe.account
        try:
            with recipe.log.open("ab") as log:
                process = subprocess.Popen(
                    list(recipe.argv),
                    env=dict(recipe.environment),
                    cwd=recipe.folder,
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
                f"The stage is not set: {recipe.name} cannot be started: "
                f"{error.filename or recipe.argv[0]}: {error.strerror or error}."
            ) from error
        step_back(process.pid)
        return cls(recipe, process, Running.of(process.pid))

    @property
    def name(self) -> str:
        """The component's name, such as `app`."""
        return self.recipe.name

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    @property
    def exit_code(self) -> int | None:
        """How it ended; None while it runs."""
        return self.process.poll()

    def stop(self) -> int:
        """Ask it to end, insist, kill it and what it started; returns its exit code."""
        self.asked_to_stop = True
        for number, patience_s in self.recipe.stop_signals:
            self.ask(number)
            code = self.wait(patience_s)
            if code is not None:
                return code
        return self.kill()

    def ask(self, number: signal.Signals | None = None) -> None:
        """Send a signal, by default its first stop signal, and do not wait."""
        self.asked_to_stop = True
        self.process.send_signal(self.recipe.stop_signals[0][0] if number is None else number)

    def wait(self, timeout_s: float) -> int | None:
        """Wait until it has ended; None when it still runs after `timeout_s`."""
        try:
            return self.process.wait(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def kill(self) -> int:
        """SIGKILL it and everything below it, and reap it."""
        self.asked_to_stop = True
        if self.process.poll() is None and self.identity is not None:
            self.identity.kill_tree()
        return self.process.wait()

    def continue_log(self, log: Path) -> None:
        """Write to `log`, on the same file system, from now on; what was written stays behind.

        The process keeps its open file, so that file moves on and a copy stays in its place.

        Raises:
            StageUnusableError: that cannot be done there.
        """
        before = self.recipe.log
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
        self.recipe = replace(self.recipe, log=log)

    def last_lines(self, count: int = 15) -> list[str]:
        """Read the end of its log."""
        try:
            with self.recipe.log.open("rb") as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - _TAIL_BYTES))
                text = log.read().decode("utf-8", errors="replace")
        except OSError as error:
            return [f"({self.recipe.log} cannot be read: {error.strerror or error})"]
        return [line for line in text.splitlines() if line.strip()][-count:]
