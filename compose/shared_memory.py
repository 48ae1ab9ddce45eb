"""The shared memory of a PostgreSQL that was killed: nobody else gives it back before a reboot.

A server that ends well frees it, one that is started again on the same data takes it over. The data
of a stage is deleted instead: each killed server would keep one of the system's segments for good.
"""

import ctypes
import errno
import os
from pathlib import Path
from typing import Final

from dress_rehearsal.compose.errors import StageUnusableError

_LOCK_FILES: Final = "postgres/data/postmaster.pid"
"""Where a server keeps key and id of its segment, in a stage's folder; gone once it ended well."""
_SEGMENT_LINE: Final = 6
_REMOVE: Final = 0
_GONE: Final = (errno.EINVAL, errno.EIDRM, errno.ENOENT)


def release(folder: Path) -> None:
    """Give back what the servers of the stage in `folder` hold, none of which runs any more.

    Raises:
        StageUnusableError: the system refuses.
    """
    for lock in folder.glob(_LOCK_FILES):
        lines = lock.read_text(encoding="utf-8", errors="replace").splitlines()
        words = lines[_SEGMENT_LINE].split() if len(lines) > _SEGMENT_LINE else []
        if len(words) == 2 and all(word.isdecimal() for word in words):
            _remove(int(words[0]), int(words[1]))


def _remove(key: int, segment: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.shmget(ctypes.c_int(key), ctypes.c_size_t(0), 0) != segment:
        return  # freed already, and the id, if there is one, is somebody else's by now
    if libc.shmctl(segment, _REMOVE, None) != 0 and ctypes.get_errno() not in _GONE:
        raise StageUnusableError(
            f"The shared memory of the stage's PostgreSQL cannot be given back: "
            f"{os.strerror(ctypes.get_errno())}; free it with `ipcrm -m {segment}`."
        )
