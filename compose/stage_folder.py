"""A stage's temporary folder: its sockets, data and secrets, and its record."""

import fcntl
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from dress_rehearsal.compose.errors import StageUnusableError
from dress_rehearsal.compose.pids import MARKER
from dress_rehearsal.compose.shared_memory import release
from dress_rehearsal.compose.stage_record import RECORD_FILE, RecordedProcess, StageRecord
from dress_rehearsal.records.files import remedy

PREFIX = "dr-"
LOCK_FILE = "lock"
_LONGEST_SOCKET_BYTES = 107


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
        self._record = StageRecord()
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
            lock = locked(path / LOCK_FILE)
            folder = cls(path, lock)
        try:
            _check_name(path / "postgres" / ".s.PGSQL.5432")
            with folder.living():
                folder._record.write(path)
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
            self._put(replace(self._record, docker=socket))

    def keep(self) -> None:
        """Have it outlive this process: no later run clears it, only who asks for that.

        Raises:
            StageUnusableError: that cannot be written.
        """
        with self._writing, self.living():
            self._put(replace(self._record, kept=True))
        os.close(self.lock)

    def record(self, recorded: RecordedProcess, instead_of: int | None = None) -> None:
        """Put a process on record: whoever clears the folder stops it first.

        Args:
            instead_of: pid of one that has ended, whose turn in the clearing it takes.

        Raises:
            StageUnusableError: that cannot be written, so nobody would stop it.
        """
        with self._writing, self.living():
            processes = list(self._record.processes)
            turns = [turn for turn, one in enumerate(processes) if one.pid == instead_of]
            if turns:
                processes[turns[0]] = recorded
            else:
                processes.append(recorded)
            self._put(replace(self._record, processes=tuple(processes)))

    def forget(self, pid: int) -> None:
        """Take a process that has ended off the record.

        Where no space is left for that it stays: whoever clears finds that it has ended.
        """
        with self._writing, suppress(OSError):
            left = tuple(recorded for recorded in self._record.processes if recorded.pid != pid)
            self._put(replace(self._record, processes=left))

    def remove(self) -> None:
        """Delete the folder and let go of the lock.

        Raises:
            StageUnusableError: something in it cannot be deleted.
        """
        try:
            delete(self.path)
        finally:
            os.close(self.lock)

    def _put(self, record: StageRecord) -> None:
        self._record = record
        record.write(self.path)


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


def delete(path: Path) -> None:
    """Delete a stage's folder, its record last: until then a sweep finds it.

    Raises:
        StageUnusableError: something in it, or what it stands for, cannot be deleted.
    """
    last = (RECORD_FILE, LOCK_FILE)
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


def locked(path: Path) -> int:
    """Take a folder's lock, and return the descriptor that holds it until it is closed.

    Raises:
        OSError: it cannot be taken; EWOULDBLOCK where somebody has it.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
