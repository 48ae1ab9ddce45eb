"""The process table: every process of the machine, its parent and its CPU (Linux)."""

import os
from typing import Final, NamedTuple

TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
_STAT_BYTES: Final = 1024
_LAST_FIELD: Final = 20
"""Fields after the name that are looked at, up to the time of starting; see proc_pid_stat(5)."""


class Process(NamedTuple):
    """One process; times in clock ticks, `TICKS_PER_S` of them a second."""

    pid: int
    name: str
    parent: int
    started: int
    """Since boot: with the pid it names this process and no later one."""
    cpu: int
    """What it has used itself, in user and in kernel mode."""
    reaped: int
    """What its children used, and theirs, of those that ended and were waited for."""

    @property
    def identity(self) -> tuple[int, int]:
        """What no other process has, not even one that gets its pid later."""
        return self.pid, self.started


ProcessTable = dict[int, Process]
"""The processes by their pids."""


def read_process_table() -> ProcessTable:
    """Return every process there is now; those that end meanwhile may be missing.

    Raises:
        OSError: there is no `/proc`.
    """
    table: ProcessTable = {}
    folder = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)
    try:
        for word in os.listdir(folder):  # noqa: PTH208 — names, by the hundred and every second
            if word.isdigit():
                stat = _text(f"{word}/stat", folder)
                if stat is not None:
                    table[int(word)] = _process(int(word), stat)
    finally:
        os.close(folder)
    return table


def _process(pid: int, stat: bytes) -> Process:
    end = stat.rindex(b")")  # the name may hold blanks and brackets
    name = stat[stat.index(b"(") + 1 : end].decode("utf-8", errors="replace")
    fields = stat[end + 2 :].split(None, _LAST_FIELD)
    return Process(
        pid,
        name,
        parent=int(fields[1]),
        started=int(fields[19]),
        cpu=int(fields[11]) + int(fields[12]),
        reaped=int(fields[13]) + int(fields[14]),
    )


def _text(path: str, folder: int) -> bytes | None:
    try:
        descriptor = os.open(path, os.O_RDONLY, dir_fd=folder)
    except (FileNotFoundError, PermissionError):
        return None
    try:
        return os.read(descriptor, _STAT_BYTES)
    except ProcessLookupError:
        return None
    finally:
        os.close(descriptor)
