"""Who used the CPU: the app, the stores, the generator, the conductor, other programs."""

from typing import Any, Final, NamedTuple

import numpy as np

from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.containers import service_of
from dress_rehearsal.reports.evidence.samples import by_source, instants, level_on
from dress_rehearsal.reports.pools.diagnosis import runs
from dress_rehearsal.reports.words import counted, percent

_WHO: Final = {
    "app": "the app",
    "writeback": "the write-back",
    "postgres": "PostgreSQL",
    "redis": "Redis",
    "sqs": "the queue service",
    "kafka": "Kafka",
    "nginx": "nginx",
    "neighbours": "the app's neighbours",
    "generator": "the generator",
}
_WAIT: Final = "process_cpu_wait_seconds_total"
_STEAL: Final = "machine_cpu_steal_seconds_total"
_STOLEN: Final = 0.05
"""From so many cores on a worker's lack of a processor does not show in its own times."""
_CONTAINER: Final = "container_cpu_usage_seconds_total"
_PROCESS: Final = "container_process_info"
_FOREIGN: Final = "machine_foreign_cpu_seconds_total"
_USED: Final = "machine_cpu_used_ratio"
_CPUS: Final = "machine_cpus"
_OURS: Final = "the rest of the rehearsal"
REHEARSAL: Final = (_WHO["generator"], _OURS)
"""Who of those that use CPUs is the rehearsal itself."""
OTHERS: Final = "other programs"
_LITTLE: Final = 0.05
"""Cores of which less is not worth a word."""
_AT_REST: Final = 0.02
"""Cores of which an app that does anything at all uses more, or waits for them."""
_REST_S: Final = 0.75
_SHORTEST_NS: Final = NS_PER_S // 1000
"""A shorter span is taken for as long: its share would be anybody's guess."""


class CpuUse(NamedTuple):
    """What was used of the machine's CPUs in some spans.

    Attributes:
        share: of all CPUs, 0 to 1; 0 where that was not measured.
        cores: the mean cores that each used, the greediest first; `other programs` is there where
            that was measured.
        cpus: how many CPUs there are; None where nobody counted them.
    """

    share: float
    cores: dict[str, float]
    cpus: float | None


class Spans(NamedTuple):
    """Spans of time (Unix ns, arrays), and how much each counts."""

    from_ns: Any
    until_ns: Any
    weights: Any

    def grown(self, times_ns: Any, values: Any) -> float:
        """Return by how much a counter grew a second, in the weighted mean of the spans."""
        until_ns = np.maximum(self.until_ns, self.from_ns + _SHORTEST_NS)
        start, end = (np.interp(at, times_ns, values) for at in (self.from_ns, until_ns))
        each = (end - start) / ((until_ns - self.from_ns) / NS_PER_S)
        return float(np.average(each, weights=self.weights))


def cpu_use(evidence: Evidence, spans: Spans) -> CpuUse:
    """Return what was used of the CPUs, and by whom, in the very same spans."""
    share = 0.0
    for gauge in evidence.samples.series(_USED, "kernel"):
        # It tells of the time since it was last read.
        gaps_s = np.diff(gauge.t_ns, prepend=gauge.t_ns[:1]) / NS_PER_S
        share = spans.grown(gauge.t_ns, np.cumsum(gauge.values * gaps_s))
    cpus = evidence.samples.named(_CPUS, "processes")["value"]
    return CpuUse(share, _cores_by_user(evidence, spans), float(cpus.max()) if len(cpus) else None)


def _cores_by_user(evidence: Evidence, spans: Spans) -> dict[str, float]:
    cores: dict[str, float] = {}
    contained: set[str] = set()
    for container in evidence.samples.series(_CONTAINER, "containers"):
        # Processes that came and went between two looks are in it as well.
        name = container.label("container")
        who = _WHO.get(service_of(name), _OURS)
        cores[who] = cores.get(who, 0.0) + spans.grown(container.t_ns, container.values)
        there = evidence.samples.series(_PROCESS, "containers", container=name)
        contained |= {process.label("pid") for process in there}
    for process in evidence.samples.series("process_cpu_seconds_total", "processes"):
        if process.label("pid") in contained:
            continue
        who = _WHO.get(process.label("component"), _OURS)
        cores[who] = cores.get(who, 0.0) + spans.grown(process.t_ns, process.values)
    for foreign in evidence.samples.series(_FOREIGN, "processes"):
        cores[OTHERS] = max(spans.grown(foreign.t_ns, foreign.values), 0.0)
    return dict(sorted(cores.items(), key=lambda item: (-item[1], item[0])))


def share_at_rest(evidence: Evidence, spans: Spans) -> float:
    """Return for which share of some spans somebody else's app had nothing for a processor to do.

    Then none of its processes used one, and none was ready to: it stood still, or waited for
    something else. Whoever lacks a processor gets one now and then; so that is asked of times of
    `_REST_S` and longer, and of nothing where nobody looked at the app's processes.
    """
    if evidence.plan.target.ours:
        return 0.0
    own = [
        series
        for name in ("process_cpu_seconds_total", _WAIT)
        for series in evidence.samples.series(name, "processes", component="app")
    ]
    times_ns = instants(own)
    if len(times_ns) < 2:
        return 0.0
    wanted = sum(np.interp(times_ns, series.t_ns, series.values) for series in own)
    every_s = np.diff(times_ns) / NS_PER_S
    rest_s = np.zeros(len(times_ns))
    for start, end in runs(np.diff(wanted) <= _AT_REST * every_s):
        lasted_s = every_s[start:end]
        if lasted_s.sum() >= _REST_S:
            rest_s[start + 1 : end + 1] = lasted_s
    return spans.grown(times_ns, np.cumsum(rest_s))


def share_on_cpu(evidence: Evidence, grid_ns: Any, late_s: float) -> float | None:
    """Return for which share of its late time the latest app worker ran or was ready to run.

    What is left it waited for something else than a processor: it slept, or was blocked.

    Args:
        grid_ns: the instants between which is asked.
        late_s: from which lateness on a loop is late; its gauge tells of the time until it is read.

    Returns:
        0 to 1; None where it was not measured, or the host gave the processors to others meanwhile.
    """
    samples = evidence.samples
    lags = samples.series("app_event_loop_lag_seconds", "app")
    lateness = {
        source.partition(":")[2]: np.nan_to_num(level_on(grid_ns, own))[1:]
        for source, own in by_source(lags).items()
    }
    latest = max(lateness, key=lambda pid: (float(lateness[pid].sum()), pid), default=None)
    if latest is None or not (late := lateness[latest] >= late_s).any():
        return None
    late_span_s = float((np.diff(grid_ns) / NS_PER_S)[late].sum())
    stolen = samples.named(_STEAL, "processes")
    if len(stolen) > 1 and _within(stolen, grid_ns, late) > _STOLEN * late_span_s:
        return None
    busy_s = 0.0
    for name in ("process_cpu_seconds_total", _WAIT):
        rows = samples.named(name, "processes", component="app", pid=latest)
        if len(rows) < 2:
            return None
        busy_s += _within(rows, grid_ns, late)
    return min(busy_s / late_span_s, 1.0)


def _within(rows: Any, grid_ns: Any, chosen: Any) -> float:
    """Return by how much a counter grew in some of the intervals between a grid's instants."""
    return float(np.diff(np.interp(grid_ns, rows["t_ns"], rows["value"]))[chosen].sum())


def cpu_words(used: CpuUse) -> str:
    """Return how busy the CPUs were and by whom, in numbers that add up: whoever used next to
    nothing, and what the kernel did for nobody's process, is all else."""
    told = {who: round(cores, 2) for who, cores in used.cores.items() if cores >= _LITTLE}
    each = [f"{who} {_two_digits(cores)}" for who, cores in told.items()]
    busy = f"all CPUs were {percent(used.share)} busy"
    if used.cpus is None:
        return f"{busy}, in cores: {', '.join(each)}" if each else busy
    whole = round(used.share * used.cpus, 2)
    rest = round(whole - sum(told.values()), 2)
    if rest > 0:
        each.append(f"all else {_two_digits(rest)}")
    busy += f": {_two_digits(whole)} of {counted(int(used.cpus), 'core')}"
    said = f"{busy}, {', '.join(each)}" if each else busy
    if rest < 0:
        more = _two_digits(-rest)
        said += f" (together {more} more than that, for they are read at other instants)"
    return said


def _two_digits(cores: float) -> str:
    """Return cores to the digits in which they add up, however many there are."""
    return f"{cores:.2f}".rstrip("0").rstrip(".")
