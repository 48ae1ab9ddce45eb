"""Pools of somebody else's app, by what its own metrics say of them.

A wait comes from buckets, else from the growth of its sum over that of its count, else from who
waits at the instant of a sample. Where neither is told a full pool is not known to be waited for,
and not healthy. An interval is that between two looks, a second as a rule; it counts as saturated
when

- five waits at least, and more than 1% of them, were over `WAIT_LIMIT_S`; without buckets, when
  five or more took that long on average; or
- somebody waited while every connection was in use, or, where the limit is not told, in two looks
  running; or
- a wait timed out, or a server turned a connection away; or
- of a server's connections none was left; or processors were wholly busy for two looks running.

Several instances are added up; one of them that is full, with waiters, is enough.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import numpy as np
import pandas as pd

from dress_rehearsal.plans.hosts import is_loopback
from dress_rehearsal.plans.metrics import Metrics
from dress_rehearsal.records.collectors.pool_metrics import UP
from dress_rehearsal.records.collectors.pool_series import FOUND
from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.histogram import Histogram
from dress_rehearsal.reports.evidence.samples import (
    label,
    last_on,
    level_on,
    single_series,
    time_grid,
)
from dress_rehearsal.reports.numbers import rounded, whole
from dress_rehearsal.reports.pools.client import (
    MIN_WAITERS,
    WAIT_LIMIT_S,
    PoolFinding,
    grid_interval_s,
)
from dress_rehearsal.reports.pools.diagnosis import Circumstances, diagnose, runs, standstill_s
from dress_rehearsal.reports.pools.leaks import leaked_at_rest
from dress_rehearsal.reports.schema import Pool
from dress_rehearsal.reports.words import counted, milliseconds, percent, seconds, written

BUSY: Final = 0.95
"""From this share on processors are wholly busy."""
_LASTING: Final = 2
_SILENT_S: Final = 2.0
"""How much longer than usual nothing may have been heard of a pool that is called healthy."""
_CONNECTIONS: Final = "db_client_connections"
_PREFIX: Final = "db_client_connection_"
_WAIT: Final = f"{_PREFIX}wait_time_seconds"
_USE: Final = f"{_PREFIX}use_time_seconds"


@dataclass(frozen=True, slots=True)
class ForeignPool:
    """One pool of an entry of `[[metrics]]`, all instances together.

    Attributes:
        name: such as `shop.HikariPool-1`.
        kind: client, server or cpu.
        frame: a row an interval: t_ns (its end), used, max, pending (NaN where it is not told),
            timeouts, acquired, wait_s (the waits that ended in it, and their time), waited,
            wait_p99_ms (of buckets), returned, use_s, saturated.
        wait: of buckets; None without.
        waits_told: whether how long it was waited for is told, not only how many wait.
        holds_told: whether how long connections are held is told; else returned and use_s are
            estimated, by Little's law.
    """

    name: str
    entry: str
    kind: str
    frame: pd.DataFrame
    wait: Histogram | None
    waits_told: bool
    pending_told: bool
    holds_told: bool
    workers: list[pd.DataFrame]

    @property
    def waiting_told(self) -> bool:
        """Whether it is known if anybody waited for it."""
        return self.waits_told or self.pending_told or self.kind != "client"


def find_foreign_pools(evidence: Evidence) -> list[PoolFinding]:
    """Return a finding for each pool that the plan's `[[metrics]]` tell of, or should have.

    A preset that matched nothing, or an address that gave no metrics, is a pool that was not
    measured.
    """
    pools = read_foreign_pools(evidence)
    active = _server_active(pools)
    found = [_judged(evidence, pool, active) for pool in pools]
    known = {pool.entry for pool in pools}
    for metrics in evidence.plan.metrics:
        missing = [name for name, number, _ in _matches(evidence, metrics) if not number]
        presets = [name for name in missing if name in metrics.presets]
        if metrics.name not in known and not presets:
            presets = list(metrics.presets) or ["pool"]
        found += [_unmeasured(f"{metrics.name}.{name}") for name in presets]
    return found


def foreign_notes(evidence: Evidence) -> list[str]:
    """Return what of the plan's `[[metrics]]` could not be read, or had none of the names."""
    return [note for metrics in evidence.plan.metrics for note in _notes(evidence, metrics)]


def read_foreign_pools(evidence: Evidence) -> list[ForeignPool]:
    """Return every pool that an entry of `[[metrics]]` told of, in the order of the plan."""
    found = []
    for metrics in evidence.plan.metrics:
        grid = _grid(evidence, metrics)
        if len(grid) < 2:
            continue
        for name, kind in _names(evidence, metrics):
            found.append(_pool(evidence, grid, metrics.name, name, kind))
    return found


def grown_on(grid: Any, rows: pd.DataFrame, heard_ns: int) -> Any:
    """Return how much counters have grown since they were first read, added up, on a grid.

    A counter that falls has begun anew, at 0. One that is there only later than its source was
    first heard began at 0 too.
    """
    total = np.zeros(len(grid))
    for _, times, values in single_series(rows):
        total += last_on(grid, times, grown(times, values, heard_ns))
    return total


def grown(times: Any, values: Any, heard_ns: int) -> Any:
    """Return how much one counter had grown at each of its samples."""
    steps = np.diff(values, prepend=values[:1])
    steps = np.where(steps < 0, values, steps)
    if len(steps) and times[0] > heard_ns:
        steps[0] = values[0]
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
        return samples.named(metric, entry, pool=name, **labels)

    heard_ns = _first_heard_ns(evidence, entry)
    used_rows = (
        _rates(rows("pool_busy_seconds_total"), heard_ns)
        if kind == "cpu"
        else rows(_CONNECTIONS, state="used")
    )
    max_rows, pending_rows = rows(f"{_PREFIX}max"), rows(f"{_PREFIX}pending_requests")
    sums, counts = rows(f"{_WAIT}_sum"), rows(f"{_WAIT}_count")
    wait = _histogram(grid, rows(f"{_WAIT}_bucket"), sums, heard_ns)
    uses, returns = rows(f"{_USE}_sum"), rows(f"{_USE}_count")
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
            "timeouts": _each(grown_on(grid, rows(f"{_PREFIX}timeouts_total"), heard_ns)),
            "acquired": acquired,
            "wait_s": wait_s,
            "waited": wait.above(WAIT_LIMIT_S) if wait else 0.0,
            "wait_p99_ms": wait.percentiles_ms(99) if wait else np.nan,
            "returned": returned,
            "use_s": use_s,
            "active": level_on(grid, rows("pool_server_active")),
        }
    )
    workers = _workers(grid, used_rows, max_rows, pending_rows, counts, frame, heard_ns)
    pool = ForeignPool(
        name,
        entry,
        kind,
        frame,
        wait,
        waits_told=wait is not None or (len(sums) > 0 and len(counts) > 0),
        pending_told=len(pending_rows) > 0,
        holds_told=len(returns) > 0,
        workers=workers,
    )
    frame["saturated"] = _saturated(pool)
    return pool


def _each(total: Any) -> Any:
    """Return what was added in each interval; nothing in the first."""
    return np.diff(total, prepend=total[:1])


def _first_heard_ns(evidence: Evidence, entry: str) -> int:
    up = evidence.samples.named(UP, entry)
    up = up[up["value"] > 0]
    return int(up["t_ns"].min()) if len(up) else 0


def _rates(rows: pd.DataFrame, heard_ns: int) -> pd.DataFrame:
    """Return counters of time as how much of it passed a second since the sample before."""
    parts = []
    for (source, labels), own in rows.groupby(["source", "labels"]):
        times = own["t_ns"].to_numpy()
        if len(times) < 2:
            continue
        steps = np.diff(grown(times, own["value"].to_numpy(), heard_ns))
        rate = steps / (np.diff(times) / NS_PER_S)
        parts.append(
            pd.DataFrame({"t_ns": times[1:], "source": source, "labels": labels, "value": rate})
        )
    return (
        pd.concat(parts, ignore_index=True).sort_values("t_ns", kind="stable")
        if parts
        else rows[:0]
    )


def _histogram(
    grid: Any, buckets: pd.DataFrame, sums: pd.DataFrame, heard_ns: int
) -> Histogram | None:
    """Return a histogram of all instances, whose counters may have begun anew."""
    if buckets.empty:
        return None
    series = single_series(buckets)
    limits = [float(json.loads(labels)["le"]) for labels, _, _ in series]
    edges = np.unique([*limits, np.inf])
    counts = np.zeros((len(grid), len(edges)))
    for limit, (_, times, values) in zip(limits, series, strict=True):
        counts[:, np.searchsorted(edges, limit)] += last_on(
            grid, times, grown(times, values, heard_ns)
        )
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
    used: pd.DataFrame,
    most: pd.DataFrame,
    pending: pd.DataFrame,
    counts: pd.DataFrame,
    frame: pd.DataFrame,
    heard_ns: int,
) -> list[pd.DataFrame]:
    """Return each instance's own pool: used, max, pending and returned in each interval."""
    sources = sorted(used["source"].unique())
    found = []
    for source in sources:
        own = {
            name: level_on(grid, rows[rows["source"] == source])
            for name, rows in (("used", used), ("max", most), ("pending", pending))
        }
        if len(counts):
            returned = _each(grown_on(grid, counts[counts["source"] == source], heard_ns))
        else:
            returned = frame["returned"].to_numpy() if len(sources) == 1 else np.nan
        found.append(pd.DataFrame({**own, "returned": returned}))
    return found


def _saturated(pool: ForeignPool) -> Any:
    frame = pool.frame
    refused = frame["timeouts"] > 0
    if pool.kind == "server":
        return (frame["used"] >= frame["max"]) | refused
    if pool.wait is not None:
        slow = (frame["waited"] >= MIN_WAITERS) & (frame["waited"] > 0.01 * frame["acquired"])
    else:
        mean_s = frame["wait_s"] / frame["acquired"].where(frame["acquired"] > 0)
        slow = (frame["acquired"] >= MIN_WAITERS) & (mean_s > WAIT_LIMIT_S)
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


def _lasting(hit: "pd.Series[bool]") -> Any:
    """Return the hits that belong to two looks running, at least."""
    kept = np.zeros(len(hit), dtype=bool)
    for start, end in runs(hit.to_numpy(dtype=bool)):
        kept[start:end] = end - start >= _LASTING
    return kept


def _judged(evidence: Evidence, pool: ForeignPool, active: pd.Series | None) -> PoolFinding:
    """Return how full the pool was, how long it was waited for, since when, and why."""
    frame = pool.frame
    hit = np.flatnonzero(frame["saturated"].to_numpy())
    first = int(hit[0]) if len(hit) else None
    since_s = None
    if first is not None and evidence.t0_ns is not None:
        started = frame["t_ns"].iloc[max(first - 1, 0)]
        since_s = rounded((int(started) - evidence.t0_ns) / NS_PER_S, 2)
    around = _circumstances(evidence, pool, active)
    leaked = leaked_at_rest(evidence, frame) if pool.kind == "client" else None
    said = "" if first is None else _evidence(pool, first)
    diagnosis = diagnose(frame, first, leaked, around)
    if pool.kind != "client":
        diagnosis = "healthy" if first is None else _why_short(pool)
    elif first is not None and diagnosis is None and (still_s := standstill_s(frame, around)):
        said += (
            f"; nothing was given back in the last {seconds(still_s)} of the record, which tells a "
            f"leak not from requests that wait for a second connection (nested_acquire)"
        )
    if diagnosis == "healthy" and (_unseen(evidence, pool) or _full_unknown(pool)):
        diagnosis = "not_measured"
    mean_ms = (
        1e3 * frame["wait_s"].sum() / frame["acquired"].sum()
        if pool.waits_told and frame["acquired"].sum()
        else None
    )
    return PoolFinding(
        Pool(
            name=pool.name,
            max=whole(frame["max"].max()),
            peak_used=_level(pool, frame["used"].max()),
            peak_pending=whole(frame["pending"].max()),
            wait_p99_ms=rounded(pool.wait.percentile_ms(99)) if pool.wait else None,
            wait_mean_ms=rounded(mean_ms),
            timeouts=int(frame["timeouts"].sum()),
            saturated_at_s=since_s,
            leaked=leaked,
            diagnosis=diagnosis,
        ),
        said,
    )


def _level(pool: ForeignPool, level: float) -> int | float | None:
    return rounded(level, 2) if pool.kind == "cpu" else whole(level)


def _why_short(pool: ForeignPool) -> Any:
    """Return what is said of processors or a server's connections that ran short.

    Throttled ones, and a server that turned connections away, are too few by definition.
    """
    frame = pool.frame[pool.frame["saturated"]]
    throttled = pool.kind == "cpu" and frame["wait_s"].sum() > 0 and frame["max"].notna().any()
    return "undersized" if throttled or (frame["timeouts"] > 0).any() else None


def _full_unknown(pool: ForeignPool) -> bool:
    """Return whether it was full, or may have been, and nothing tells if anybody waited."""
    full = pool.frame["used"] >= pool.frame["max"]
    unlimited = pool.frame["max"].isna().all() and pool.kind != "client"
    return (bool(full.any()) and not pool.waiting_told) or unlimited


def _unseen(evidence: Evidence, pool: ForeignPool) -> bool:
    """Return whether too long nothing was heard of it in the seconds that matter."""
    if evidence.decisive_ns is None:
        return False
    metrics = next(each for each in evidence.plan.metrics if each.name == pool.entry)
    from_ns, until_ns = evidence.decisive_ns
    most_ns = (max(metrics.interval, evidence.plan.collect.interval) + _SILENT_S) * NS_PER_S
    up = evidence.samples.named(UP, pool.entry)
    for position in range(len(metrics.addresses)):
        own = up[(up["source"] == metrics.source(position)) & (up["value"] > 0)]
        inside = own["t_ns"][(own["t_ns"] > from_ns) & (own["t_ns"] < until_ns)].to_numpy()
        if np.diff([from_ns, *inside, until_ns]).max() > most_ns:
            return True
    return False


def _circumstances(
    evidence: Evidence, pool: ForeignPool, active: pd.Series | None
) -> Circumstances:
    """Return what else was to be seen at the pool's intervals."""
    grid = pool.frame["t_ns"].to_numpy()
    unknown = np.full(len(grid), np.nan)
    cpu = unknown
    if _is_here(evidence):
        cpu = level_on(grid, evidence.samples.named("machine_cpu_used_ratio", "kernel"))
    busy = (
        unknown if active is None else np.interp(grid, active.index.to_numpy(), active.to_numpy())
    )
    return Circumstances(
        loop_lag_ms=unknown,
        cpu=cpu,
        lock_waiting=unknown,
        active=busy,
        open_idle=unknown,
        workers=pool.workers,
        pool_timeout_s=None,
    )


def _is_here(evidence: Evidence) -> bool:
    """Return whether the target is on this machine, so that its processors are ours."""
    target = evidence.plan.target
    return target.stage == "embedded" or is_loopback(urlsplit(target.url or "").hostname or "")


def _server_active(pools: Sequence[ForeignPool]) -> pd.Series | None:
    """Return how many connections the servers behind the app work on, less the one that asks."""
    known = [pool.frame.set_index("t_ns")["active"] for pool in pools if pool.kind == "server"]
    known = [each for each in known if each.notna().any()]
    if not known:
        return None
    return (known[0].ffill().fillna(0.0) - 1).clip(lower=0)


def _evidence(pool: ForeignPool, first: int) -> str:
    """Return the first second of saturation in figures."""
    frame = pool.frame
    interval_ns = frame["t_ns"].iloc[1] - frame["t_ns"].iloc[0]
    second = frame.iloc[first : first + max(int(NS_PER_S // interval_ns), 1)]
    used, most, pending = (second[name].max() for name in ("used", "max", "pending"))
    said = []
    if pool.kind == "cpu" and not np.isnan(used):
        of = "" if np.isnan(most) else f", {percent(used / most)} of {written(round(most, 2))}"
        said.append(f"{written(round(used, 2))} cores busy{of}")
    elif not np.isnan(used):
        said.append(f"{written(used)}{'' if np.isnan(most) else f' of {written(most)}'} in use")
    if pending > 0:
        said.append(f"{written(pending)} waiting")
    number, waited_s = second["acquired"].sum(), second["wait_s"].sum()
    if second["waited"].sum() > 0:
        said.append(
            f"{written(second['waited'].sum())} of {written(number)} acquisitions waited over "
            f"{milliseconds(WAIT_LIMIT_S * 1e3)} (p99 {milliseconds(second['wait_p99_ms'].max())})"
        )
    elif number > 0 and waited_s > 0:
        mean = milliseconds(rounded(1e3 * waited_s / number, 1))
        said.append(f"{mean} waited on average by {written(number)}")
    if pool.kind == "client" and second["returned"].sum() > 0:
        held_ms = rounded(1e3 * second["use_s"].sum() / second["returned"].sum(), 1)
        about = "" if pool.holds_told else "about "
        said.append(f"each held for {about}{milliseconds(held_ms)}")
    if second["timeouts"].sum() > 0:
        what = "connections turned away" if pool.kind == "server" else "waits timed out"
        said.append(f"{written(second['timeouts'].sum())} {what}")
    return ", ".join(said)


def _unmeasured(name: str) -> PoolFinding:
    nothing = dict.fromkeys(
        field for field in Pool.model_fields if field not in ("name", "diagnosis")
    )
    return PoolFinding(Pool(name=name, diagnosis="not_measured", **nothing), "")


def _matches(evidence: Evidence, metrics: Metrics) -> list[tuple[str, int, str]]:
    """Return of each preset, or name of the plan's map, the most series ever there, and what is
    near."""
    rows = evidence.samples.named(FOUND, metrics.name)
    if rows.empty:
        return []
    frame = pd.DataFrame(
        {"of": label(rows, "of"), "near": label(rows, "near"), "value": rows["value"]}
    )
    return [
        (str(of), int(own["value"].max()), str(own["near"].iloc[-1]))
        for of, own in frame.groupby("of", sort=True)
    ]


def _notes(evidence: Evidence, metrics: Metrics) -> Iterator[str]:
    up = evidence.samples.named(UP, metrics.name)
    for position in range(len(metrics.addresses)):
        source = metrics.source(position)
        own = up[up["source"] == source]
        failed = own[own["value"] == 0]
        if own.empty or len(failed) == len(own):
            why = f": {label(failed, 'why').iloc[-1]}" if len(failed) else ""
            yield f"Nothing is known of the pools of {source}, for its metrics were never read{why}."
        elif len(failed):
            yield (
                f"The metrics of {source} could not be read {counted(len(failed), 'time')} of "
                f"{len(own):,}, the last time because: {label(failed, 'why').iloc[-1]}."
            )
    for of, number, near in _matches(evidence, metrics):
        if not number:
            there = f"; nearest names there: {near}" if near else "; no name there is like its own"
            what = f"preset {of}" if of in metrics.presets else f"the name given as {of}"
            yield f"Pools: {what} matched no series of {metrics.name}{there}."
