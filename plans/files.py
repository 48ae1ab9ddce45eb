"""Files that people give: read only where they are files, and no more than makes sense."""

import errno
import os
import re
import stat
import tempfile
from pathlib import Path
from typing import Final

from dress_rehearsal.plans.errors import PlanError
from dress_rehearsal.plans.shown import looks_secret
from dress_rehearsal.plans.visible import visible_line

_LONGEST_NAME: Final = 200
_LONGEST_PATH: Final = 4095
_ROOM_BELOW: Final = 250
"""Bytes kept free for what is made in a folder: a run's own name, and its files'."""
_URL: Final = re.compile(r"\w+:/")
_LOGIN: Final = re.compile(r"[^/\s:@]:[^/\s@]{1,300}@")
_CUT: Final = "…"


def read_bytes(path: Path, what: str, most: int) -> bytes:
    """Return what a file holds.

    Args:
        what: a word for it that a sentence can begin with, such as `The plan`.
        most: how many bytes it may have.

    Raises:
        PlanError: it is not there, is no regular file (a pipe would be waited for, a device read
            for ever), is too large, or cannot be read.
    """
    kind = kind_of(path)
    if kind not in (None, "a file"):
        raise PlanError(f"{what} {named(path)} is {kind}: give a file.")
    try:
        with path.open("rb") as file:
            content = file.read(most + 1)
    except (OSError, ValueError) as error:
        raise PlanError(f"{what} {named(path)} cannot be read: {reason_of(error)}.") from error
    if len(content) > most:
        raise PlanError(
            f"{what} {named(path)} is larger than {most // 1024:,} KiB, which none needs to be."
        )
    return content


def check_folder(path: Path, option: str) -> None:
    """Check that a folder can be made or written to, by making one there and taking it away again.

    Args:
        option: what gives it, for the sentence.

    Raises:
        PlanError: it cannot be; nothing is left behind.
    """
    try:
        resolved = path.resolve()
        ways = (resolved, *resolved.parents)
        there = next(way for way in ways if kind_of(way) is not None or way.is_symlink())
        if kind_of(there) is None:  # a link that leads to itself: 3.13 resolves it to itself
            there.stat()
        if kind_of(there) != "a folder":
            raise PlanError(f"{option} {named(path)}: {named(there)} is {kind_of(there)}.")
        _check_names(resolved, there)
        Path(tempfile.mkdtemp(prefix=".rehearse-", dir=there)).rmdir()
    except (OSError, ValueError, RuntimeError) as error:
        raise PlanError(
            f"{option} {named(path)}: no folder can be made there: {reason_of(error)}; choose "
            f"another one."
        ) from error


def check_new_file(path: Path) -> None:
    """Check that a file can be written, leaving what there is as it is.

    Raises:
        PlanError: it cannot be.
    """
    if kind_of(path) not in (None, "a file", "a folder"):
        return  # a device or a pipe, which opening might change
    new = kind_of(path) is None
    try:
        path.open("a").close()
        if new:
            path.unlink()
    except (OSError, ValueError) as error:
        raise PlanError(f"{named(path)} cannot be written: {reason_of(error)}.") from error


def is_file(path: Path) -> bool:
    """Return whether there is a regular file, whatever the path looks like."""
    return _mode(path) is not None and kind_of(path) == "a file"


def kind_of(path: Path) -> str | None:
    """Return what there is at a path, as words; None: nothing that could be seen."""
    mode = _mode(path)
    if mode is None:
        return None
    for is_so, words in (
        (stat.S_ISREG, "a file"),
        (stat.S_ISDIR, "a folder"),
        (stat.S_ISFIFO, "a pipe"),
        (stat.S_ISSOCK, "a socket"),
    ):
        if is_so(mode):
            return words
    return "a device"


def named(path: Path) -> str:
    """Return a path as a sentence shows it: cut where it is long, hidden where it is a URL."""
    text = str(path)
    if _URL.search(text) or _LOGIN.search(text) or looks_secret(text):
        return _CUT
    if len(text) > _LONGEST_NAME:
        text = f"{text[:_LONGEST_NAME]}{_CUT}"
    return visible_line(text)


def reason_of(error: OSError | ValueError | RuntimeError) -> str:
    """Return in a few words why a path cannot be used."""
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    if isinstance(error, RuntimeError):  # what `Path.resolve` makes of links that go in a circle
        return os.strerror(errno.ELOOP)
    return "its name holds a character that no name can hold"


def _check_names(path: Path, there: Path) -> None:
    """Check that the file system takes the names of a path, of which `there` exists already.

    Raises:
        OSError: one is too long, or all of them together.
    """
    longest = os.pathconf(there, "PC_NAME_MAX")
    names = [os.fsencode(part) for part in path.relative_to(there).parts]
    whole = len(os.fsencode(path)) + _ROOM_BELOW
    if any(len(name) > longest for name in names) or whole > _LONGEST_PATH:
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))


def _mode(path: Path) -> int | None:
    try:
        return path.stat().st_mode
    except (OSError, ValueError):
        return None
