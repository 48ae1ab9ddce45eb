"""What the files of a cgroup say of CPU, memory and processes, in version 1 and in version 2.

Version 1: Documentation/admin-guide/cgroup-v1 and scheduler/sched-bwc.rst of the kernel; version 2:
admin-guide/cgroup-v2.rst. The names are cAdvisor's. A file that a kernel does not have is left out:
a controller need not be on, and files came with the years.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from dress_rehearsal.records.collectors.cgroups import Cgroup

USAGE: Final = "container_cpu_usage_seconds_total"
_NS: Final = 1e9
_US: Final = 1e6
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_NO_LIMIT: Final = "max"
_UNLIMITED_BYTES: Final = 2**62
"""Version 1 says so of memory without a limit: the largest number of pages."""

_CFS: Final = {
    "nr_periods": "container_cpu_cfs_periods_total",
    "nr_throttled": "container_cpu_cfs_throttled_periods_total",
}


class CpuLimit(NamedTuple):
    """What a cgroup may use of the CPUs: `quota_us` in each `period_us`; and whose limit it is."""

    quota_us: float
    period_us: float
    cgroup: Cgroup

    @property
    def cores(self) -> float:
        """How many CPUs that is."""
        return self.quota_us / self.period_us


def cpu_limits(cgroup: Cgroup) -> list[CpuLimit]:
    """Return the limits on a cgroup's CPU, its own and those of the ones around it, tightest first.

    Each of them can throttle it: one around it that is less tight has others to serve as well.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not as expected.
    """
    limits = [
        CpuLimit(*found, Cgroup(folder, folder, cgroup.unified))
        for folder in cgroup.line()
        if (found := _quota_us(folder, unified=cgroup.unified)) is not None
    ]
    return sorted(limits, key=lambda limit: limit.cores)


def _quota_us(folder: Path, *, unified: bool) -> tuple[float, float] | None:
    if unified:
        text = _read(folder / "cpu.max")
        if text is None or text.startswith(_NO_LIMIT):
            return None
        quota, period = text.split()
    else:
        quota, period = (
            _read(folder / f"cpu.cfs_{name}_us") or "-1" for name in ("quota", "period")
        )
    return (float(quota), float(period)) if float(quota) > 0 and float(period) > 0 else None


def throttling(cgroup: Cgroup) -> dict[str, float]:
    """Return how often and for how long a cgroup was throttled, all its CPUs added up.

    It is by its own limit only, not by that of one around it (see `cpu_limits`).

    Raises:
        OSError, ValueError: as above.
    """
    stat = _numbers(cgroup.folder / "cpu.stat")
    values = {name: stat[field] for field, name in _CFS.items() if field in stat}
    for field, scale in (("throttled_time", _NS), ("throttled_usec", _US)):
        if field in stat:
            values["container_cpu_cfs_throttled_seconds_total"] = stat[field] / scale
    return values


def cpu_use(cgroup: Cgroup) -> dict[str, float]:
    """Return the CPU seconds that a cgroup has used, processes that ended included.

    Raises:
        OSError, ValueError: as above.
    """
    if cgroup.unified:
        stat = _numbers(cgroup.folder / "cpu.stat")
        told = {kind: stat.get(f"{kind}_usec") for kind in ("usage", "user", "system")}
        scale = dict.fromkeys(told, _US)
    else:
        usage = _read(cgroup.folder / "cpuacct.usage")
        stat = _numbers(cgroup.folder / "cpuacct.stat")
        told = {"usage": None if usage is None else float(usage)}
        told |= {kind: stat.get(kind) for kind in ("user", "system")}
        scale = {"usage": _NS, "user": _TICKS, "system": _TICKS}
    return {
        f"container_cpu_{kind}_seconds_total": value / scale[kind]
        for kind, value in told.items()
        if value is not None
    }


def memory(cgroup: Cgroup) -> dict[str, float]:
    """Return a cgroup's memory in bytes, its tightest limit, and how often it ran into one.

    The working set is what is used less the file cache that could be given back at once. A limit
    that was met need have cost nothing but file cache; one that left the kernel no choice is an
    out-of-memory event, which only version 2 counts: version 1 tells how far a limit was used up at
    most (kernels of today no longer count there how often one was met). Processes are killed when
    the whole machine has no memory left as well, and that is no event of any limit.

    Raises:
        OSError, ValueError: as above.
    """
    folder, unified = cgroup.folder, cgroup.unified
    values = {}
    used = _read(folder / ("memory.current" if unified else "memory.usage_in_bytes"))
    stat = _numbers(folder / "memory.stat")
    if used is not None:
        inactive = stat.get("inactive_file" if unified else "total_inactive_file", 0.0)
        values["container_memory_usage_bytes"] = float(used)
        values["container_memory_working_set_bytes"] = max(float(used) - inactive, 0.0)
    limits = dict(_memory_limits(cgroup))
    if limits:
        values["container_spec_memory_limit_bytes"] = min(limits.values())
    if unified:
        met = [_numbers(_events_of(each)) for each in cgroup.line()]
        values |= _summed("container_memory_failcnt", [each.get("max") for each in met])
        values |= _summed("container_memory_oom_total", [each.get("oom") for each in met])
        kills = _numbers(folder / "memory.events").get("oom_kill")
    else:
        counts = [_number(each / "memory.failcnt") for each in cgroup.line()]
        values |= _summed("container_memory_failcnt", counts)
        kills = _numbers(folder / "memory.oom_control").get("oom_kill")
        most = {each: _number(each / "memory.max_usage_in_bytes") for each in limits}
        full = [peak / limits[each] for each, peak in most.items() if peak is not None]
        if full:
            values["container_memory_peak_ratio"] = max(full)
    return values | _summed("container_oom_events_total", [kills])


def _events_of(folder: Path) -> Path:
    """Return the file with what a cgroup's own limit was met by, without those below it."""
    own = folder / "memory.events.local"
    return own if own.exists() else folder / "memory.events"


def _summed(name: str, counts: Iterable[float | None]) -> dict[str, float]:
    """Return a metric that adds up what is known; empty where nothing is."""
    known = [count for count in counts if count is not None]
    return {name: sum(known)} if known else {}


def tasks(cgroup: Cgroup) -> dict[str, float]:
    """Return how many tasks (processes and their threads) a cgroup has, and how many it may.

    Raises:
        OSError, ValueError: as above.
    """
    found = {
        "container_threads": _read(cgroup.folder / "pids.current"),
        "container_threads_max": _read(cgroup.folder / "pids.max"),
    }
    return {name: float(text) for name, text in found.items() if text not in (None, _NO_LIMIT)}


def _memory_limits(cgroup: Cgroup) -> Iterator[tuple[Path, float]]:
    """Yield each limit on a cgroup's memory with the folder whose it is."""
    name = "memory.max" if cgroup.unified else "memory.limit_in_bytes"
    for folder in cgroup.line():
        text = _read(folder / name)
        if text is not None and text != _NO_LIMIT and float(text) < _UNLIMITED_BYTES:
            yield folder, float(text)


def _numbers(path: Path) -> Mapping[str, float]:
    """Return the pairs of a flat keyed file; empty where the kernel has none."""
    pairs = (line.split() for line in (_read(path) or "").splitlines())
    return {pair[0]: float(pair[1]) for pair in pairs if len(pair) == 2}


def _number(path: Path) -> float | None:
    text = _read(path)
    return None if text is None else float(text)


def _read(path: Path) -> str | None:
    """Return a file's text; None where there is no such file in a cgroup that is there.

    Raises:
        OSError: the cgroup is gone, or may not be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        path.parent.stat()
        return None
    try:
        return os.read(descriptor, 1 << 14).decode("ascii").strip()
    finally:
        os.close(descriptor)
