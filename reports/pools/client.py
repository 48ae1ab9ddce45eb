"""The app's connection pools over time: levels, waits and use of all workers on one time grid.

Waiting is the evidence, levels alone lie. An interval counts as saturated when

- at least `MIN_WAITERS` acquisitions, and more than 1% of the interval's, waited over
  `WAIT_LIMIT_S` (so its wait p99 is above that); or
- an acquisition timed out; or
- somebody was waiting at the instant of the sample while every connection was in use.
"""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Required, TypedDict

import numpy as np
import pandas as pd

from dress_rehearsal.plans import Plan
from dress_rehearsal.records.tables import CLIENT_POOLS, NS_PER_S
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.histogram import Histogram, histogram_on
from dress_rehearsal.reports.evidence.samples import (
    Series,
    by_source,
    count_on,
    level_on,
    time_grid,
    worst_on,
)
from dress_rehearsal.reports.numbers import rounded, whole
from dress_rehearsal.reports.pools.diagnosis import (
    Circumstances,
    Saturated,
    diagnose,
    first_saturated,
    intervals,
    saturations,
    standstill_s,
    standstill_words,
)
from dress_rehearsal.reports.pools.leaks import leaked_connections
from dress_rehearsal.reports.schema import Pool
from dress_rehearsal.reports.words import bucket_words, milliseconds, offset, seconds, written

DATABASE = "postgres"
"""The pool whose other end PostgreSQL itself tells of."""
LOCKS = frozenset({"redis_lock"})
"""Pools of one on purpose, which are only waited for."""
_QUEUES = frozenset({"sqs", "kafka"})
_UNSAID = {"redis_lock": ("slow_holder", "undersized")} | dict.fromkeys(_QUEUES, ("slow_holder",))
"""Diagnoses that would accuse the app of what others do: a turn at the lock lasts as long as others
have it, and a send to a queue as long as its service takes for one call."""
_OTHERS_DOING = dict.fromkeys(
    _QUEUES, "a send lasts as long as the queue's service takes for it, and so do the holds"
)
_QUEUE_TIMEOUT_S = 5.0
WAIT_LIMIT_S = 0.01
MIN_WAITERS = 5
SHORTEST_INTERVAL_S = 0.05
_PREFIX = "db_client_connection_"
_CONNECTIONS = "db_client_connections"


@dataclass(frozen=True, slots=True)
class PoolFinding:
    """A pool's numbers and, when it saturated, a sentence with the figures of that moment.

    Attributes:
        evidence: of the first second of saturation; empty where there was none.
        saturated: when it was.
        frame: the intervals (t_ns, saturated, pending, waited); None where they are not kept.
        words: returns the figures of the second that begins with an interval (its position).
        beside: what goes behind the figures of any second.
    """

    pool: Pool
    evidence: str
    saturated: Saturated
    frame: pd.DataFrame | None = None
    words: Callable[[int], str] | None = None
    beside: str = ""

    def during(self, from_ns: int, until_ns: int) -> str:
        """Return the figures of the second of a span (Unix ns) from the interval on in which most
        waited; where it was not saturated then, or the intervals are not kept, `evidence`."""
        if self.frame is None or self.words is None:
            return self.evidence
        times, hit = self.frame["t_ns"].to_numpy(), self.frame["saturated"].to_numpy(dtype=bool)
        begun = np.append(times[:1], times[:-1])  # a sample tells of the time since the one before
        within = np.flatnonzero(hit & (times >= from_ns) & (begun <= until_ns))
        if not len(within):
            return self.evidence
        waiting = self.frame["pending"].fillna(0).to_numpy()[within]
        most = within[np.lexsort((-within, self.frame["waited"].to_numpy()[within], waiting))[-1]]
        return self.words(int(most)) + self.beside


@dataclass(frozen=True, slots=True)
class ClientPool:
    """One pool of all app workers.

    `frame` has a row an interval: t_ns (its end), used, max, pending (NaN when no worker spoke),
    timeouts, acquired, waited (longer than WAIT_LIMIT_S), wait_p99_ms (at most), returned and use_s
    (the uses that ended in it, and their time), saturated.
    """

    name: str
    frame: pd.DataFrame
    wait: Histogram | None
    peak_used: float
    peak_pending: float


def grid_interval_s(plan: Plan) -> float:
    """Return the width of the intervals that pools are judged in: the collector's, or 50 ms."""
    return max(plan.collect.interval, SHORTEST_INTERVAL_S)


def run_grid(evidence: Evidence) -> Any:
    """Return the instants (Unix ns) of the run, from the first arrival to the last sample."""
    span = evidence.samples.span_ns
    if span is None:
        return np.empty(0, dtype="int64")
    start = max(span[0], evidence.timeline.phases.get("arrivals", span[0]))
    return time_grid(start, span[1], int(grid_interval_s(evidence.plan) * NS_PER_S))


def find_client_pools(evidence: Evidence, grid: Any) -> list[PoolFinding]:
    """Return a finding for each pool that a worker reported, in the order of `CLIENT_POOLS`.

    Args:
        grid: the instants of the run, from `run_grid`.
    """
    seen = [_client_pool(evidence, grid, name) for name in CLIENT_POOLS]
    return [_judged(evidence, pool) for pool in seen if pool is not None]


def _client_pool(evidence: Evidence, grid: Any, name: str) -> ClientPool | None:
    """Return one pool of the app workers, None when no worker ever reported it."""
    samples = evidence.samples
    used = samples.series(_CONNECTIONS, "app", pool=name, state="used")
    if not used or not len(grid):
        return None
    pending = samples.series(_PREFIX + "pending_requests", "app", pool=name)
    timeouts = count_on(grid, samples.series(_PREFIX + "timeouts_total", "app", pool=name))
    wait = histogram_on(grid, samples, _PREFIX + "wait_time_seconds", "app", pool=name)
    use = histogram_on(grid, samples, _PREFIX + "use_time_seconds", "app", pool=name)
    nothing = np.zeros(len(grid))
    frame = pd.DataFrame(
        {
            "t_ns": grid,
            "used": level_on(grid, used),
            "max": level_on(grid, samples.series(_PREFIX + "max", "app", pool=name)),
            "pending": level_on(grid, pending),
            "timeouts": np.diff(timeouts, prepend=timeouts[:1]).clip(min=0),
            "acquired": wait.observed if wait else nothing,
            "waited": wait.above(WAIT_LIMIT_S) if wait else nothing,
            "wait_p99_ms": wait.at_most_ms(99) if wait else np.nan,
            "returned": use.observed if use else nothing,
            "use_s": np.diff(use.sums_s, prepend=use.sums_s[:1]) if use else nothing,
        }
    )
    full = (frame["pending"] > 0) & (frame["used"] >= frame["max"])
    slow = (frame["waited"] >= MIN_WAITERS) & (frame["waited"] > 0.01 * frame["acquired"])
    frame["saturated"] = slow | full | (frame["timeouts"] > 0)
    return ClientPool(
        name,
        frame,
        wait,
        peak_used=_peak(evidence, grid, name, "used_peak", used),
        peak_pending=_peak(evidence, grid, name, "pending_peak", pending),
    )


def _judged(evidence: Evidence, seen: ClientPool) -> PoolFinding:
    """Return how full the pool was, how long it was waited for, since when, and why."""
    frame = seen.frame
    first = first_saturated(frame)
    around = _circumstances(evidence, seen)
    leaked = leaked_connections(evidence, frame, around)
    diagnosis, why = diagnose(frame, first, leaked, around)
    beside = ""
    if first is not None and diagnosis is None and (still_s := standstill_s(frame, around)):
        beside = f"; {standstill_words(still_s)}"
    saturated = intervals(frame["t_ns"], frame["saturated"])
    words = partial(told_second, frame, evidence.t0_ns, partial(_figures, seen.wait))
    said = "" if first is None else words(first) + beside
    if diagnosis in _UNSAID.get(seen.name, ()):
        diagnosis, why = None, _OTHERS_DOING.get(seen.name)
    hold_ms = mean_hold_ms(frame)
    if diagnosis == "healthy" and seen.peak_used == 0 and hold_ms is None:
        diagnosis = "not_used"  # workers tell of the most they ever had in use, between looks too
    pool = Pool(
        name=seen.name,
        max=whole(frame["max"].max()),
        peak_used=whole(seen.peak_used),
        peak_pending=whole(seen.peak_pending),
        **wait_p99(seen.wait),
        timeouts=int(frame["timeouts"].sum()),
        **saturations(saturated, evidence.t0_ns),
        leaked=leaked,
        hold_mean_ms=hold_ms,
        diagnosis=diagnosis,
        undecided=why,
    )
    return PoolFinding(pool, said, saturated, frame, words, beside)


def mean_hold_ms(frame: pd.DataFrame) -> float | None:
    """Return how long a connection was held on average, by those given back; None without any."""
    returned = float(frame["returned"].sum())
    return rounded(1e3 * float(frame["use_s"].sum()) / returned) if returned else None


def _circumstances(evidence: Evidence, seen: ClientPool) -> Circumstances:
    """Return what else was to be seen at the pool's intervals."""
    grid, app, samples = seen.frame["t_ns"].to_numpy(), evidence.plan.app, evidence.samples
    unknown = np.full(len(grid), np.nan)
    lags = samples.series("app_event_loop_lag_seconds", "app")
    timeouts_s = {
        "redis": app.redis_pool_timeout,
        "enrolment": app.enrolment_timeout,
    } | dict.fromkeys(_QUEUES, _QUEUE_TIMEOUT_S)
    around = Circumstances(
        loop_lag_ms=1e3 * worst_on(grid, lags),
        cpu=level_on(grid, samples.series("machine_cpu_used_ratio", "kernel")),
        lock_waiting=unknown,
        active=unknown,
        open_idle=unknown,
        workers=[],
        pool_timeout_s=timeouts_s.get(seen.name, app.postgres_pool_timeout),
    )
    if seen.name != DATABASE:
        return around
    active, open_idle = (
        level_on(grid, samples.series("pg_stat_activity_backends", "postgres", state=state))
        for state in ("active", "idle in transaction")
    )
    up = level_on(grid, samples.series("pg_up", "postgres")) > 0
    return dataclasses.replace(
        around,
        lock_waiting=level_on(grid, samples.series("pg_lock_waiting", "postgres")),
        active=np.where(up, active, np.nan),
        open_idle=np.where(up, open_idle, np.nan),
        workers=_workers(evidence, grid, seen.name),
    )


def _workers(evidence: Evidence, grid: Any, pool: str) -> list[pd.DataFrame]:
    """Return each worker's own pool: used, max, pending and returned in each interval."""
    samples = evidence.samples
    levels = {
        "used": samples.series(_CONNECTIONS, "app", pool=pool, state="used"),
        "max": samples.series(_PREFIX + "max", "app", pool=pool),
        "pending": samples.series(_PREFIX + "pending_requests", "app", pool=pool),
    }
    owned = {name: by_source(series) for name, series in levels.items()}
    uses = by_source(samples.series(_PREFIX + "use_time_seconds_count", "app", pool=pool))
    found = []
    for worker in owned["used"]:
        own = {name: level_on(grid, series.get(worker, ())) for name, series in owned.items()}
        returned = count_on(grid, uses.get(worker, ()))
        found.append(pd.DataFrame({**own, "returned": np.diff(returned, prepend=returned[:1])}))
    return found


def _peak(evidence: Evidence, grid: Any, pool: str, mark: str, level: Sequence[Series]) -> float:
    """Return the highest level of the run: each worker's own, added up: an upper bound.

    The workers' pools are separate and need not have been fullest at the same time. A sample every
    250 ms misses a spike that the high-water mark keeps; but the mark is as old as its process, so
    it tells of the run only if it rose in it.
    """
    start_ns = int(grid[0])
    marks = by_source(evidence.samples.series(_PREFIX + mark, "app", pool=pool))
    total = np.nan
    for worker, levels in by_source(level).items():
        own = marks.get(worker, ())
        seen, most = _highest(levels, from_ns=start_ns), _highest(own)
        risen = seen if most <= _highest(own, until_ns=start_ns, none=-np.inf) else most
        total = np.nansum([total, np.fmax(seen, risen)])
    return float(total)


def _highest(
    series: Sequence[Series],
    *,
    from_ns: float = -np.inf,
    until_ns: float = np.inf,
    none: float = np.nan,
) -> float:
    """Return the highest value of a span, `none` without any."""
    values = [each.values[(each.t_ns >= from_ns) & (each.t_ns <= until_ns)] for each in series]
    return float(np.fmax.reduce(np.concatenate([*values, np.empty(0)]), initial=none))


def second_of(frame: pd.DataFrame, first: int) -> pd.DataFrame:
    """Return the intervals of a second."""
    interval = frame["t_ns"].iloc[1] - frame["t_ns"].iloc[0] if len(frame) > 1 else NS_PER_S
    return frame.iloc[first : first + max(int(NS_PER_S // interval), 1)]


def told_second(
    frame: pd.DataFrame, t0_ns: int | None, figures: Callable[[pd.DataFrame], str], place: int
) -> str:
    """Return the figures of the second that begins with an interval, and which second that is; of
    longer intervals the one."""
    second = second_of(frame, place)
    if t0_ns is None:
        return figures(second)
    from_ns, until_ns = int(begun_at(frame, place)), int(second["t_ns"].iloc[-1])
    lasts_s = round((until_ns - from_ns) / NS_PER_S, 2)
    span = "second" if lasts_s == 1 else seconds(lasts_s)
    return f"in the {span} from {offset((from_ns - t0_ns) / NS_PER_S)} on: {figures(second)}"


def begun_at(frame: pd.DataFrame, place: int) -> Any:
    """Return when an interval began (Unix ns): a sample tells of the time since the one before."""
    return frame["t_ns"].iloc[max(place - 1, 0)]


def waited_words(second: pd.DataFrame, wait: Histogram | None) -> str:
    """Return how many acquisitions of a second had to wait, and how long the slowest 1% did."""
    bucket = wait.bucket_ms(99, second.index.to_numpy()) if wait else None
    p99 = f" (p99 {bucket_words(*bucket)})" if bucket else ""
    return (
        f"{written(second['waited'].sum())} of {written(second['acquired'].sum())} "
        f"acquisitions waited over {milliseconds(WAIT_LIMIT_S * 1e3)}{p99}"
    )


class WaitP99(TypedDict, total=False):
    """Fields of a verdict's pool."""

    wait_p99_ms: Required[float | None]
    wait_p99_low_ms: float | None
    wait_p99_high_ms: float | None


def wait_p99(wait: Histogram | None) -> WaitP99:
    """Return what a histogram knows of the longest 1% of the waits, as fields of a verdict's pool:
    the bucket's ends, and what is interpolated between them."""
    bucket = wait.bucket_ms(99) if wait else None
    if wait is None or bucket is None:
        return {"wait_p99_ms": None}
    return {
        "wait_p99_ms": rounded(wait.percentile_ms(99)),
        "wait_p99_low_ms": bucket.low_ms,
        "wait_p99_high_ms": bucket.high_ms,
    }


def _figures(wait: Histogram | None, second: pd.DataFrame) -> str:
    said = [f"{written(second['used'].max())} of {written(second['max'].max())} in use"]
    if second["pending"].max() > 0:
        said.append(f"{written(second['pending'].max())} waiting")
    if second["waited"].sum() > 0:
        said.append(waited_words(second, wait))
    if second["returned"].sum() > 0:
        held_ms = 1e3 * second["use_s"].sum() / second["returned"].sum()
        said.append(f"each held for {milliseconds(rounded(held_ms, 1))} in that second")
    if second["timeouts"].sum() > 0:
        said.append(f"{written(second['timeouts'].sum())} waits timed out")
    return ", ".join(said)
