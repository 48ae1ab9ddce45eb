"""Everything else finite that requests wait for: queues, the server's connections, CPU, loops.

What counts as saturated (a sample tells of the interval before it, so since that one's start):

write_back       five rows waited over 1 s from grant to commit; since the first such grant. Or the
                 writer's oldest entry was over 1 s old for a second: so that rows show which were
                 never committed
accept_queue     the target's own sockets turned connections away, or the queue stood at its limit
max_connections  every connection of the PostgreSQL server was taken
cpu              all CPUs at least 95% busy for 1 s on end, and in it an event loop 50 ms late in
                 two samples running. Full, and no loop of the app's is known: not measured
app_loop         an app worker's loop was 50 ms late in every sample of 1.5 s; the gauge tells of
                 the last 0.5 s, so that is for a second on end, and no single stumble
generator_loop   five requests within 250 ms were later than the plan's max_late_start

Where a clock was set meanwhile, what compares times (late rows, late requests) was not measured.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from dress_rehearsal.records.tables import NS_PER_MS, NS_PER_S
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.containers import service_of
from dress_rehearsal.reports.evidence.latency import part_ms
from dress_rehearsal.reports.evidence.samples import Samples, Series, level_on, worst_on
from dress_rehearsal.reports.evidence.stores import DURABLE
from dress_rehearsal.reports.numbers import integers, known, percentile, rounded, whole
from dress_rehearsal.reports.pools.client import MIN_WAITERS, PoolFinding, grid_interval_s
from dress_rehearsal.reports.pools.diagnosis import Saturated, intervals, runs, saturations
from dress_rehearsal.reports.schema import Pool
from dress_rehearsal.reports.words import (
    agreeing,
    counted,
    milliseconds,
    seconds,
    written,
)

SHARED_POOLS = (
    "write_back",
    "accept_queue",
    "max_connections",
    "cpu",
    "app_loop",
    "generator_loop",
)
BUSY = 0.95
LATE_LOOP_S = 0.05
LATE_LOOP_LASTS_S = 1.5
LATE_ROW_NS = NS_PER_S
_ASKED = ("app", "nginx")
"""Services that students' connections come to."""


def find_shared_pools(evidence: Evidence, grid: Any) -> list[PoolFinding]:
    """Return a finding for each resource that was measured, in the order of `SHARED_POOLS`.

    Args:
        grid: the instants of the run, from `reports.pools.client.run_grid`.
    """
    found = [_generator_loop(evidence)]
    if len(grid):
        found = [
            _write_back(evidence, grid),
            _accept_queue(evidence, grid),
            _max_connections(evidence, grid),
            _cpu(evidence, grid),
            _app_loop(evidence, grid),
            *found,
        ]
    return [finding for finding in found if finding is not None]


def _finding(
    name: str,
    evidence: Evidence,
    saturated: Saturated,
    said: str,
    *,
    most: float = np.nan,
    used: float = np.nan,
    pending: float = np.nan,
    wait_p99_ms: float = np.nan,
    timeouts: int | None = None,
) -> PoolFinding:
    """Return a finding."""
    hit = len(saturated.begun_ns) > 0
    pool = Pool(
        name=name,
        max=whole(most),
        peak_used=whole(used),
        peak_pending=whole(pending),
        wait_p99_ms=rounded(wait_p99_ms),
        timeouts=timeouts,
        **saturations(saturated, evidence.t0_ns),
        leaked=None,
        diagnosis=None if hit else "healthy",
    )
    return PoolFinding(pool, said if hit else "", saturated)


def _write_back(evidence: Evidence, grid: Any) -> PoolFinding | None:
    # Each of several tells of all that waits.
    own = worst_on(grid, evidence.samples.series("writeback_backlog", "writeback"))
    pending = level_on(
        grid, evidence.samples.series("redis_stream_pending", "redis", group="writeback")
    )
    lag = level_on(grid, evidence.samples.series("redis_stream_lag", "redis", group="writeback"))
    seen = np.concatenate([own, pending + lag])
    if np.isnan(seen).all():
        return None
    rows = evidence.ledger[evidence.ledger["source"].astype("object") == DURABLE]
    rows = rows[["granted_ns", "committed_ns"]].dropna()
    granted = integers(rows["granted_ns"])
    waits = integers(rows["committed_ns"]) - granted
    if evidence.clock_steps:
        waits = waits[:0]
    late = waits >= LATE_ROW_NS
    spans, said = [], []
    if late.sum() >= MIN_WAITERS:
        spans.append(Saturated(granted[late], (granted + waits)[late]))
        said.append(
            f"{written(int(late.sum()))} granted tickets waited over 1 s for their row, the "
            f"longest {seconds(waits.max() / NS_PER_S)}, with a backlog of up to "
            f"{written(_peak(seen))}"
        )
    age = worst_on(grid, evidence.samples.series("writeback_oldest_age_seconds", "writeback"))
    steps = max(int(1 / grid_interval_s(evidence.plan)), 2)
    old = np.flatnonzero(_lasting(age >= LATE_ROW_NS / NS_PER_S, steps))
    if len(old):
        since_ns = (grid[old] - age[old] * NS_PER_S).astype("int64")
        spans.append(Saturated(since_ns, grid[old]))
        said.append(f"the oldest entry of the write-back was up to {seconds(_peak(age))} old")
    return _finding(
        "write_back",
        evidence,
        _together(spans),
        " and ".join(said),
        pending=_peak(seen),
        wait_p99_ms=percentile(waits, 99) / NS_PER_MS,
    )


def _accept_queue(evidence: Evidence, grid: Any) -> PoolFinding | None:
    queues, drops = (
        accept_queues(evidence.samples, grid),
        _queue_series(evidence.samples, "drops_total"),
    )
    if not queues and not drops:
        return None
    length, limit = (_peak(each) for each in queues[0]) if queues else (np.nan, np.nan)
    full = np.zeros(len(grid), dtype=bool)
    for queue in queues:
        full |= (queue.lengths >= queue.limits) & (queue.limits > 0)
    lost, spans = 0, [intervals(grid, full)]
    for _, _, times, counts in drops:
        more = np.diff(counts, prepend=counts[:1]).clip(min=0)
        lost += int(more.sum())
        spans.append(intervals(times, more))
    said = f"the kernel dropped {counted(lost, 'connection')}"
    if full.any():
        said = (
            f"{written(limit)} {agreeing(limit, 'connection')} filled the accept queue and {said}"
        )
    return _finding(
        "accept_queue",
        evidence,
        _together(spans),
        said,
        most=limit,
        used=length,
        timeouts=lost,
    )


class AcceptQueue(NamedTuple):
    """How long one accept queue was at each instant, and may have been; NaN: not measured."""

    lengths: Any
    limits: Any


def accept_queues(samples: Samples, grid: Any) -> list[AcceptQueue]:
    """Return the accept queues that requests come through, the one that was fullest first."""
    lengths, limits = (_queue_series(samples, name) for name in ("length", "limit"))
    found = [
        AcceptQueue(
            *(level_on(grid, [s for s in each if s.labels == labels]) for each in (lengths, limits))
        )
        for labels in sorted({series.labels for series in lengths})
    ]
    return sorted(found, key=_fullest, reverse=True)


def _fullest(queue: AcceptQueue) -> float:
    return float(np.nan_to_num(_peak(queue.lengths / np.maximum(queue.limits, 1)), nan=-1.0))


def _queue_series(samples: Samples, name: str) -> list[Series]:
    """Return what is told of the accept queues that requests come through: on this machine only the
    target's are recorded, in containers everybody's."""
    every = samples.series(f"listen_queue_{name}")
    return [series for series in every if is_asked(series.label("container"))]


def is_asked(container: str) -> bool:
    """Return whether students' connections come to a container; without a name, to this machine."""
    return not container or service_of(container) in _ASKED


def _max_connections(evidence: Evidence, grid: Any) -> PoolFinding | None:
    used = level_on(grid, evidence.samples.series("pg_connections_used", "postgres"))
    most = level_on(grid, evidence.samples.series("pg_settings_max_connections", "postgres"))
    if np.isnan(used).all():
        return None
    taken_up = intervals(grid, (used >= most) & (most > 0))
    were = agreeing(_peak(most), "was", "were")
    taken = f"{written(_peak(most))} {agreeing(_peak(most), 'connection')}"
    said = f"all {taken} of PostgreSQL {were} taken"
    return _finding("max_connections", evidence, taken_up, said, most=_peak(most), used=_peak(used))


def _cpu(evidence: Evidence, grid: Any) -> PoolFinding | None:
    used = level_on(grid, evidence.samples.series("machine_cpu_used_ratio", "kernel"))
    if np.isnan(used).all():
        return None
    heard = worst_on(grid, evidence.samples.series("app_event_loop_lag_seconds", "app"))
    own = worst_on(grid, evidence.samples.series("generator_loop_lag_seconds", "generator"))
    lag = np.fmax(heard, own)
    steps = max(int(1 / grid_interval_s(evidence.plan)), 1)
    full = _lasting(used >= BUSY, steps)
    hit = full & _lasting(lag >= LATE_LOOP_S, 2)
    first = int(np.argmax(hit))
    second = slice(first, first + steps)
    said = (
        f"all CPUs were {written(100 * _peak(used[second]))}% busy and event loops ran up to "
        f"{milliseconds(1e3 * _peak(lag[second]))} late"
    )
    finding = _finding("cpu", evidence, intervals(grid, hit), said, most=1.0, used=_peak(used))
    if finding.pool.diagnosis == "healthy" and np.isnan(heard).all() and full.any():
        # Of somebody else's app no loop is known: that nobody waited for a full CPU, nobody saw.
        unknown = finding.pool.model_copy(update={"diagnosis": "not_measured"})
        finding = dataclasses.replace(finding, pool=unknown)
    return finding


def _app_loop(evidence: Evidence, grid: Any) -> PoolFinding | None:
    lag = worst_on(grid, evidence.samples.series("app_event_loop_lag_seconds", "app"))
    if np.isnan(lag).all():
        return None
    queued = part_ms(evidence.requests, "queue")
    queued = queued[~np.isnan(queued)]
    wait_ms = percentile(queued, 99)
    steps = max(int(LATE_LOOP_LASTS_S / grid_interval_s(evidence.plan)), 2)
    late = intervals(grid, _lasting(lag >= LATE_LOOP_S, steps))
    said = f"an app worker's event loop ran up to {milliseconds(1e3 * _peak(lag))} late"
    if len(queued):
        said += f"; 1% of requests waited over {milliseconds(wait_ms)} for a worker"
    return _finding("app_loop", evidence, late, said, wait_p99_ms=wait_ms)


def _generator_loop(evidence: Evidence) -> PoolFinding | None:
    if evidence.t0_ns is None or evidence.clock_steps:
        return None
    if evidence.plan.load is not None:
        return None  # Locust's users mean nothing before they send it: none of it was measured
    lateness = evidence.latency["generator_ms"].to_numpy()
    limit_ms = 1e3 * evidence.plan.generator.max_late_start
    late = lateness > limit_ms
    meant_s = evidence.latency.loc[late, "intended_s"]
    lateness, late = known(lateness), lateness[late]
    if not len(lateness):
        return None
    crowd = (meant_s // 0.25).value_counts()
    crowd = crowd[crowd >= MIN_WAITERS]
    begun_ns = evidence.t0_ns + (0.25 * NS_PER_S * crowd.index.to_numpy()).astype("int64")
    meant = Saturated(begun_ns, begun_ns + NS_PER_S // 4)
    said = (
        f"{counted(len(late), 'request')} started more than {milliseconds(limit_ms)} late, "
        f"the latest {milliseconds(float(late.max()) if len(late) else np.nan)}"
    )
    wait_ms = percentile(lateness, 99)
    return _finding("generator_loop", evidence, meant, said, wait_p99_ms=wait_ms)


def _together(spans: Sequence[Saturated]) -> Saturated:
    """Return what saturated by any of several signs."""
    none = Saturated(np.empty(0, dtype="int64"), np.empty(0, dtype="int64"))
    return Saturated(*map(np.concatenate, zip(none, *spans, strict=True)))


def _peak(levels: Any) -> float:
    """Return the highest level that was seen, NaN when none was."""
    return float(np.fmax.reduce(levels, initial=np.nan))


def _lasting(hit: Any, length: int) -> Any:
    """Return the hits that belong to at least `length` in a row."""
    kept = np.zeros(len(hit), dtype=bool)
    for start, end in runs(hit):
        kept[start:end] = end - start >= length
    return kept
