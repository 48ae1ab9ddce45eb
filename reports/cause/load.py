"""The load: what loops, pools, locks and CPUs did while a request was under way.

Each is a level over time. What a request met of it is the level's mean while the request lasted,
read off its integral, so that a hundred thousand requests cost no more than one.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from dress_rehearsal.records.tables import CLIENT_POOLS, NS_PER_S
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.samples import count_on, level_on, worst_on

_CONNECTIONS: Final = "db_client_connections"
_USE: Final = "db_client_connection_use_time_seconds"
_HELD_OVER: Final = 4
"""Intervals over which the mean hold of a pool is taken: few give back in one."""


class Level:
    """A level over time, NaN where nobody measured it."""

    def __init__(self, grid_ns: Any, values: Any) -> None:
        known = ~np.isnan(values)
        self._grid_s = (grid_ns - grid_ns[0]) / NS_PER_S if len(grid_ns) else np.zeros(1)
        self._zero_ns = int(grid_ns[0]) if len(grid_ns) else 0
        self.values = values
        held = np.where(known, values, 0.0)
        steps = np.diff(self._grid_s, append=self._grid_s[-1:])
        self._integral = (
            np.concatenate([[0.0], np.cumsum(held * steps)[:-1]]) if len(held) else held
        )
        self._known = np.concatenate([[0.0], np.cumsum(known * steps)[:-1]]) if len(held) else held

    def mean(self, from_ns: Any, to_ns: Any) -> Any:
        """Return the mean level of each span; 0 where nothing was measured in it."""
        if len(self.values) < 2:
            return np.zeros(len(from_ns))
        start, end = ((times - self._zero_ns) / NS_PER_S for times in (from_ns, to_ns))
        end = np.maximum(end, start + 1e-3)
        total, time = (
            np.interp(end, self._grid_s, sums) - np.interp(start, self._grid_s, sums)
            for sums in (self._integral, self._known)
        )
        return np.divide(total, time, out=np.zeros(len(total)), where=time > 0)


@dataclass(frozen=True, slots=True)
class PoolLoad:
    """What the connections of one pool were busy with: shares of those in use, and a mean hold."""

    hold_s: Level
    locked: Level
    active: Level


@dataclass(frozen=True, slots=True)
class Load:
    """The levels of a run on one grid.

    Attributes:
        lag_s: how late the app's loops were, of the latest one.
        cpu: the share of all CPUs in use.
        pools: by name, those that were seen.
    """

    grid_ns: Any
    lag_s: Level
    cpu: Level
    pools: dict[str, PoolLoad]


def read_load(evidence: Evidence, grid_ns: Any) -> Load:
    """Return what loops, pools, locks and CPUs did, on a grid of Unix ns."""
    samples = evidence.samples
    lag = worst_on(grid_ns, samples.named("app_event_loop_lag_seconds", "app"))
    cpu = level_on(grid_ns, samples.named("machine_cpu_used_ratio", "kernel"))
    pools = {name: _pool_load(evidence, grid_ns, name) for name in CLIENT_POOLS}
    return Load(
        grid_ns,
        Level(grid_ns, lag),
        Level(grid_ns, cpu),
        {name: load for name, load in pools.items() if load is not None},
    )


def _pool_load(evidence: Evidence, grid_ns: Any, pool: str) -> PoolLoad | None:
    samples = evidence.samples
    rows = samples.named(_CONNECTIONS, "app", pool=pool, state="used")
    if rows.empty:
        return None
    used = level_on(grid_ns, rows)
    held_s = count_on(grid_ns, samples.named(f"{_USE}_sum", "app", pool=pool))
    returned = count_on(grid_ns, samples.named(f"{_USE}_count", "app", pool=pool))
    before = np.maximum(np.arange(len(grid_ns)) - _HELD_OVER, 0)
    held_s, returned = held_s - held_s[before], returned - returned[before]
    hold_s = np.divide(held_s, returned, out=np.full(len(grid_ns), np.nan), where=returned > 0)
    locked, active = np.full(len(grid_ns), np.nan), np.full(len(grid_ns), np.nan)
    if pool == "postgres":
        waiting = level_on(grid_ns, samples.named("pg_lock_waiting", "postgres"))
        backends = samples.named("pg_stat_activity_backends", "postgres", state="active")
        busy = level_on(grid_ns, backends)
        some = used > 0
        locked = np.divide(waiting, used, out=np.zeros(len(used)), where=some).clip(0, 1)
        active = np.divide(busy - waiting, used, out=np.zeros(len(used)), where=some).clip(0, 1)
    return PoolLoad(Level(grid_ns, hold_s), Level(grid_ns, locked), Level(grid_ns, active))
