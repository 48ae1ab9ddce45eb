"""Who used the CPU: the app, the stores, the generator, the conductor, other programs."""

from typing import Any, Final

import numpy as np

from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.samples import label
from dress_rehearsal.reports.words import written

_WHO: Final = {
    "app": "the app",
    "writeback": "the write-back",
    "postgres": "PostgreSQL",
    "redis": "Redis",
    "sqs": "the queue service",
    "generator": "the generator",
}
_WAIT: Final = "process_cpu_wait_seconds_total"
_FOREIGN: Final = "machine_foreign_cpu_seconds_total"


def cores_by_user(evidence: Evidence, from_ns: int, until_ns: int) -> dict[str, float]:
    """Return the mean cores that each used between two moments, the greediest first.

    `other programs` is there where that was measured.
    """
    span_s = (until_ns - from_ns) / NS_PER_S
    if span_s <= 0:
        return {}
    cores: dict[str, float] = {}
    rows = evidence.samples.named("process_cpu_seconds_total", "processes")
    for (component, _), own in rows.groupby([label(rows, "component"), label(rows, "pid")]):
        who = _WHO.get(str(component), "the rest of the rehearsal")
        cores[who] = cores.get(who, 0.0) + _grown(own, from_ns, until_ns) / span_s
    foreign = evidence.samples.named(_FOREIGN, "processes")
    if len(foreign):
        cores["other programs"] = max(_grown(foreign, from_ns, until_ns) / span_s, 0.0)
    return dict(sorted(cores.items(), key=lambda item: (-item[1], item[0])))


def share_on_cpu(evidence: Evidence, chosen: Any, grid_ns: Any) -> float | None:
    """Return for which share of some intervals the busiest app worker ran or was ready to run.

    What is left it waited for something else than a processor: it slept, or was blocked.

    Args:
        chosen: which intervals of the grid, each beginning at its instant, as a bool array.

    Returns:
        0 to 1; None where it was not measured.
    """
    samples, shares = evidence.samples, []
    spans_s = np.diff(grid_ns) / NS_PER_S
    chosen = chosen[:-1]
    if not chosen.any():
        return None
    use = samples.named("process_cpu_seconds_total", "processes", component="app")
    wait = samples.named(_WAIT, "processes", component="app")
    workers = {str(source).partition(":")[2] for source in _lags(evidence)["source"].unique()}
    for pid in sorted(workers):
        rows = [rows[label(rows, "pid") == pid] for rows in (use, wait)]
        if any(len(own) < 2 for own in rows):
            return None
        busy_s = sum(np.diff(np.interp(grid_ns, own["t_ns"], own["value"])) for own in rows)
        shares.append(float(np.sum(busy_s[chosen]) / np.sum(spans_s[chosen])))
    return min(max(shares), 1.0) if shares else None


def _lags(evidence: Evidence) -> Any:
    return evidence.samples.named("app_event_loop_lag_seconds", "app")


def cores_words(cores: dict[str, float]) -> str:
    """Return who used how many cores, in words; whoever used next to nothing is left out."""
    return ", ".join(
        f"{who} {written(round(used, 2))}" for who, used in cores.items() if used >= 0.05
    )


def _grown(rows: Any, from_ns: int, until_ns: int) -> float:
    times, values = rows["t_ns"].to_numpy(), rows["value"].to_numpy()
    start, end = np.interp([from_ns, until_ns], times, values)
    return float(end - start)
