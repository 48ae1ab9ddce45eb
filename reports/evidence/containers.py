"""What the collectors saw of each container: its CPU against its limit, its memory, OOM kills."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np

from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.reports.evidence.samples import Samples, Series, level_on

_SOURCE: Final = "containers"
_CPU: Final = "container_cpu_{}_total"


@dataclass(frozen=True, slots=True)
class ContainerCpu:
    """A container's CPU in each interval of a grid, the first one's unknown; NaN: nobody looked.

    Attributes:
        name, service: `app-2` of the service `app`.
        pids: of the processes of components that were in it, as text.
        limit: its limit in cores; NaN without one.
        used_s: CPU seconds used in each interval.
        held_s: seconds for which CPUs were held back from it in each interval, added up over CPUs.
        periods, throttled: how many periods began in each interval, and in how many of them it ran
            into its limit.
    """

    name: str
    service: str
    pids: frozenset[str]
    limit: Any
    used_s: Any
    held_s: Any
    periods: Any
    throttled: Any

    @property
    def is_limited(self) -> bool:
        """Whether it ever had a limit."""
        return not bool(np.isnan(self.limit).all())

    def held_back(self, grid_ns: Any) -> Any:
        """Return which share of each interval it was kept from running, 0 to 1.

        With n processes that want to run at once, n CPUs are held back from it or used by it; less
        than one is not in want of any for part of the time.
        """
        spans = np.diff(grid_ns, prepend=grid_ns[:1]) / NS_PER_S
        wanted = np.maximum(self.used_s + self.held_s, spans)
        return np.divide(self.held_s, wanted, out=np.full(len(spans), np.nan), where=wanted > 0)

    def throttled_share(self, during: Any) -> float:
        """Return in which share of its periods it ran into its limit, within some intervals."""
        periods = float(np.nansum(self.periods[during]))
        return float(np.nansum(self.throttled[during])) / periods if periods > 0 else 0.0


def service_of(container: str) -> str:
    """Return the service of a container: `app` of `app-2`, `redis` of `redis`."""
    service, _, number = container.rpartition("-")
    return service if service and number.isdigit() else container


def container_cpus(samples: Samples, grid_ns: Any) -> list[ContainerCpu]:
    """Return the CPU of every container that was seen, in the order of their names."""
    names = {s.label("container") for s in samples.series(_CPU.format("usage_seconds"), _SOURCE)}
    names |= {s.label("container") for s in samples.series(_CPU.format("cfs_periods"), _SOURCE)}
    return [_container_cpu(samples, grid_ns, name) for name in sorted(names)]


def _container_cpu(samples: Samples, grid_ns: Any, name: str) -> ContainerCpu:
    def grown(what: str) -> Any:
        return _grown(grid_ns, samples.series(_CPU.format(what), _SOURCE, container=name))

    quota, period = (
        level_on(grid_ns, samples.series(f"container_spec_cpu_{what}", _SOURCE, container=name))
        for what in ("quota", "period")
    )
    processes = samples.series("container_process_info", _SOURCE, container=name)
    return ContainerCpu(
        name,
        service_of(name),
        frozenset(series.label("pid") for series in processes),
        limit=np.divide(quota, period, out=np.full(len(grid_ns), np.nan), where=period > 0),
        used_s=grown("usage_seconds"),
        held_s=grown("cfs_throttled_seconds"),
        periods=grown("cfs_periods"),
        throttled=grown("cfs_throttled_periods"),
    )


def _grown(grid_ns: Any, rows: Sequence[Series]) -> Any:
    """Return by how much a counter grew in each interval; NaN where it is not known."""
    level = level_on(grid_ns, rows)
    return np.diff(level, prepend=np.nan).clip(min=0)


def held_back_between(samples: Samples, pid: str, from_ns: int, until_ns: int) -> float:
    """Return for which share of a span the container of a process was kept from running, 0 to 1.

    0 too where it is in none, or nobody looked at it.
    """
    processes = samples.series("container_process_info", _SOURCE)
    name = next((each.label("container") for each in processes if each.label("pid") == pid), None)
    if name is None or until_ns <= from_ns:
        return 0.0
    used_s, held_s = (
        sum(
            float(np.diff(np.interp((from_ns, until_ns), each.t_ns, each.values))[0])
            for each in samples.series(_CPU.format(what), _SOURCE, container=name)
        )
        for what in ("usage_seconds", "cfs_throttled_seconds")
    )
    return held_s / max(used_s + held_s, (until_ns - from_ns) / NS_PER_S)


class OomKill(NamedTuple):
    """That the kernel killed processes of a container for its memory, seen at a time (Unix ns).

    `limit_bytes` is None where it has none: then the whole machine had run out of memory.
    """

    container: str
    t_ns: int
    number: int
    limit_bytes: float | None


def oom_kills(samples: Samples) -> Iterator[OomKill]:
    """Yield each look at which more processes had been killed than at the one before."""
    for kills in samples.series("container_oom_events_total", _SOURCE):
        name = kills.label("container")
        limits = samples.series("container_spec_memory_limit_bytes", _SOURCE, container=name)
        more = np.diff(kills.values)
        for place in np.flatnonzero(more > 0):
            t_ns = int(kills.t_ns[place + 1])
            limit = level_on(np.array([t_ns]), limits)[0] if limits else np.nan
            known = None if np.isnan(limit) else float(limit)
            yield OomKill(name, t_ns, int(more[place]), known)


def memory_peaks(samples: Samples) -> Iterator[tuple[str, float, float]]:
    """Yield each container with a limit on its memory, the most it used and that limit, in bytes.

    What it used is its working set: without the file cache that could be given back at once.
    """
    for used in samples.series("container_memory_working_set_bytes", _SOURCE):
        name = used.label("container")
        limits = samples.series("container_spec_memory_limit_bytes", _SOURCE, container=name)
        limit = level_on(used.t_ns, limits)
        share = np.divide(used.values, limit, out=np.zeros(len(limit)), where=limit > 0)
        if limits and (limit > 0).any():
            place = int(np.argmax(share))
            yield name, float(used.values[place]), float(limit[place])
