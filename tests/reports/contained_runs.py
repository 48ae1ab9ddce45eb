"""Synthetic runs whose services ran in containers, with limits that held them back or did not."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from dress_rehearsal.reports.evidence import Evidence

SECOND = 1_000_000_000
PERIOD_S = 0.1
MIB = 2**20


def workers(evidence: Evidence) -> list[str]:
    """The pids of the app's workers."""
    lags = evidence.samples.series("app_event_loop_lag_seconds", "app")
    return sorted({series.source.partition(":")[2] for series in lags})


def contained(
    evidence: Evidence,
    name: str,
    *,
    limit: float | None = 1.0,
    held: float = 0.0,
    used: float = 1.0,
    periods: float | None = None,
    lasts_s: float = 8.0,
    pids: Sequence[str] = (),
    component: str | None = None,
    extra: Mapping[str, Any] | None = None,
    around: Mapping[str, tuple[float, float]] | None = None,
) -> Evidence:
    """The same run in which a service was in a container.

    Args:
        limit: in CPUs; None: it has none.
        held: CPUs that were held back from it, from T-0 on for `lasts_s`.
        used: CPUs that it used meanwhile; a tenth of that before and after.
        periods: in which share of its periods it ran into the limit; None: in all, where it did.
        extra: more metrics of it, by their names: the values from T-0 on; before it is 0.
        around: looser limits, by the names of their cgroups: in CPUs, and held back by each.
    """
    assert evidence.t0_ns is not None
    start, end = evidence.samples.span_ns or (0, 0)
    ticks = np.arange(start, end + 1, SECOND // 4, dtype=np.int64)
    during = (ticks >= evidence.t0_ns) & (ticks < evidence.t0_ns + lasts_s * SECOND)
    share = (1.0 if held else 0.0) if periods is None else periods
    values: dict[str, Any] = {
        "container_cpu_usage_seconds_total": np.cumsum(np.where(during, used, used / 10)) / 4,
        "container_cpu_cfs_throttled_seconds_total": np.cumsum(np.where(during, held, 0.0)) / 4,
        "container_cpu_cfs_periods_total": np.cumsum(np.full(len(ticks), 2.5)),
        "container_cpu_cfs_throttled_periods_total": np.cumsum(np.where(during, 2.5 * share, 0.0)),
    }
    if limit is not None:
        values["container_spec_cpu_quota"] = np.full(len(ticks), limit * PERIOD_S * 1e6)
        values["container_spec_cpu_period"] = np.full(len(ticks), PERIOD_S * 1e6)
    for what, after in (extra or {}).items():
        values[what] = np.where(ticks >= evidence.t0_ns, after, 0.0)
    rows = [_rows(ticks, what, numbers, container=name) for what, numbers in values.items()]
    for cgroup, (most, back) in (around or {}).items():
        looser = {
            "spec_cpu_quota": most * PERIOD_S * 1e6,
            "spec_cpu_period": PERIOD_S * 1e6,
            "cpu_cfs_throttled_seconds_total": np.cumsum(np.where(during, back, 0.0)) / 4,
            "cpu_cfs_periods_total": np.cumsum(np.full(len(ticks), 2.5)),
            "cpu_cfs_throttled_periods_total": np.cumsum(np.where(during, 2.5 * bool(back), 0.0)),
        }
        rows += [
            _rows(ticks, f"container_looser_{what}", numbers, container=name, cgroup=cgroup)
            for what, numbers in looser.items()
        ]
    service = component or name.rpartition("-")[0] or name
    rows += [
        _rows(ticks, "container_process_info", 1.0, container=name, component=service, pid=pid)
        for pid in pids
    ]
    return with_rows(evidence, rows)


def limited(
    evidence: Evidence, *, held: float, most: float = 2.0, lasts_s: float = 8.0
) -> Evidence:
    """The same run that ran itself in a container with a limit of so many CPUs.

    Args:
        held: CPUs that were held back from it, from T-0 on for `lasts_s`.
    """
    assert evidence.t0_ns is not None
    start, end = evidence.samples.span_ns or (0, 0)
    ticks = np.arange(start, end + 1, SECOND // 4, dtype=np.int64)
    during = (ticks >= evidence.t0_ns) & (ticks < evidence.t0_ns + lasts_s * SECOND)
    values = {
        "spec_cpu_quota": most * PERIOD_S * 1e6,
        "spec_cpu_period": PERIOD_S * 1e6,
        "cpu_cfs_periods_total": np.cumsum(np.full(len(ticks), 2.5)),
        "cpu_cfs_throttled_periods_total": np.cumsum(np.where(during, 2.5 * bool(held), 0.0)),
        "cpu_cfs_throttled_seconds_total": np.cumsum(np.where(during, held, 0.0)) / 4,
    }
    rows = [
        _rows(ticks, f"harness_{what}", numbers, cgroup="job").assign(source="processes")
        for what, numbers in values.items()
    ]
    return with_rows(evidence, rows)


def listening(
    evidence: Evidence, name: str, *, drops: float, length: float = 3.0, limit: float | None = 128
) -> Evidence:
    """The same run in which a container turned connections away from T-0 on."""
    assert evidence.t0_ns is not None
    start, end = evidence.samples.span_ns or (0, 0)
    ticks = np.arange(start, end + 1, SECOND // 4, dtype=np.int64)
    values = {"listen_queue_length": length, "listen_queue_limit": limit}
    rows = [
        _rows(ticks, what, number, container=name, port="8080")
        for what, number in values.items()
        if number is not None
    ]
    lost = np.where(ticks >= evidence.t0_ns, drops, 0.0)
    rows.append(_rows(ticks, "listen_queue_drops_total", lost, container=name, port="8080"))
    return with_rows(evidence, rows)


def _rows(ticks: Any, name: str, values: Any, **labels: str) -> pd.DataFrame:
    text = json.dumps(labels, sort_keys=True, separators=(",", ":"))
    return pd.DataFrame(
        {"t_ns": ticks, "source": "containers", "name": name, "labels": text, "value": values}
    )


def with_rows(evidence: Evidence, rows: Sequence[pd.DataFrame]) -> Evidence:
    """The same run in which these were measured as well."""
    words = dict.fromkeys(("source", "name", "labels"), "object")
    both = pd.concat([evidence.metrics.astype(words), *rows], ignore_index=True)
    both = both.sort_values("t_ns", kind="stable", ignore_index=True)
    return dataclasses.replace(evidence, metrics=both.astype(dict.fromkeys(words, "category")))
