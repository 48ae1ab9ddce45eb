"""The app's connection pools over time: levels, waits and use of all workers on one time grid.

Waiting is the evidence, levels alone lie. An interval counts as saturated when

- at least `MIN_WAITERS` acquisitions, and more than 1% of the interval's, waited over
  `WAIT_LIMIT_S` (so its wait p99 is above that); or
- an acquisition timed out; or
- somebody was waiting at the instant of the sample while every connection was in use.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from plans import Plan
from reports.document import Diagnosis, Pool
from reports.evidence import Evidence
from reports.histogram import Histogram, histogram_on
from reports.quantities import NS_PER_S, rounded, whole, written
from reports.samples import Samples, count_on, level_on, time_grid

NAMES = ("postgres", "redis")
WAIT_LIMIT_S = 0.01
MIN_WAITERS = 5
REST_NS = 2 * NS_PER_S
"""How long a pool must have been at rest for what is still used to count as leaked."""
SHORTEST_INTERVAL_S = 0.05
SLOWER = 2.0
"""Use time has risen when it is this many times its usual value."""
_PREFIX = "db_client_connection_"


@dataclass(frozen=True, slots=True)
class PoolFinding:
    """A pool's numbers and, when it saturated, a sentence with the figures of that moment."""

    pool: Pool
    evidence: str


@dataclass(frozen=True, slots=True)
class ClientPool:
    """One pool of all app workers.

    `frame` has a row an interval: t_ns (its end), used, max, pending (NaN when no worker spoke),
    timeouts, acquired, waited (longer than WAIT_LIMIT_S), wait_p99_ms, use_mean_ms, saturated.
    """

    name: str
    frame: pd.DataFrame
    wait: Histogram | None
    peak_used: float
    peak_pending: float


def grid_interval_s(plan: Plan) -> float:
    """Give the width of the intervals that pools are judged in: the collector's, within reason."""
    return max(plan.collect.interval, SHORTEST_INTERVAL_S)


def run_grid(evidence: Evidence, samples: Samples) -> Any:
    """Give the instants of the run, from the first arrival to the last sample."""
    span = samples.span_ns
    if span is None:
        return np.empty(0, dtype="int64")
    arrivals = [e.t_ns for e in evidence.timeline if e.kind == "phase" and e.name == "arrivals"]
    start = max(span[0], arrivals[0]) if arrivals else span[0]
    return time_grid(start, span[1], int(grid_interval_s(evidence.plan) * NS_PER_S))


def client_pool(evidence: Evidence, samples: Samples, name: str) -> ClientPool | None:
    """Read one pool of the app workers, None when no worker ever reported it."""
    grid = run_grid(evidence, samples)
    used = samples.named(_PREFIX + "count", "app", pool=name, state="used")
    if used.empty or not len(grid):
        return None
    pending = samples.named(_PREFIX + "pending_requests", "app", pool=name)
    timeouts = count_on(grid, samples.named(_PREFIX + "timeouts_total", "app", pool=name))
    wait = histogram_on(grid, samples, _PREFIX + "wait_time_seconds", "app", pool=name)
    use = histogram_on(grid, samples, _PREFIX + "use_time_seconds", "app", pool=name)
    nothing = np.zeros(len(grid))
    frame = pd.DataFrame(
        {
            "t_ns": grid,
            "used": level_on(grid, used),
            "max": level_on(grid, samples.named(_PREFIX + "max", "app", pool=name)),
            "pending": level_on(grid, pending),
            "timeouts": np.diff(timeouts, prepend=timeouts[:1]).clip(min=0),
            "acquired": wait.observed if wait else nothing,
            "waited": wait.above(WAIT_LIMIT_S) if wait else nothing,
            "wait_p99_ms": wait.percentiles_ms(99) if wait else np.nan,
            "use_mean_ms": use.mean_ms() if use else np.nan,
        }
    )
    full = (frame["pending"] > 0) & (frame["used"] >= frame["max"])
    slow = (frame["waited"] >= MIN_WAITERS) & (frame["waited"] > 0.01 * frame["acquired"])
    frame["saturated"] = slow | full | (frame["timeouts"] > 0)
    return ClientPool(
        name,
        frame,
        wait,
        peak_used=_peak(samples, grid, name, "used_peak", used),
        peak_pending=_peak(samples, grid, name, "pending_peak", pending),
    )


def judge_client_pool(evidence: Evidence, seen: ClientPool) -> PoolFinding:
    """Say how full the pool was, how long it was waited for, since when, and why."""
    frame = seen.frame
    hit = np.flatnonzero(frame["saturated"].to_numpy())
    first = int(hit[0]) if len(hit) else None
    since_s = None
    if first is not None and evidence.t0_ns is not None:
        started = frame["t_ns"].iloc[max(first - 1, 0)]
        since_s = rounded((int(started) - evidence.t0_ns) / NS_PER_S, 2)
    leaked = _leaked(evidence, frame)
    pool = Pool(
        name=seen.name,
        max=whole(frame["max"].max()),
        peak_used=whole(seen.peak_used),
        peak_pending=whole(seen.peak_pending),
        wait_p99_ms=rounded(seen.wait.percentile_ms(99)) if seen.wait else None,
        timeouts=int(frame["timeouts"].sum()),
        saturated_at_s=since_s,
        leaked=leaked,
        diagnosis="leak" if leaked else _diagnosis(frame, first, grid_interval_s(evidence.plan)),
    )
    return PoolFinding(pool, _evidence(frame, first) if first is not None else "")


def _peak(samples: Samples, grid: Any, pool: str, mark: str, level: pd.DataFrame) -> float:
    """Give the highest level of the run: each worker's own, added up: an upper bound.

    The workers' pools are separate and need not have been fullest at the same time. A sample every
    250 ms misses a spike that the high-water mark keeps; but the mark is as old as its process, so
    it tells of the run only if it rose in it.
    """
    start_ns = int(grid[0])
    marks = samples.named(_PREFIX + mark, "app", pool=pool)
    total = np.nan
    for worker, rows in level.groupby("source"):
        seen = rows.loc[rows["t_ns"] >= start_ns, "value"].max()
        own = marks[marks["source"] == worker]
        before = own.loc[own["t_ns"] <= start_ns, "value"].max()
        highest = own["value"].max()
        risen = highest if pd.isna(before) or highest > before else seen
        total = np.nansum([total, np.fmax(seen, risen)])
    return float(total)


def _evidence(frame: pd.DataFrame, first: int) -> str:
    """Tell the first second of saturation in figures."""
    interval = frame["t_ns"].iloc[1] - frame["t_ns"].iloc[0] if len(frame) > 1 else NS_PER_S
    second = frame.iloc[first : first + max(int(NS_PER_S // interval), 1)]
    said = [f"{written(second['used'].max())} of {written(second['max'].max())} in use"]
    if second["pending"].max() > 0:
        said.append(f"{written(second['pending'].max())} waiting")
    if second["waited"].sum() > 0:
        worst = second["wait_p99_ms"].max()
        said.append(
            f"{written(second['waited'].sum())} of {written(second['acquired'].sum())} "
            f"acquisitions waited over {WAIT_LIMIT_S * 1e3:.0f} ms (p99 {written(worst)} ms)"
        )
    if second["timeouts"].sum() > 0:
        said.append(f"{written(second['timeouts'].sum())} waits timed out")
    return ", ".join(said)


def _leaked(evidence: Evidence, frame: pd.DataFrame) -> int | None:
    """Give the connections still used after two seconds at rest, beyond those always used.

    None when the run was not watched that long after its last answer.
    """
    last = evidence.requests["done_ns"].fillna(evidence.requests["read_ns"]).max()
    first = evidence.requests["intended_ns"].min()
    if pd.isna(last) or pd.isna(first):
        return None
    rest = frame[(frame["t_ns"] > int(last)) & frame["used"].notna()]
    if rest.empty or rest["t_ns"].iloc[-1] - rest["t_ns"].iloc[0] < REST_NS:
        return None
    before = frame.loc[frame["t_ns"] <= int(first), "used"].min()
    always = 0 if pd.isna(before) else int(before)
    return max(int(rest["used"].min()) - always, 0)


def _diagnosis(frame: pd.DataFrame, first: int | None, interval_s: float) -> Diagnosis | None:
    """Tell why a pool was waited for, from the mean use time of the intervals.

    Its usual value is the lower quartile of the busy intervals without waiting: a rush has too
    little before it to compare with.

    undersized: everything in use with waiters, and use time stayed under twice its usual value.
    slow_holder: use time had doubled in the two seconds before the first wait. None: undecidable.
    """
    if first is None:
        return "healthy"
    busy = frame["acquired"] >= MIN_WAITERS
    use = frame["use_mean_ms"].where(busy)
    usual = use[~frame["saturated"]].quantile(0.25)
    if pd.isna(usual) or usual <= 0:
        return None
    risen = use > SLOWER * usual
    if risen.iloc[max(first - int(2 / interval_s), 0) : first].any():
        return "slow_holder"
    full = (frame["used"] >= frame["max"]) & (frame["pending"] > 0)
    if (full & frame["saturated"]).any() and not (risen & frame["saturated"]).any():
        return "undersized"
    return None
