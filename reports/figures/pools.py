"""Figure: every pool's use, what waits for it and how long, one row a pool on T-0's axis."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from dress_rehearsal.plans.names import pool_words
from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.samples import label
from dress_rehearsal.reports.figures.drawing import Drawing, Missing, drawn
from dress_rehearsal.reports.figures.layout import Sheet
from dress_rehearsal.reports.figures.palette import BLUE, INK, ORANGE, VERMILLION
from dress_rehearsal.reports.figures.panel import Panel
from dress_rehearsal.reports.figures.time_axis import RunSeries, Series, in_ms, run_window_s
from dress_rehearsal.reports.pools.diagnosis import is_saturated
from dress_rehearsal.reports.pools.foreign_series import ForeignPool, read_foreign_pools
from dress_rehearsal.reports.pools.shared import accept_queues
from dress_rehearsal.reports.schema import Bottleneck, Pool
from dress_rehearsal.reports.words import (
    bottleneck_words,
    cores,
    counted,
    offset,
    percent,
    seconds,
    written,
)


@dataclass(frozen=True, slots=True)
class PoolRow:
    """One finite thing that requests wait for; each series is None where nothing measured it."""

    name: str
    used: Series | None = None
    pending: Series | None = None
    most: float | None = None
    wait_ms: Series | None = None
    wait_name: str = "p99 wait, at most"
    paired: bool = False
    """Stands beside the row before it, where the form has room: both have one panel only."""
    words: Callable[[float], str] = written

    @property
    def levelled(self) -> bool:
        """Whether its use or what waits for it was measured."""
        return self.used is not None or self.pending is not None

    @property
    def is_quiet(self) -> bool:
        """Whether no look at it found anything in use or waiting, and next to nothing was taken in
        between, as its waits tell where it is one that tells of use."""
        levels = [each for each in (self.used, self.pending) if each is not None]
        waits = 0 if self.wait_ms is None else np.count_nonzero(np.nan_to_num(self.wait_ms.values))
        few = 1 if self.used is None else _FEWEST_WAITS
        still = not any(_above_zero(each) for each in levels)
        return bool(levels) and bool(waits < few) and still

    @property
    def overrun(self) -> bool:
        """Whether so much waited for it that on one scale its use would be a line at the bottom."""
        if self.used is None or self.pending is None:
            return False
        return bool(self.pending.highest > _APART * max(self.most or 0.0, self.used.highest))


def draw_pools(
    evidence: Evidence, run: RunSeries, bottleneck: Bottleneck | None, pools: Sequence[Pool]
) -> Drawing | Missing:
    """Return the drawing of the pools as small multiples.

    Args:
        pools: what the verdict says of each, for the title.
    """
    name, heading = "pools", "Pools"
    window, timeline = run.window_s, evidence.timeline
    rows = [*pool_rows(run), *foreign_rows(evidence)]
    rows = [row for row in rows if row.levelled or row.wait_ms is not None]
    if window is None or not rows:
        return Missing(
            name, heading, "No sample of any pool was recorded, so what saturated is not known."
        )
    title = _finding(rows, bottleneck, pools, has_t0=timeline.has_t0)
    busy = [row for row in rows if not row.is_quiet]
    quiet = [row.name for row in rows if row.is_quiet] if busy else []
    rows = busy or rows
    caption = (
        "One row a pool on one axis of time. The dashed line is the most it can hold; a level near "
        "it may be healthy, only waiting is evidence. Levels are read "
        f"every {seconds(evidence.plan.collect.interval)} and can miss shorter peaks; waits come "
        "from histograms, which miss none, and are shown only where something was taken. “p99 "
        "wait, at most” is the upper end of the bucket in which the p99 lies: a histogram tells no "
        "more of it."
    )
    if quiet:
        caption += (
            f" Without a row, for no look at them found anything in use or waiting: "
            f"{', '.join(quiet)}."
        )
    caption += timeline.note

    def draw(sheet: Sheet) -> None:
        alone = False  # whether the panel before has nothing beside it, and could have
        for row in rows:
            if row.overrun:
                beside = True
                used = sheet.timed_panel(f"{row.name}: in use", 62, window, timeline)
                _draw_use(used, replace(row, pending=None))
                label = f"{row.name}: waiting"
                waiting = sheet.timed_panel(label, 62, window, timeline, beside=True)
                _draw_use(waiting, replace(row, used=None, most=None))
            elif row.levelled:
                beside = alone and row.wait_ms is None
                _draw_use(sheet.timed_panel(row.name, 62, window, timeline, beside=beside), row)
            if row.wait_ms is not None:
                label = f"{row.name}: {row.wait_name}, ms (log)"
                beside = (row.levelled and not row.overrun) or (alone and row.paired)
                if np.count_nonzero(~np.isnan(row.wait_ms.values)) < _FEWEST_WAITS:
                    sheet.panel(label, 62, beside=beside).say("next to nothing was taken from it")
                else:
                    panel = sheet.timed_panel(label, 62, window, timeline, beside=beside)
                    _draw_wait(panel, row.wait_ms)
            alone = not beside

    return drawn(name, heading, title, caption, timeline.label, draw)


def pool_rows(run: RunSeries) -> list[PoolRow]:
    """Return every pool there may be, with what the run measured of it."""
    pools = sorted(set(label(run.samples.named(f"{_CLIENT}_max", "app"), "pool")))
    return [
        *(_client_pool(run, pool) for pool in pools),
        PoolRow(
            pool_words("write_back"),
            pending=_backlog(run),
            wait_ms=in_ms(run.worst("writeback_oldest_age_seconds", "writeback")),
            wait_name="oldest entry's age",
        ),
        PoolRow(
            pool_words("max_connections"),
            used=run.level("pg_connections_used", "postgres"),
            most=_highest(run.worst("pg_settings_max_connections", "postgres")),
        ),
        _accept_queue(run),
        PoolRow(
            pool_words("cpu"),
            used=run.worst("machine_cpu_used_ratio", "kernel"),
            most=1.0,
            words=percent,
        ),
        PoolRow(
            pool_words("app_loop"),
            wait_ms=in_ms(run.worst("app_event_loop_lag_seconds", "app")),
            wait_name="worst lag",
            paired=True,
        ),
        *_cpu_limits(run),
    ]


def _accept_queue(run: RunSeries) -> PoolRow:
    """Return the accept queue that was fullest, of those that requests come through."""
    row = PoolRow(pool_words("accept_queue"), paired=True)
    for length, limit in run.at(partial(accept_queues, run.samples))[:1]:
        return replace(row, pending=length, most=_highest(limit))
    return row


def _cpu_limits(run: RunSeries) -> Iterator[PoolRow]:
    """Yield the CPU limit of each container that has one."""
    source, quota = "containers", run.samples.named("container_spec_cpu_quota", "containers")
    for container in sorted(set(label(quota, "container"))):
        limit, period = (
            run.worst(f"container_spec_cpu_{what}", source, container=container)
            for what in ("quota", "period")
        )
        used = run.rate("container_cpu_usage_seconds_total", source, container=container)
        held = _held_back(run, container)
        if limit is not None and period is not None:
            yield PoolRow(
                f"CPU limit of {container}",
                used=used,
                most=_highest(Series(limit.at_s, limit.values / period.values)),
                wait_ms=in_ms(held),
                wait_name="held back a second",
                words=cores,
            )


def _held_back(run: RunSeries, container: str) -> Series | None:
    """Return how long a second the limit held it back that did so longest, of all around it."""
    asked: list[tuple[str, dict[str, str]]] = [("container_cpu_cfs_throttled_seconds_total", {})]
    looser = "container_looser_cpu_cfs_throttled_seconds_total"
    rows = run.samples.named(looser, "containers", container=container)
    asked += [(looser, {"cgroup": cgroup}) for cgroup in sorted(set(label(rows, "cgroup")))]
    rates = [run.rate(name, "containers", container=container, **of) for name, of in asked]
    known = [rate for rate in rates if rate is not None]
    if not known:
        return None
    return Series(known[0].at_s, np.fmax.reduce([rate.values for rate in known]))


def foreign_rows(evidence: Evidence) -> list[PoolRow]:
    """Return the pools that somebody else's app tells of."""
    return [_foreign_pool(evidence, pool) for pool in read_foreign_pools(evidence)]


def _foreign_pool(evidence: Evidence, pool: ForeignPool) -> PoolRow:
    frame = pool.frame
    at_s = (frame["t_ns"].to_numpy() - evidence.timeline.zero_ns) / NS_PER_S
    since_s, until_s = run_window_s(evidence) or (-np.inf, np.inf)

    def series(values: Any) -> Series | None:
        kept = np.asarray(values, dtype=float)[inside]
        return None if np.isnan(kept).all() else Series(at_s[inside], kept)

    inside = (at_s >= since_s) & (at_s <= until_s)
    wait_ms, wait_name = frame["wait_p99_ms"], "p99 wait, at most"
    if pool.wait is None:
        taken = frame["acquired"].where(frame["acquired"] > 0)
        wait_ms, wait_name = 1e3 * frame["wait_s"] / taken, "mean wait"
    most = frame["max"].max()
    return PoolRow(
        pool_words(pool.name),
        used=series(frame["used"]),
        pending=series(frame["pending"]),
        most=None if np.isnan(most) else float(most),
        wait_ms=series(wait_ms) if pool.sums_told or pool.wait is not None else None,
        wait_name=wait_name,
    )


_APART = 3.0
"""From so many times the most that a pool holds on what waits for it has a panel of its own."""
_FLOOR_MS = 0.01
_FEWEST_WAITS = 3
_CLIENT = "db_client_connection"


def _client_pool(run: RunSeries, pool: str) -> PoolRow:
    return PoolRow(
        pool_words(pool),
        used=run.level(f"{_CLIENT}s", "app", pool=pool, state="used"),
        pending=run.level(f"{_CLIENT}_pending_requests", "app", pool=pool),
        most=_highest(run.level(f"{_CLIENT}_max", "app", pool=pool)),
        wait_ms=run.at_most_ms(f"{_CLIENT}_wait_time_seconds", "app", 99, pool=pool),
    )


def _backlog(run: RunSeries) -> Series | None:
    """Return the entries not yet committed by Redis's own count: the worker's dies with it."""
    pending = run.level("redis_stream_pending", "redis")
    waiting = run.level("redis_stream_lag", "redis")
    if pending is None or waiting is None:
        return run.worst("writeback_backlog", "writeback")
    return Series(pending.at_s, pending.values + waiting.values)


def _above_zero(series: Series) -> bool:
    return bool(np.nan_to_num(series.values).any())


def _highest(series: Series | None) -> float | None:
    return None if series is None or np.isnan(series.highest) else series.highest


def _draw_use(panel: Panel, row: PoolRow) -> None:
    highest = row.most or 0.0
    if row.used is not None:
        panel.area(row.used.at_s, row.used.values, BLUE, "used")
        highest = max(highest, row.used.highest)
    if row.pending is not None:
        panel.line(*row.pending, VERMILLION, "waiting", held=True, width=1.7)
        highest = max(highest, row.pending.highest)
    if row.most is not None:
        panel.limit(row.most, INK, f"at most {row.words(row.most)}")
    if row.words is cores and highest > 0:  # a tenth of a CPU is no flat line; its unit is above
        panel.axis_of_counts(0, highest, lambda value: written(value))
    else:
        panel.axis_of_counts(0, max(highest, 1.0), row.words)


def _draw_wait(panel: Panel, wait_ms: Series) -> None:
    panel.line(wait_ms.at_s, np.maximum(wait_ms.values, _FLOOR_MS), ORANGE, width=1.7)
    panel.axis_of_time(_FLOOR_MS, max(10.0, wait_ms.highest))


def _finding(
    rows: list[PoolRow],
    bottleneck: Bottleneck | None,
    pools: Sequence[Pool],
    *,
    has_t0: bool = True,
) -> str:
    if bottleneck is not None:
        resource = bottleneck_words(bottleneck.resource, bottleneck.certainty)
        return f"Most time was lost to {resource}, from {offset(bottleneck.since_s)} on"
    saturated = {
        pool.name: pool.saturated_at_s for pool in pools if pool.saturated_at_s is not None
    }
    if saturated:
        first = min(saturated, key=lambda name: saturated[name])
        number = counted(len(saturated), "pool")
        which = "" if len(saturated) == 1 else ", the first of them"
        return f"{number} saturated{which}: {pool_words(first)}, from {offset(saturated[first])} on"
    if untimed := [pool_words(pool.name) for pool in pools if is_saturated(pool, has_t0=has_t0)]:
        return f"{counted(len(untimed), 'pool')} saturated: {', '.join(untimed)}"
    unread = any(pool.diagnosis == "not_measured" for pool in pools)
    none = "No pool of those measured saturated" if unread else "No pool saturated"
    shares = {
        row.name: row.used.highest / row.most for row in rows if row.used is not None and row.most
    }
    if not shares:
        return none
    fullest = max(shares, key=lambda pool: shares[pool])
    used = min(shares[fullest], 1.0)  # within a sample's time a limit may be made up for
    return f"{none}; the fullest: {fullest}, {percent(used)} in use"
