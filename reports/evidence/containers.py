"""What the collectors saw of each container: its CPU against its limit, its memory, OOM kills."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

import numpy as np

from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.reports.evidence.samples import Samples, Series, level_on

_SOURCE: Final = "containers"
_CPU: Final = "container_cpu_{}_total"
_OWN: Final = "container_{}"
_LOOSER: Final = "container_looser_{}"
"""Metrics of a container's tightest limit on CPU, and of the others around it."""
HARNESS: Final = "harness_{}"
"""Those of the limits of the rehearsal itself, in the source `processes`."""
_FULL: Final = 0.98
"""A limit is as good as used up: the kernel counts in batches of pages."""
_SCARCE: Final = 0.05
"""Less of the machine's memory than this is as good as none."""


@dataclass(frozen=True, slots=True)
class CpuLimit:
    """A limit on a container's CPU in each interval of a grid; NaN: nobody looked.

    Attributes:
        cgroup: the name of the control group around the container that has it; empty: its own.
        cores: what it allows; NaN without one.
        held_s: seconds for which CPUs were held back in each interval, added up over CPUs.
        periods, throttled: how many periods began in each interval, and in how many of them it was
            used up.
    """

    cgroup: str
    cores: Any
    held_s: Any
    periods: Any
    throttled: Any

    def throttled_share(self, during: Any) -> float:
        """Return in which share of its periods it was used up, within some intervals."""
        periods = float(np.nansum(self.periods[during]))
        return float(np.nansum(self.throttled[during])) / periods if periods > 0 else 0.0


@dataclass(frozen=True, slots=True)
class ContainerCpu:
    """A container's CPU in each interval of a grid, the first one's unknown; NaN: nobody looked.

    Attributes:
        name, service: `app-2` of the service `app`.
        pids: of the processes of components that were in it, as text.
        used_s: CPU seconds used in each interval.
        limits: its own limit and those of the control groups around it, the tightest first.
    """

    name: str
    service: str
    pids: frozenset[str]
    used_s: Any
    limits: tuple[CpuLimit, ...]

    @property
    def is_limited(self) -> bool:
        """Whether it ever had a limit."""
        return not bool(np.isnan(self.limits[0].cores).all())

    @property
    def held_s(self) -> Any:
        """Seconds for which CPUs were held back from it in each interval.

        Where several limits held it back at once, that is as long as the one that did so longest.
        """
        return np.fmax.reduce([limit.held_s for limit in self.limits])

    def throttled_by(self, during: Any) -> CpuLimit:
        """Return the limit that held it back for longest within some intervals.

        That is the tightest one where none did.
        """
        return max(self.limits, key=lambda limit: float(np.nansum(limit.held_s[during])))

    def held_back(self, grid_ns: Any) -> Any:
        """Return which share of each interval it was kept from running, 0 to 1.

        With n processes that want to run at once, n CPUs are held back from it or used by it; less
        than one is not in want of any for part of the time. Where nobody counted what it used, it
        is taken to have used up its limit: that is what it was held back for.
        """
        spans = np.diff(grid_ns, prepend=grid_ns[:1]) / NS_PER_S
        used_up = self.limits[0].cores * spans
        used_s = np.where(np.isnan(self.used_s), used_up, self.used_s)
        wanted = np.maximum(used_s + self.held_s, spans)
        return np.divide(self.held_s, wanted, out=np.full(len(spans), np.nan), where=wanted > 0)


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
    processes = samples.series("container_process_info", _SOURCE, container=name)
    around = samples.series("container_cpu_limit_info", _SOURCE, container=name)
    looser = samples.series(_LOOSER.format("cpu_cfs_periods_total"), _SOURCE, container=name)
    return ContainerCpu(
        name,
        service_of(name),
        frozenset(series.label("pid") for series in processes),
        _grown(grid_ns, samples.series(_CPU.format("usage_seconds"), _SOURCE, container=name)),
        (
            _limit(
                samples,
                grid_ns,
                _OWN,
                around[0].label("cgroup") if around else "",
                container=name,
            ),
            *(
                _limit(samples, grid_ns, _LOOSER, cgroup, container=name, cgroup=cgroup)
                for cgroup in sorted({series.label("cgroup") for series in looser})
            ),
        ),
    )


def own_cpu(samples: Samples, grid_ns: Any) -> ContainerCpu | None:
    """Return the CPU of the container that the rehearsal itself ran in; None: it had no limit."""
    series = samples.series(HARNESS.format("cpu_cfs_periods_total"), "processes")
    cgroups = sorted({each.label("cgroup") for each in series})
    if not cgroups:
        return None
    limits = [
        _limit(samples, grid_ns, HARNESS, cgroup, source="processes", cgroup=cgroup)
        for cgroup in cgroups
    ]
    limits.sort(key=lambda limit: float(np.nanmin(limit.cores, initial=np.inf)))
    unknown = np.full(len(grid_ns), np.nan)
    return ContainerCpu("the rehearsal", "harness", frozenset(), unknown, tuple(limits))


def _limit(
    samples: Samples,
    grid_ns: Any,
    metric: str,
    whose: str,
    *,
    source: str = _SOURCE,
    **labels: str,
) -> CpuLimit:
    def told(what: str) -> Sequence[Series]:
        return samples.series(metric.format(what), source, **labels)

    quota, period = (level_on(grid_ns, told(f"spec_cpu_{what}")) for what in ("quota", "period"))
    return CpuLimit(
        whose,
        cores=np.divide(quota, period, out=np.full(len(grid_ns), np.nan), where=period > 0),
        held_s=_grown(grid_ns, told("cpu_cfs_throttled_seconds_total")),
        periods=_grown(grid_ns, told("cpu_cfs_periods_total")),
        throttled=_grown(grid_ns, told("cpu_cfs_throttled_periods_total")),
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
    used = samples.series(_CPU.format("usage_seconds"), _SOURCE, container=name)
    held = [
        series
        for metric in (_OWN, _LOOSER)
        for series in samples.series(
            metric.format("cpu_cfs_throttled_seconds_total"), _SOURCE, container=name
        )
    ]
    used_s = sum(_grown_between(each, from_ns, until_ns) for each in used)
    held_s = max((_grown_between(each, from_ns, until_ns) for each in held), default=0.0)
    return held_s / max(used_s + held_s, (until_ns - from_ns) / NS_PER_S)


def _grown_between(series: Series, from_ns: int, until_ns: int) -> float:
    return float(np.diff(np.interp((from_ns, until_ns), series.t_ns, series.values))[0])


class OomKill(NamedTuple):
    """That the kernel killed processes of a container for want of memory.

    Attributes:
        after_ns, t_ns: the looks between which it did, Unix ns.
        limit_bytes: the tightest limit on its memory; None: it has none.
        ran_out: whose memory had run out: the `limit`'s, the `machine`'s, or `either`'s where
            nobody can tell.
    """

    container: str
    after_ns: int
    t_ns: int
    number: int
    limit_bytes: float | None
    ran_out: Literal["limit", "machine", "either"]


def oom_kills(samples: Samples) -> Iterator[OomKill]:
    """Yield each look at which more processes had been killed than at the one before."""
    for kills in samples.series("container_oom_events_total", _SOURCE):
        name = kills.label("container")
        limits = samples.series("container_spec_memory_limit_bytes", _SOURCE, container=name)
        more = np.diff(kills.values)
        for place in np.flatnonzero(more > 0):
            span = int(kills.t_ns[place]), int(kills.t_ns[place + 1])
            limit = level_on(np.array(span[1:]), limits)[0] if limits else np.nan
            known = None if np.isnan(limit) else float(limit)
            ran_out = "machine" if known is None else _ran_out(samples, name, span)
            yield OomKill(name, *span, int(more[place]), known, ran_out)


def _ran_out(
    samples: Samples, container: str, span: tuple[int, int]
) -> Literal["limit", "machine", "either"]:
    """Return whose memory had run out when a process of a container with a limit was killed.

    Version 2 of cgroups counts when a limit left no choice. Version 1 only tells how full a limit
    was at most, which file cache may have made it long before: then the machine's memory decides.
    """
    events = samples.series("container_memory_oom_total", _SOURCE, container=container)
    if events:
        return "limit" if bool(np.diff(level_on(np.array(span), events))[0] > 0) else "machine"
    full = samples.series("container_memory_peak_ratio", _SOURCE, container=container)
    if not full:
        return "either"
    before, after = level_on(np.array(span), full)
    if after < _FULL:
        return "machine"
    if before < _FULL:
        return "limit"
    left = samples.series("machine_memory_available_bytes", "kernel")
    most = samples.series("machine_memory_bytes", "kernel")
    if not (left and most):
        return "either"
    near = left[0].values[(left[0].t_ns > span[0] - NS_PER_S) & (left[0].t_ns <= span[1])]
    spare = len(near) > 0 and near.min() >= _SCARCE * most[0].values.max()
    return "limit" if spare else "either"


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
