"""Which core does what, and how much CPU time was used there, by whom."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import psutil

GENERATOR: Final = 0
"""The core of the generator that is measured."""
SERVER: Final = 1
"""The core of the server that it asks, and of whoever measures."""
_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
_OF_PROGRAMS: Final = slice(1, 4)
"""user, nice and system of a line of /proc/stat; see proc(5)."""
_STOLEN: Final = 8


@contextmanager
def placed_on(core: int) -> Iterator[None]:
    """Have the processes that are started in the context keep to one core.

    Raises:
        SystemExit: this process may not use that core.
    """
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {core})
    except OSError as error:
        raise SystemExit(
            f"The benchmark needs cores {GENERATOR} and {SERVER} for itself, and this process may "
            f"use {sorted(before)} of {os.cpu_count()}: run it where it may use both."
        ) from error
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def cpu_s(pid: int) -> float:
    """Return the CPU seconds that a process and its children have used; 0 where it is gone.

    Children that have ended count as soon as they have been waited for.
    """
    used_s = 0.0
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        for each in (process, *process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                used_s += sum(each.cpu_times()[:4])
    return used_s


def busy_s(core: int) -> float:
    """Return the seconds that a core has worked for programs, and that a hypervisor took of it."""
    for line in Path("/proc/stat").read_text().splitlines():
        fields = line.split()
        if fields[0] == f"cpu{core}":
            return (sum(map(int, fields[_OF_PROGRAMS])) + int(fields[_STOLEN])) / _TICKS_PER_S
    raise SystemExit(f"This machine has no core {core}: the benchmark needs {SERVER + 1}.")
