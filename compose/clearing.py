"""Clears a stage whose conductor is no more: what is on its record is stopped, the rest deleted."""

import errno
import os
import signal
import stat
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from dress_rehearsal.compose.errors import ContainersLeftError, StageUnusableError
from dress_rehearsal.compose.pids import ProcessId, carrying_marker, kill_remnants
from dress_rehearsal.compose.stage_folder import LOCK_FILE, PREFIX, delete, locked, temporary_folder
from dress_rehearsal.compose.stage_record import RECORD_FILE, RecordedProcess, StageRecord

CLEARING_S = 15.0
"""Everything is gone within this long, whatever the components do."""


def clear(path: Path) -> None:
    """Stop every process on record, last started first, and delete the folder.

    Called where the conductor is dead: by its guardian, or by the next run when both are.
    """
    deadline = time.monotonic() + CLEARING_S
    for stopped in carrying_marker(path):
        stopped.signal(signal.SIGCONT)  # as a fault may have left it: it would take no other signal
    for recorded in reversed(StageRecord.read(path).processes):
        _stop(recorded, deadline)
    kill_remnants(path)
    _clear_containers(path)
    delete(path)


def _clear_containers(path: Path) -> None:
    """Remove the stage's containers, where it may have some.

    Raises:
        StageUnusableError: Docker's daemon does not answer, or does not remove them.
    """
    socket = StageRecord.read(path).docker
    if socket is None:
        return
    # Only who has containers to clear needs the Docker SDK.
    from dress_rehearsal.compose.docker.clearing import clear_stage
    from dress_rehearsal.compose.docker.daemon import connect

    try:
        clear_stage(path.name, connect(socket))
    except StageUnusableError as error:
        raise ContainersLeftError(str(error)) from error


def sweep() -> list[Path]:
    """Clear the stages of earlier runs whose conductor and guardian were both killed.

    Only folders that belong to this user and that nobody else can have written are looked at:
    in a shared temporary folder anybody may put a file that names somebody's processes.

    Returns:
        The folders that were cleared.
    """
    cleared = []
    for path in sorted(temporary_folder().glob(f"{PREFIX}*")):
        if not (_private(path, stat.S_ISDIR) and _private(path / RECORD_FILE, stat.S_ISREG)):
            continue
        try:
            lock = locked(path / LOCK_FILE)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.ENOENT):
                continue  # a run is using it, or another one has just cleared it
            raise StageUnusableError(
                f"What an earlier run left behind in {path} cannot be cleared: "
                f"{error.strerror or error}; delete that folder."
            ) from error
        try:
            if (path / RECORD_FILE).is_file() and not StageRecord.read(path).kept:
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
        if _private(path, stat.S_ISDIR) and _private(path / RECORD_FILE, stat.S_ISREG):
            with suppress(OSError):  # whoever clears it was quicker
                if StageRecord.read(path).kept:
                    found.append((path.stat().st_mtime, path.resolve()))
    return [path for _, path in sorted(found)]


def _private(path: Path, is_kind: Any) -> bool:
    try:
        found = path.lstat()
    except OSError:
        return False
    ours = found.st_uid == os.geteuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return ours and bool(is_kind(found.st_mode))


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
