"""The processes: CPU and the wait for it, memory and open files, of the stage and the harness."""

import contextlib
import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import psutil

from dress_rehearsal.records.samples import Reading, Series, SourceUnreadableError, labels_json

Components = Callable[[], list[tuple[str, int]]]
"""Returns (component, pid) of the processes the conductor knows of; it is called at every look."""

_METRICS = (
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
    "process_open_fds",
    "process_cpu_wait_seconds_total",
)
_LOOK_EVERY_S = 1.0
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class ProcessUse(NamedTuple):
    """What one process uses; CPU since it began."""

    parent: int
    cpu_seconds: float
    resident_bytes: int


def process_use(pid: int) -> ProcessUse:
    """Return what one process uses now.

    Raises:
        ProcessLookupError: it has ended.
    """
    return _linux_use(pid) if sys.platform == "linux" else _portable_use(pid)


def _linux_use(pid: int) -> ProcessUse:
    """Return it from `/proc/<pid>/stat`, proc(5): one read, a fifth of what psutil needs."""
    try:
        descriptor = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
        try:
            stat = os.read(descriptor, 4096)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        raise ProcessLookupError(pid) from None
    fields = stat[stat.rindex(b")") + 2 :].split()  # from field 3; the name before may hold blanks
    ticks = int(fields[11]) + int(fields[12])
    return ProcessUse(int(fields[1]), ticks / _TICKS_PER_S, int(fields[21]) * _PAGE_BYTES)


def _portable_use(pid: int) -> ProcessUse:
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            cpu = process.cpu_times()
            return ProcessUse(process.ppid(), cpu.user + cpu.system, process.memory_info().rss)
    except psutil.Error:
        raise ProcessLookupError(pid) from None


def open_files(pid: int) -> int:
    """Return how many files a process has open.

    Since Linux 6.2 the size of `/proc/<pid>/fd` is that count; listing 12,000 takes milliseconds.

    Raises:
        ProcessLookupError: it has ended, or belongs to another user.
    """
    try:
        size = os.stat(f"/proc/{pid}/fd").st_size  # noqa: PTH116 — a Path takes thrice as long
    except FileNotFoundError:
        size = 0
    try:
        return size or int(psutil.Process(pid).num_fds())
    except psutil.Error:
        raise ProcessLookupError(pid) from None


def families(known: Mapping[int, str], parents: Mapping[int, int]) -> dict[int, str]:
    """Return each process its component: its own, or its nearest known ancestor's.

    Args:
        known: pid to component.
        parents: pid to parent's pid, of every process of the machine.
    """
    members: dict[int, str] = {}
    for pid in parents:
        ancestor: int | None = pid
        while ancestor is not None and ancestor not in known:
            ancestor = parents.get(ancestor)
        if ancestor is not None:
            members[pid] = known[ancestor]
    return members


def cpu_wait_s(pid: int) -> float | None:
    """Return how long a process' main thread, ready to run, has waited for a processor.

    From `/proc/<pid>/schedstat` (sched-stats); None where the system does not tell, or tells of no
    time that the thread has run.
    """
    return _told_wait_s(f"/proc/{pid}/schedstat")


def longest_cpu_wait_s(pid: int) -> float | None:
    """Return how long that thread of a process has waited that did so longest, of those it has now.

    The main thread of a JVM, say, waits for the others, and never for a processor.
    """
    try:
        threads = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 — as above
    except OSError:
        return None
    told = [_told_wait_s(f"/proc/{pid}/task/{thread}/schedstat") for thread in threads]
    return max((waited_s for waited_s in told if waited_s is not None), default=None)


def _told_wait_s(path: str) -> float | None:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 — as above
            ran_ns, waited_ns, *_ = map(int, file.read().split())
            return waited_ns / 1e9 if ran_ns else None
    except (OSError, IndexError, ValueError):
        return None


class Processes:
    """The processes of the components and their descendants, looked for once a second."""

    name = "processes"

    def __init__(self, components: Components) -> None:
        self._components = components
        self._series: dict[int, tuple[Series, ...]] = {}
        self._parents: dict[int, int] = {}
        self._look_again_s = 0.0

    def read(self) -> Reading:
        """Return what each one uses and waits for; without those that ended.

        Raises:
            SourceUnreadableError: this system does not tell about processes.
        """
        values: dict[Series, float] = {}
        t_ns = time.time_ns()
        try:
            if time.monotonic() >= self._look_again_s:
                self._look_again_s = time.monotonic() + _LOOK_EVERY_S
                self._look()
            for pid, series in self._series.items():
                with contextlib.suppress(ProcessLookupError):
                    use = process_use(pid)
                    waited_s = cpu_wait_s(pid)
                    told = () if waited_s is None else (waited_s,)
                    numbers = (use.cpu_seconds, use.resident_bytes, open_files(pid), *told)
                    values.update(zip(series, numbers, strict=False))
        except OSError as error:
            raise SourceUnreadableError(f"The processes cannot be read: {error}.") from error
        return Reading.of(t_ns, values)

    def close(self) -> None:
        """Nothing is kept open."""

    def _look(self) -> None:
        before, self._parents = self._parents, {}
        for pid in psutil.pids():
            with contextlib.suppress(ProcessLookupError):  # it ended since it was listed
                self._parents[pid] = before.get(pid) or process_use(pid).parent
        known = {pid: component for component, pid in self._components()}
        self._series = {
            pid: tuple(
                Series(self.name, name, labels_json(component=component, pid=pid))
                for name in _METRICS
            )
            for pid, component in families(known, self._parents).items()
        }
