"""Who used the CPU: the app, the stores, the generator, the conductor, other programs."""

from typing import Any, Final

import numpy as np

from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.containers import service_of
from dress_rehearsal.reports.evidence.samples import Series, by_source, level_on
from dress_rehearsal.reports.words import written

_WHO: Final = {
    "app": "the app",
    "writeback": "the write-back",
    "postgres": "PostgreSQL",
    "redis": "Redis",
    "sqs": "the queue service",
    "kafka": "Kafka",
    "generator": "the generator",
}
_WAIT: Final = "process_cpu_wait_seconds_total"
_STEAL: Final = "machine_cpu_steal_seconds_total"
_STOLEN: Final = 0.05
"""From so many cores on a worker's lack of a processor does not show in its own times."""
_CONTAINER: Final = "container_cpu_usage_seconds_total"
_PROCESS: Final = "container_process_info"
_FOREIGN: Final = "machine_foreign_cpu_seconds_total"


def cores_by_user(evidence: Evidence, from_ns: int, until_ns: int) -> dict[str, float]:
    """Return the mean cores that each used between two moments, the greediest first.

    `other programs` is there where that was measured.
    """
    span_s = (until_ns - from_ns) / NS_PER_S
    if span_s <= 0:
        return {}
    cores: dict[str, float] = {}
    contained: set[str] = set()
    for container in evidence.samples.series(_CONTAINER, "containers"):
        # Processes that came and went between two looks are in it as well.
        name = container.label("container")
        who = _WHO.get(service_of(name), "the rest of the rehearsal")
        cores[who] = cores.get(who, 0.0) + _grown(container, from_ns, until_ns) / span_s
        there = evidence.samples.series(_PROCESS, "containers", container=name)
        contained |= {process.label("pid") for process in there}
    for process in evidence.samples.series("process_cpu_seconds_total", "processes"):
        if process.label("pid") in contained:
            continue
        who = _WHO.get(process.label("component"), "the rest of the rehearsal")
        cores[who] = cores.get(who, 0.0) + _grown(process, from_ns, until_ns) / span_s
    for foreign in evidence.samples.series(_FOREIGN, "processes"):
        cores["other programs"] = max(_grown(foreign, from_ns, until_ns) / span_s, 0.0)
    return dict(sorted(cores.items(), key=lambda item: (-item[1], item[0])))


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


def cores_words(cores: dict[str, float]) -> str:
    """Return who used how many cores, in words; whoever used next to nothing is left out."""
    return ", ".join(
        f"{who} {written(round(used, 2))}" for who, used in cores.items() if used >= 0.05
    )


def _grown(counter: Series, from_ns: int, until_ns: int) -> float:
    start, end = np.interp([from_ns, until_ns], counter.t_ns, counter.values)
    return float(end - start)
