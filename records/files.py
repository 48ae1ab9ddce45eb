"""Files and folders as they are found, and what to do where the system refuses one."""

import errno
import os
import stat
from pathlib import Path
from typing import Final

from dress_rehearsal.records.errors import RunDirectoryUnusableError

_REFUSALS: Final = {
    errno.ENOSPC: "no space is left there: free some, or",
    errno.EDQUOT: "your quota there is used up: free some space, or",
    errno.EROFS: "that place is read-only:",
    errno.EACCES: "you may not write there: have its owner let you, or",
    errno.EPERM: "you may not write there: have its owner let you, or",
    errno.ENOTDIR: "a file stands where a folder should: move it away, or",
    errno.EEXIST: "something stands there already: move it away, or",
    errno.EISDIR: "a folder stands where a file should: move it away, or",
    errno.ENOENT: "a folder of that path is not there, or was deleted:",
    errno.ELOOP: "a link there leads back to itself: mend it, or",
    errno.ENAMETOOLONG: "the name is longer than the system allows:",
    errno.EMFILE: "too many files are open: raise the limit (`ulimit -n`), or",
    errno.ENFILE: "too many files are open on this machine: close some, or",
    errno.EIO: "the disk fails:",
}
"""For each errno what it means, with what it takes, as far as somebody can do something there."""


class NotAFileError(OSError):
    """Something stands where a file should that is none."""


def reason(error: OSError) -> str:
    """Return what the system said, in its own words; a library may have put others around them."""
    return os.strerror(error.errno) if error.errno else str(error)


def remedy(error: OSError, otherwise: str) -> str:
    """Return what to do where the system refuses to write: what fits the reason, or `otherwise`.

    Args:
        otherwise: what helps whatever the reason is, such as "choose another folder with --out".
    """
    refusal = _REFUSALS.get(error.errno or 0)
    return f"{refusal} {otherwise}" if refusal else otherwise


def bytes_left(path: Path) -> int:
    """Return how much somebody without privileges can still write where a path is.

    Raises:
        OSError: it is not there.
    """
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize


def resolved(path: Path) -> Path:
    """Return a path as it is from anywhere, its links followed.

    Raises:
        RunDirectoryUnusableError: the folder this process stands in was deleted, or a link leads
            back to itself.
    """
    try:
        return path.resolve()
    except FileNotFoundError as error:
        raise RunDirectoryUnusableError(
            f"{path} cannot be found: the folder this was started in has been deleted; change into "
            f"one that is there and try again."
        ) from error
    except (OSError, RuntimeError) as error:  # Python before 3.13 calls a circle a RuntimeError
        raise RunDirectoryUnusableError(
            f"{path} cannot be found: a link in it leads nowhere ({error}); choose another folder."
        ) from error


def is_there(path: Path) -> bool:
    """Return whether anything stands at a path, be it a link that leads nowhere."""
    return os.path.lexists(path)


def regular(path: Path) -> Path:
    """Return a path at which a file stands: reading anything else might never end.

    Raises:
        NotAFileError: a folder, a pipe or a device stands there.
        OSError: nothing does, or it cannot be reached.
    """
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise NotAFileError("it is a folder, not a file")
    if not stat.S_ISREG(mode):
        raise NotAFileError("it is a pipe or a device, not a file")
    return path


def listed(folder: Path, suffix: str) -> list[Path]:
    """Return what stands in a folder under names that end so and are not hidden, in their order.

    Nothing where there is no folder.

    Raises:
        OSError: it cannot be listed, or is no folder.
    """
    if not is_there(folder):
        return []
    return sorted(
        path
        for path in folder.iterdir()
        if path.name.endswith(suffix) and not path.name.startswith(".")
    )
