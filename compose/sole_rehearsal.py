"""One rehearsal of a target at a time: two at once would take each other's buyers for wrongs.

One resets the shop while the other sells, and each finds the other's tickets in the ledger. A lock
on a file of the machine's temporary folder is held until the end of the stage, and released by the
kernel however that comes. Whoever rehearses from another machine cannot be noticed by it.
"""

import fcntl
import hashlib
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from dress_rehearsal.compose.errors import StageUnusableError
from dress_rehearsal.plans.hosts import is_loopback

_PORTS: Final = {"http": 80, "https": 443}
_TRIES: Final = 10
_LONGEST_PID: Final = 20


class SoleRehearsal:
    """The right to rehearse a target, held from when it is made until it is released.

    Raises:
        StageUnusableError: a rehearsal of this machine that is under way has the same target.
    """

    def __init__(self, url: str) -> None:
        self._path = _path_of(url)
        self._lock: int | None = None
        for _ in range(_TRIES):  # whoever held it may just be taking its file away
            try:
                lock = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            except OSError:
                return  # another user's, or no place for one: nobody can tell
            if not _taken(lock):
                raise StageUnusableError(_refusal(url, lock))
            if _is_still(lock, self._path):
                os.truncate(lock, 0)
                os.write(lock, str(os.getpid()).encode())
                self._lock = lock
                return
            os.close(lock)

    def release(self) -> None:
        """Let others rehearse the target; a second time does nothing."""
        lock, self._lock = self._lock, None
        if lock is not None:
            with suppress(OSError):
                self._path.unlink()
            os.close(lock)


def _path_of(url: str) -> Path:
    """Return the file for a target: by host and port, for a path beside it has the same CPU."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    where = f"{'loopback' if is_loopback(host) else host}:{parts.port or _PORTS.get(parts.scheme)}"
    name = hashlib.sha256(where.encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"rehearsed-{name}.lock"


def _taken(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _is_still(lock: int, path: Path) -> bool:
    """Return whether the file that is locked is the one that others would lock."""
    try:
        return os.fstat(lock).st_ino == path.lstat().st_ino
    except OSError:
        return False


def _refusal(url: str, lock: int) -> str:
    pid = os.pread(lock, _LONGEST_PID, 0).decode(errors="replace")
    os.close(lock)
    by = f" (pid {pid})" if pid.isdecimal() else ""
    return (
        f"The stage is not set: another rehearsal on this machine{by} has {url} as its target. "
        f"Each would reset the other's sale and take its buyers for wrongs: wait until it has "
        f"ended."
    )
