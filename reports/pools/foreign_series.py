"""What the metrics of somebody else's app say of its pools, on one time grid.

A wait comes from buckets, else from the growth of its sum over that of its count, else from who
waits at the instant of a sample. An interval is that between two looks, a second as a rule; it
counts as saturated when

- five waits at least, and more than 1% of them, were over `WAIT_LIMIT_S`; without buckets, when
  five or more took that long on average, and so too where no bucket begins at that limit and those
  that may have been over it are as many; or
- somebody waited while every connection was in use, or, where the limit is not told, in two looks
  running; or
- a wait timed out, or a server turned a connection away; or
- of a server's connections none was left; or processors were wholly busy for two looks running.

Several instances are added up; one of them that is full, with waiters, is enough.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import pandas as pd

from dress_rehearsal.plans.sections.metrics import Metrics
from dress_rehearsal.records.collectors.pool_metrics import LEVELS, PROCESS, UP
from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.histogram import Histogram, counts_on
from dress_rehearsal.reports.evidence.samples import (
    Series,
    last_on,
    level_on,
    single_series,
    time_grid,
)
from dress_rehearsal.reports.pools.client import MIN_WAITERS, WAIT_LIMIT_S, grid_interval_s
from dress_rehearsal.reports.pools.diagnosis import runs
from dress_rehearsal.reports.pools.turns import takes_turns

BUSY: Final = 0.95
"""From this share on processors are wholly busy."""
_LASTING: Final = 2
_CONNECTIONS: Final = "db_client_connections"
_PREFIX: Final = "db_client_connection_"
_WAIT: Final = f"{_PREFIX}wait_time_seconds"
_USE: Final = f"{_PREFIX}use_time_seconds"

Heard: TypeAlias = Mapping[str, int]
"""When each source was first heard (Unix ns)."""


@dataclass(frozen=True, slots=True)
class ForeignPool:
    """One pool of an entry of `[[metrics]]`, all instances together.

    Attributes:
        name: such as `shop.HikariPool-1`.
        kind: client, server or cpu.
        frame: a row an interval: t_ns (its end), used, max, pending (NaN where it is not told),
            timeouts, acquired, wait_s (the waits that ended in it, and their time), waited (longer
            than `WAIT_LIMIT_S` for certain), may_have_waited (those in a bucket that the limit cuts
            too), wait_p99_ms (at most, of buckets), returned, use_s, saturated.
        wait: of buckets; None without.
        sums_told: whether the time that all waited is told, and so the mean.
        timeouts_told: whether it is told how many waits ran out, or were turned away; else
            timeouts are 0, which nobody counted.
        holds_told: whether how long connections are held is told; else use_s is what were in use.
        returns_told: whether it is told how many got one; else returned is every answer, of which
            some will have needed none.
    """

    name: str
    entry: str
    kind: str
    frame: pd.DataFrame
    wait: Histogram | None
    sums_told: bool
    timeouts_told: bool
    pending_told: bool
    holds_told: bool
    returns_told: bool
    workers: list[pd.DataFrame]

    @property
    def cut(self) -> bool:
        """Whether buckets are told, but not how many waits were longer than `WAIT_LIMIT_S`, for it
        lies within one: as with edges at 0, 5 and 10 of times in seconds."""
        return self.wait is not None and not self.wait.tells(WAIT_LIMIT_S)

    @property
    def waits_told(self) -> bool:
        """Whether how long it was waited for is told, not only how many wait."""
        return self.sums_told or (self.wait is not None and not self.cut)

    @property
    def waiting_told(self) -> bool:
        """Whether it is known if anybody waited for it."""
        return self.waits_told or self.pending_told or self.kind != "client"


def read_foreign_pools(evidence: Evidence) -> list[ForeignPool]:
    """Return every pool that an entry of `[[metrics]]` told of, in the order of the plan."""
    found = []
    for metrics in evidence.plan.metrics:
        grid = _grid(evidence, metrics)
        if len(grid) < 2 or takes_turns(evidence, metrics):
            continue
        for name, kind in _names(evidence, metrics):
            found.append(_pool(evidence, grid, metrics.name, name, kind))
    return found


def grown_on(grid: Any, rows: pd.DataFrame, heard_ns: Heard) -> Any:
    """Return how much counters have grown since they were first read, added up, on a grid."""
    total = np.zeros(len(grid))
    for one in single_series(rows):
        total += last_on(grid, one.t_ns, grown(one, heard_ns))
    return total


def grown(one: Series, heard_ns: Heard) -> Any:
    """Return how much one counter had grown at each of its samples.

    One that falls has begun anew, at 0. One that is there only later than its own source was first
    heard began at 0 too; what a source had counted before that is not of this run.
    """
    steps = np.diff(one.values, prepend=one.values[:1])
    steps = np.where(steps < 0, one.values, steps)
    if len(steps) and one.t_ns[0] > heard_ns.get(one.source, one.t_ns[0]):
        steps[0] = one.values[0]
    return np.cumsum(steps)


def _grid(evidence: Evidence, metrics: Metrics) -> Any:
    span = evidence.samples.span_ns
    if span is None:
        return np.empty(0, dtype="int64")
    start = max(span[0], evidence.timeline.phases.get("arrivals", span[0]))
    step_s = max(grid_interval_s(evidence.plan), metrics.interval)
    return time_grid(start, span[1], int(step_s * NS_PER_S))


def _names(evidence: Evidence, metrics: Metrics) -> list[tuple[str, str]]:
    """Return the pools of an entry, and of what kind each is."""
    found: dict[str, str] = {}
    for metric in (
        _CONNECTIONS,
        "pool_busy_seconds_total",
        f"{_PREFIX}pending_requests",
        f"{_WAIT}_count",
    ):
        rows = evidence.samples.named(metric, metrics.name)
        for text in pd.unique(rows["labels"]):
            labels = json.loads(text)
            found.setdefault(str(labels.get("pool")), str(labels.get("kind", "client")))
    return sorted(found.items())


def _pool(evidence: Evidence, grid: Any, entry: str, name: str, kind: str) -> ForeignPool:
    samples = evidence.samples

    def rows(metric: str, **labels: str) -> pd.DataFrame:
        told = samples.named(metric, entry, pool=name, **labels)
        return told[told["value"] >= 0]  # fewer than none are not known (`implausible` says so)

    heard_ns = _heard_ns(evidence, entry)
    used_rows = (
        _rates(rows("pool_busy_seconds_total"), heard_ns)
        if kind == "cpu"
        else rows(_CONNECTIONS, state="used")
    )
    max_rows, pending_rows = rows(f"{_PREFIX}max"), rows(f"{_PREFIX}pending_requests")
    sums, counts = rows(f"{_WAIT}_sum"), rows(f"{_WAIT}_count")
    wait = _histogram(grid, rows(f"{_WAIT}_bucket"), sums, heard_ns)
    uses, returns = rows(f"{_USE}_sum"), rows(f"{_USE}_count")
    ran_out = rows(f"{_PREFIX}timeouts_total")
    used, most = level_on(grid, used_rows), level_on(grid, max_rows)
    step_s = float(grid[1] - grid[0]) / NS_PER_S
    acquired = (
        _each(grown_on(grid, counts, heard_ns))
        if len(counts)
        else (wait.observed if wait else np.zeros(len(grid)))
    )
    wait_s = _each(grown_on(grid, sums, heard_ns))
    if len(returns):
        returned, use_s = (_each(grown_on(grid, each, heard_ns)) for each in (returns, uses))
    else:
        returned = acquired if len(counts) else _answered(evidence, grid)
        use_s = np.nan_to_num(used) * step_s
    frame = pd.DataFrame(
        {
            "t_ns": grid,
            "used": used,
            "max": most,
            "pending": level_on(grid, pending_rows),
            "timeouts": _each(grown_on(grid, ran_out, heard_ns)),
            "acquired": acquired,
            "wait_s": wait_s,
            "waited": wait.above(WAIT_LIMIT_S) if wait else 0.0,
            "may_have_waited": wait.may_be_above(WAIT_LIMIT_S) if wait else acquired,
            "wait_p99_ms": wait.at_most_ms(99) if wait else np.nan,
            "returned": returned,
            "use_s": use_s,
            "active": level_on(grid, rows("pool_server_active")),
        }
    )
    told = {
        "used": used_rows,
        "max": max_rows,
        "pending": pending_rows,
        "process": samples.named(PROCESS, entry),
        "levels": samples.named(LEVELS, entry),
    }
    workers = _workers(grid, told, counts, frame, heard_ns)
    pool = ForeignPool(
        name,
        entry,
        kind,
        frame,
        wait,
        sums_told=len(sums) > 0 and (len(counts) > 0 or wait is not None),
        timeouts_told=len(ran_out) > 0,
        pending_told=len(pending_rows) > 0,
        holds_told=len(returns) > 0,
        returns_told=len(returns) > 0 or len(counts) > 0,
        workers=workers,
    )
    frame["saturated"] = _saturated(pool)
    return pool


def _each(total: Any) -> Any:
    """Return what was added in each interval; nothing in the first."""
    return np.diff(total, prepend=total[:1])


def _heard_ns(evidence: Evidence, entry: str) -> Heard:
    """Return when each address of an entry was first heard."""
    up = evidence.samples.named(UP, entry)
    first = up[up["value"] > 0].groupby("source")["t_ns"].min()
    return {str(source): int(t_ns) for source, t_ns in first.items()}


def _rates(rows: pd.DataFrame, heard_ns: Heard) -> pd.DataFrame:
    """Return counters of time as how much of it passed a second since the sample before."""
    parts = []
    for one in single_series(rows):
        if len(one.t_ns) < 2:
            continue
        rate = np.diff(grown(one, heard_ns)) / (np.diff(one.t_ns) / NS_PER_S)
        own = {"t_ns": one.t_ns[1:], "source": one.source, "labels": one.labels, "value": rate}
        parts.append(pd.DataFrame(own))
    return (
        pd.concat(parts, ignore_index=True).sort_values("t_ns", kind="stable")
        if parts
        else rows[:0]
    )


def _histogram(
    grid: Any, buckets: pd.DataFrame, sums: pd.DataFrame, heard_ns: Heard
) -> Histogram | None:
    """Return a histogram of all instances, whose counters may have begun anew."""
    if buckets.empty:
        return None
    edges, counts = counts_on(grid, single_series(buckets), lambda one: grown(one, heard_ns))
    counts = np.maximum.accumulate(counts, axis=1)
    return Histogram(edges, counts, grown_on(grid, sums, heard_ns))


def _answered(evidence: Evidence, grid: Any) -> Any:
    """Return how many requests were answered in each interval: who was, had what it needed."""
    requests = evidence.requests
    done = requests.loc[requests["status"].fillna(0) > 0, "done_ns"].dropna().astype("int64")
    places = np.searchsorted(np.sort(done.to_numpy()), grid, side="right").astype(float)
    return _each(places)


def _workers(
    grid: Any,
    told: Mapping[str, pd.DataFrame],
    counts: pd.DataFrame,
    frame: pd.DataFrame,
    heard_ns: Heard,
) -> list[pd.DataFrame]:
    """Return each instance's own pool in each interval: t_ns, used, max, pending, returned, of
    which process it was (when that began), and of how many series its levels."""
    sources = sorted(told["used"]["source"].unique())
    found = []
    for source in sources:
        own = {name: level_on(grid, rows[rows["source"] == source]) for name, rows in told.items()}
        if len(counts):
            returned = _each(grown_on(grid, counts[counts["source"] == source], heard_ns))
        else:
            returned = frame["returned"].to_numpy() if len(sources) == 1 else np.nan
        found.append(pd.DataFrame({"t_ns": grid, **own, "returned": returned}))
    return found


def _saturated(pool: ForeignPool) -> Any:
    frame = pool.frame
    refused = frame["timeouts"] > 0
    if pool.kind == "server":
        return (frame["used"] >= frame["max"]) | refused
    slow = _too_many(frame["waited"], frame["acquired"])
    if pool.wait is None or pool.cut:
        mean_s = frame["wait_s"] / frame["acquired"].where(frame["acquired"] > 0)
        slow |= _too_many(frame["may_have_waited"], frame["acquired"]) & (mean_s > WAIT_LIMIT_S)
    if pool.kind == "cpu":
        return slow | _lasting(frame["used"] >= BUSY * frame["max"])
    full = np.zeros(len(frame), dtype=bool)
    for worker in pool.workers:
        waited_for = worker["pending"] > 0
        limited = worker["max"].notna()
        full |= (waited_for & limited & (worker["used"] >= worker["max"])).to_numpy()
        full |= _lasting(waited_for & ~limited)
    if not pool.workers:
        full |= _lasting(frame["pending"] > 0)
    return slow | full | refused


def _too_many(waited: "pd.Series[float]", acquired: "pd.Series[float]") -> "pd.Series[bool]":
    return (waited >= MIN_WAITERS) & (waited > 0.01 * acquired)


def _lasting(hit: "pd.Series[bool]") -> Any:
    """Return the hits that belong to two looks running, at least."""
    kept = np.zeros(len(hit), dtype=bool)
    for start, end in runs(hit.to_numpy(dtype=bool)):
        kept[start:end] = end - start >= _LASTING
    return kept
