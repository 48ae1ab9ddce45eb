"""Two checkouts of one repository: head as it stands here, and base in a temporary worktree."""

import fcntl
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

from dress_rehearsal.plans import PlanError
from dress_rehearsal.plans.files import named
from dress_rehearsal.plans.visible import visible_line
from dress_rehearsal.records.environment_variables import child_environment, heeded, users_own
from dress_rehearsal.rehearsal.errors import RehearsalError
from dress_rehearsal.rehearsal.signals import uninterruptible

_GIT_WITHIN_S: Final = 120.0
_INSTALLED_WITHIN_S: Final = 1800.0
_ENDED_WITHIN_S: Final = 10.0
_PREFIX: Final = "rehearse-base-"
_LOCK: Final = "in-use"
_SHOWN: Final = 10
"""Characters of a commit by which builds are told apart."""


class Checkouts:
    """A context manager: base is checked out inside, and its worktree is gone outside.

    Args:
        inside: a folder of the repository.
        ref: which commit is the base: a branch, a tag, a commit.

    Raises:
        PlanError: there is no repository, or no such commit in it.
    """

    def __init__(self, inside: Path, ref: str) -> None:
        top = _asked(inside, "rev-parse", "--show-toplevel")
        if top is None:
            raise PlanError(
                f"{named(inside)} is in no git repository (or git is not on the PATH): start this "
                f"in the repository of what is rehearsed."
            )
        commit = _asked(inside, "rev-parse", "--verify", "--end-of-options", f"{ref}^{{commit}}")
        if commit is None:
            raise PlanError(
                "--base: there is no such commit in this repository; give a branch, a tag or a "
                "commit. A CI's shallow checkout may lack it: fetch it first."
            )
        self.head = Path(top)
        self._commit = commit
        self._folder: Path | None = None
        self._lock: int | None = None

    def __enter__(self) -> Self:
        """Check the base out.

        Raises:
            RehearsalError: git cannot.
        """
        self._remove_abandoned()
        self._folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        try:
            self._lock = _locked(self._folder)
            self._check_out()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the worktree, whatever the user presses meanwhile."""
        self._remove()

    @property
    def base(self) -> Path:
        """Where the base is checked out."""
        assert self._folder is not None
        return self._folder / self.head.name

    @property
    def base_build(self) -> str:
        """The base's commit, as builds are told apart."""
        return self._commit[:_SHOWN]

    @property
    def head_build(self) -> str:
        """The head's commit, as builds are told apart; with a + where what is here differs."""
        commit = (_asked(self.head, "rev-parse", "--verify", "HEAD") or "")[:_SHOWN]
        changed = _asked(self.head, "status", "--porcelain", "--untracked-files=no")
        return f"{commit}+" if changed else commit

    def install(self, command: str, folder: Path) -> None:
        """Run a command in each checkout, without a shell and with the user's own environment.

        Args:
            folder: gets what it says, as `install-base.log` and `install-head.log`.

        Raises:
            PlanError: it is no command.
            RehearsalError: it cannot be started, did not end with 0, or not in time.
        """
        try:
            words = shlex.split(command)
        except ValueError as error:
            raise PlanError("--install: a quotation mark in it has no second one.") from error
        if not words:
            raise PlanError("--install: give a command, such as --install 'npm ci'.")
        for name, checkout in (("base", self.base), ("head", self.head)):
            _run(words, checkout, folder / f"install-{name}.log", name)

    def _check_out(self) -> None:
        done = _git(self.head, "worktree", "add", "--detach", str(self.base), self._commit)
        if done is None or done.returncode:
            why = "git did not end in time" if done is None else _last_line(done.stderr)
            raise RehearsalError(f"The base cannot be checked out: {why}")

    def _remove(self) -> None:
        folder, self._folder = self._folder, None
        if folder is None:
            return
        with uninterruptible():
            self._remove_worktree(folder / self.head.name)
            if self._lock is not None:
                os.close(self._lock)
                self._lock = None

    def _remove_abandoned(self) -> None:
        """Remove the worktrees of earlier ones that were killed before they could do so."""
        listed = _asked(self.head, "worktree", "list", "--porcelain", "-z") or ""
        for line in listed.split("\0"):
            worktree = Path(line.removeprefix("worktree "))
            if not line.startswith("worktree ") or not worktree.parent.name.startswith(_PREFIX):
                continue
            lock = _locked(worktree.parent)
            if lock is not None:
                self._remove_worktree(worktree)
                os.close(lock)

    def _remove_worktree(self, worktree: Path) -> None:
        _git(self.head, "worktree", "remove", "--force", "--force", str(worktree))
        shutil.rmtree(worktree.parent, ignore_errors=True)
        _git(self.head, "worktree", "prune")


def _locked(folder: Path) -> int | None:
    """Return a lock on a folder that is held until it is closed, or whoever holds it has ended;
    None where somebody else holds it, or there is no such folder."""
    try:
        lock = os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return None
    return lock


def _run(words: list[str], checkout: Path, log: Path, name: str) -> None:
    what = f"--install in the checkout of the {name}"
    try:
        with log.open("wb") as output:
            process = subprocess.Popen(
                words,
                cwd=checkout,
                env=child_environment(users_own()),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # whatever it starts ends with it
            )
    except OSError as error:
        raise RehearsalError(f"{what} cannot be started: {error.strerror or error}.") from error
    try:
        code = process.wait(_INSTALLED_WITHIN_S)
    except subprocess.TimeoutExpired as error:
        raise RehearsalError(
            f"{what} had not ended after {_INSTALLED_WITHIN_S / 60:.0f} minutes; see {named(log)}."
        ) from error
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_ENDED_WITHIN_S)
    if code:
        raise RehearsalError(f"{what} ended with {code}; see {named(log)}.")


def _asked(folder: Path, *arguments: str) -> str | None:
    """Return what git answers, None where it has no answer."""
    done = _git(folder, *arguments)
    return None if done is None or done.returncode else done.stdout.strip()


def _git(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str] | None":
    """Run git, without the repository's own hooks; None where there is none, or it does not end."""
    command = ["git", "-C", str(folder), "-c", f"core.hooksPath={os.devnull}", *arguments]
    try:
        return subprocess.run(
            command,
            env=child_environment(heeded("HOME")),  # where git is told whose folders it may read
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_GIT_WITHIN_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return visible_line(lines[-1]) if lines else "git does not say why"
