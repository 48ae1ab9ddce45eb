"""A stage's temporary folder: its sockets, data and secrets, and the record of its processes."""

import errno
import fcntl
import json
import os
import shutil
import signal
import stat
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dress_rehearsal.compose.errors import ContainersLeftError, StageUnusableError
from dress_rehearsal.compose.pids import MARKER, ProcessId, carrying_marker, kill_remnants
from dress_rehearsal.compose.servers.shared_memory import release
from dress_rehearsal.records.files import remedy

PREFIX = "dr-"
_RECORD = "stage.json"
_LOCK = "lock"
_LONGEST_SOCKET_BYTES = 107
CLEARING_S = 15.0
"""Everything is gone within this long, whatever the components do."""


@dataclass(frozen=True, slots=True)
class RecordedProcess:
    """One process on record, with how to stop it when its conductor is no more."""

    name: str
    pid: int
    started: int
    stop_signals: tuple[str, ...]
    ends_itself_s: float
    """How long it may take to notice by itself before it is asked."""
    patience_s: float
    """How long it may take after each stop signal."""


class StageFolder:
    """The folder of one stage, private to its user.

    A lock on it is held for as long as the conductor or its guardian lives, and released by the
    kernel however they end: a folder whose lock is free belongs to nobody.
    """

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self.marker = {MARKER: str(path)}
        """Environment by which processes of this stage are found even when their parent is gone."""
        self.lock = lock
        """Descriptor of the held lock; the guardian inherits it."""
        self._docker: str | None = None
        self._is_kept = False
        self._processes: list[RecordedProcess] = []
        self._writing = threading.Lock()

    @classmethod
    def create(cls) -> "StageFolder":
        """Make an empty one in the temporary folder.

        Raises:
            StageUnusableError: it cannot be made there, or sockets in it would have names that
                the system or PostgreSQL does not take.
        """
        temporary = temporary_folder()
        with _living_in(temporary):
            path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=temporary)).resolve()
            lock = _locked(path / _LOCK)
            folder = cls(path, lock)
        try:
            _check_name(path / "postgres" / ".s.PGSQL.5432")
            with folder.living():
                folder._write()
        except StageUnusableError:
            folder.remove()
            raise
        return folder

    def living(self) -> AbstractContextManager[None]:
        """Put what is written into it while inside: where that fails, a sentence says why.

        Raises:
            StageUnusableError: what is inside raised an OSError.
        """
        return _living_in(self.path)

    def subfolder(self, name: str) -> Path:
        """Make a folder in it that only its owner may enter.

        Raises:
            StageUnusableError: it cannot be made.
        """
        room = self.path / name
        with self.living():
            room.mkdir(mode=0o700)
        return room

    def expect_containers(self, socket: str) -> None:
        """Put on record that there may be containers of the stage, which carry its folder's name.

        Args:
            socket: of the daemon that has them.

        Raises:
            StageUnusableError: that cannot be written, so nobody would remove them.
        """
        with self._writing, self.living():
            self._docker = socket
            self._write()

    def keep(self) -> None:
        """Have it outlive this process: no later run clears it, only who asks for that.

        Raises:
            StageUnusableError: that cannot be written.
        """
        with self._writing, self.living():
            self._is_kept = True
            self._write()
        os.close(self.lock)

    def record(self, recorded: RecordedProcess, instead_of: int | None = None) -> None:
        """Put a process on record: whoever clears the folder stops it first.

        Args:
            instead_of: pid of one that has ended, whose turn in the clearing it takes.

        Raises:
            StageUnusableError: that cannot be written, so nobody would stop it.
        """
        with self._writing, self.living():
            turns = [
                position for position, one in enumerate(self._processes) if one.pid == instead_of
            ]
            if turns:
                self._processes[turns[0]] = recorded
            else:
                self._processes.append(recorded)
            self._write()

    def forget(self, pid: int) -> None:
        """Take a process that has ended off the record.

        Where no space is left for that it stays: whoever clears finds that it has ended.
        """
        with self._writing, suppress(OSError):
            self._processes = [recorded for recorded in self._processes if recorded.pid != pid]
            self._write()

    def remove(self) -> None:
        """Delete the folder and let go of the lock.

        Raises:
            StageUnusableError: something in it cannot be deleted.
        """
        try:
            delete(self.path)
        finally:
            os.close(self.lock)

    def _write(self) -> None:
        partial = self.path / f".{_RECORD}.partial"
        document = {
            "owner": os.getpid(),
            "docker": self._docker,
            "kept": self._is_kept,
            "processes": [asdict(recorded) for recorded in self._processes],
        }
        partial.write_text(json.dumps(document), encoding="utf-8")
        partial.replace(self.path / _RECORD)


def temporary_folder() -> Path:
    """Return the folder that stages are made in: TMPDIR's where it is set, else the system's.

    Raises:
        StageUnusableError: TMPDIR is no folder, or there is none at all.
    """
    asked = os.environ.get("TMPDIR")
    if asked and not Path(asked).is_dir():  # else Python would silently take another one
        raise StageUnusableError(
            f"The stage has nowhere to live: TMPDIR is {asked!r}, and there is no such folder; set "
            f"TMPDIR to a folder you can write to."
        )
    if asked:
        return Path(asked).absolute()
    with _living_in(None):
        return Path(tempfile.gettempdir())


@contextmanager
def _living_in(place: Path | None) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        where = error.filename or place
        raise StageUnusableError(
            f"The stage has nowhere to live: {f'{where}: ' if where else ''}"
            f"{error.strerror or error}; "
            f"{remedy(error, 'set TMPDIR to a folder you can write to')}."
        ) from error


def _check_name(socket: Path) -> None:
    """Check that a socket of PostgreSQL's can have this name.

    Raises:
        StageUnusableError: it cannot.
    """
    name = str(socket)
    if "," in name or not name.isprintable():
        raise StageUnusableError(
            f"The stage has nowhere to live: in the socket name {name!r} is a comma or a character "
            f"that cannot be shown, which PostgreSQL takes for its end; set TMPDIR to a path "
            f"without."
        )
    if len(os.fsencode(socket)) > _LONGEST_SOCKET_BYTES:
        raise StageUnusableError(
            f"The stage has nowhere to live: the socket name {name} is longer than the "
            f"{_LONGEST_SOCKET_BYTES} bytes the system allows; set TMPDIR to a shorter path."
        )


def clear(path: Path) -> None:
    """Stop every process on record, last started first, and delete the folder.

    Called where the conductor is dead: by its guardian, or by the next run when both are.
    """
    deadline = time.monotonic() + CLEARING_S
    for stopped in carrying_marker(path):
        stopped.signal(signal.SIGCONT)  # as a fault may have left it: it would take no other signal
    for recorded in reversed(_recorded(path)):
        _stop(recorded, deadline)
    kill_remnants(path)
    _clear_containers(path)
    delete(path)


def _clear_containers(path: Path) -> None:
    """Remove the stage's containers, where it may have some.

    Raises:
        StageUnusableError: Docker's daemon does not answer, or does not remove them.
    """
    socket = docker_of(path)
    if socket is None:
        return
    # Only who has containers to clear needs the Docker SDK.
    from dress_rehearsal.compose.docker.clearing import clear_stage
    from dress_rehearsal.compose.docker.daemon import connect

    try:
        clear_stage(path.name, connect(socket))
    except StageUnusableError as error:
        raise ContainersLeftError(str(error)) from error


def docker_of(path: Path) -> str | None:
    """Return the socket of the daemon that has a stage's containers; None: it has none."""
    found = _document(path).get("docker")
    return found if isinstance(found, str) else None


def sweep() -> list[Path]:
    """Clear the stages of earlier runs whose conductor and guardian were both killed.

    Only folders that belong to this user and that nobody else can have written are looked at:
    in a shared temporary folder anybody may put a file that names somebody's processes.

    Returns:
        The folders that were cleared.
    """
    cleared = []
    for path in sorted(temporary_folder().glob(f"{PREFIX}*")):
        if not (_private(path, stat.S_ISDIR) and _private(path / _RECORD, stat.S_ISREG)):
            continue
        try:
            lock = _locked(path / _LOCK)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.ENOENT):
                continue  # a run is using it, or another one has just cleared it
            raise StageUnusableError(
                f"What an earlier run left behind in {path} cannot be cleared: "
                f"{error.strerror or error}; delete that folder."
            ) from error
        try:
            if (path / _RECORD).is_file() and not _document(path).get("kept"):
                clear(path.resolve())
                cleared.append(path)
        except ContainersLeftError:
            continue  # this run can go on without; `rehearse stage down` says what is in the way
        finally:
            os.close(lock)
    return cleared


def kept() -> list[Path]:
    """Return the folders of the stages that are kept, oldest first."""
    found = []
    for path in temporary_folder().glob(f"{PREFIX}*"):
        if _private(path, stat.S_ISDIR) and _private(path / _RECORD, stat.S_ISREG):
            with suppress(OSError):  # whoever clears it was quicker
                if _document(path).get("kept"):
                    found.append((path.stat().st_mtime, path.resolve()))
    return [path for _, path in sorted(found)]


def delete(path: Path) -> None:
    """Delete a stage's folder, its record last: until then a sweep finds it.

    Raises:
        StageUnusableError: something in it, or what it stands for, cannot be deleted.
    """
    last = (_RECORD, _LOCK)
    try:
        release(path)
        for child in list(path.iterdir()):
            if child.is_dir():
                shutil.rmtree(child)
            elif child.name not in last:
                child.unlink()
        for name in last:
            (path / name).unlink(missing_ok=True)
        path.rmdir()
    except OSError as error:
        raise StageUnusableError(
            f"The stage's folder {path} cannot be deleted: {error.filename or path}: "
            f"{error.strerror or error}; delete it by hand."
        ) from error


def _locked(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _private(path: Path, is_kind: Any) -> bool:
    try:
        found = path.lstat()
    except OSError:
        return False
    ours = found.st_uid == os.geteuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return ours and bool(is_kind(found.st_mode))


def _recorded(path: Path) -> list[RecordedProcess]:
    try:
        return [RecordedProcess(**fields) for fields in _document(path)["processes"]]
    except (KeyError, TypeError):
        return []


def _document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads((path / _RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        # Cut short by a power failure, or of another version. The processes are still found by
        # what they carry, only not stopped as gently.
        return {}
    return document if isinstance(document, dict) else {}


def _stop(recorded: RecordedProcess, deadline: float) -> None:
    process = ProcessId(recorded.pid, recorded.started)

    def wait(timeout_s: float) -> bool:
        return process.wait(max(0.0, min(timeout_s, deadline - time.monotonic())))

    if recorded.ends_itself_s and wait(recorded.ends_itself_s):
        return
    for name in recorded.stop_signals:
        process.signal(signal.Signals[name])
        if wait(recorded.patience_s):
            return
    process.kill_tree()
    process.wait(1.0)
