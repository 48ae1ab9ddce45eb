"""What a process that plays students leaves out, for there are several and all take memory."""

import sys
from typing import Any, Final

import pyarrow as pa

FRUGAL: Final = {
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": "262144",
    "MALLOC_TRIM_THRESHOLD_": "4194304",
}
"""Variables by which such a process gives back what it has used once: one heap for all of its
threads and for Arrow, and large arrays outside it, mallopt(3)."""
_PANDAS: Final = "pandas"


class _Nowhere:
    """Finds no pandas (a finder of `sys.meta_path`)."""

    def find_spec(self, name: str, *_: Any) -> None:
        """Have it that there is none.

        Raises:
            ModuleNotFoundError: it was asked for.
        """
        if name == _PANDAS:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def do_without_pandas() -> None:
    """Have Arrow never load pandas, which it does when it first makes an array: 30 MB a process.

    It looks for it once, and takes a user's own pandas objects for anything else then: only for
    processes in which nothing of a user's is run.
    """
    nowhere: Any = _Nowhere()
    sys.meta_path.insert(0, nowhere)
    try:
        pa.array([0])
    finally:
        sys.meta_path.remove(nowhere)
