"""The load: what loops, pools and locks did while a request was under way.

Each is a level over time. What a request met of it is the level's mean while the request lasted,
read off its integral, so that a hundred thousand requests cost no more than one.
"""

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from dress_rehearsal.records.tables import CLIENT_POOLS, NS_PER_S
from dress_rehearsal.reports.cause.foreign_waits import ForeignWaits, foreign_waits
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.samples import count_on, level_on, worst_on

_CONNECTIONS: Final = "db_client_connections"
_USE: Final = "db_client_connection_use_time_seconds"
_CREATE: Final = "db_client_connection_create_time_seconds_sum"
_PENDING: Final = "db_client_connection_pending_requests"
_HELD_OVER_NS: Final = NS_PER_S
"""Over so long the mean hold of a pool is taken: few give back in one interval."""


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
    """What the connections of one pool were busy with.

    Attributes:
        hold_s: the mean hold by Little's law, connections in use over those given back a second; of
            a pool that gives nothing back at least as long as was looked at.
        locked, active: shares of those in use that wait for a lock, and that PostgreSQL works on.
        connecting: the share of those in use that are still being made.
        pending: of all requests under way the share that waited for this pool.
    """

    hold_s: Level
    locked: Level
    active: Level
    connecting: Level
    pending: Level


@dataclass(frozen=True, slots=True)
class Load:
    """The levels of a run on one grid.

    Attributes:
        lag_s: how late the app's loops were, of the latest one.
        queued: of all requests under way the share that no worker had taken up yet.
        locked, active: the shares that waited in PostgreSQL for a lock, and that it worked on.
        pools: by name, those that were seen.
        foreign: what somebody else's app tells of its own pools.
    """

    grid_ns: Any
    lag_s: Level
    queued: Level
    locked: Level
    active: Level
    pools: dict[str, PoolLoad]
    foreign: ForeignWaits = field(default_factory=lambda: ForeignWaits({}, ()))


def read_load(evidence: Evidence, grid_ns: Any) -> Load:
    """Return what loops, pools and locks did, on a grid of Unix ns."""
    samples = evidence.samples
    under_way = level_on(grid_ns, samples.series("generator_in_flight", "generator"))
    taken_up = level_on(grid_ns, samples.series("http_server_active_requests", "app"))
    under_way = np.fmax(under_way, taken_up)
    locked = level_on(grid_ns, samples.series("pg_lock_waiting", "postgres"))
    backends = samples.series("pg_stat_activity_backends", "postgres", state="active")
    active = level_on(grid_ns, backends) - locked
    levels = {
        "lag_s": worst_on(grid_ns, samples.series("app_event_loop_lag_seconds", "app")),
        "queued": _share(under_way - taken_up, under_way),
        "locked": _share(locked, under_way),
        "active": _share(active, under_way),
    }
    pools = {
        name: _pool_load(evidence, grid_ns, name, under_way, locked, active)
        for name in CLIENT_POOLS
    }
    return Load(
        grid_ns,
        **{name: Level(grid_ns, values) for name, values in levels.items()},
        pools={name: load for name, load in pools.items() if load is not None},
        foreign=foreign_waits(evidence),
    )


def _pool_load(
    evidence: Evidence, grid_ns: Any, pool: str, under_way: Any, locked: Any, active: Any
) -> PoolLoad | None:
    samples = evidence.samples
    rows = samples.series(_CONNECTIONS, "app", pool=pool, state="used")
    if not rows or len(grid_ns) < 2:
        return None
    used = level_on(grid_ns, rows)
    pending = level_on(grid_ns, samples.series(_PENDING, "app", pool=pool))
    given_back = count_on(grid_ns, samples.series(f"{_USE}_count", "app", pool=pool))
    steps = max(int(_HELD_OVER_NS // (grid_ns[1] - grid_ns[0])), 1)
    before = np.maximum(np.arange(len(grid_ns)) - steps, 0)
    span_s = (grid_ns - grid_ns[before]) / NS_PER_S
    mean_used = (used + used[before]) / 2
    hold_s = mean_used * span_s / np.maximum(given_back - given_back[before], 1)
    created_s = count_on(grid_ns, samples.series(_CREATE, "app", pool=pool))
    connecting = (created_s - created_s[before]) / np.maximum(span_s, 1e-9)
    of_postgres = pool == "postgres"
    unknown = np.full(len(grid_ns), np.nan)
    levels = (
        hold_s,
        _share(locked, used) if of_postgres else unknown,
        _share(active, used) if of_postgres else unknown,
        _share(connecting, mean_used),
        _share(pending, under_way),
    )
    return PoolLoad(*(Level(grid_ns, values) for values in levels))


def _share(part: Any, whole: Any) -> Any:
    """Return which share of a level another is, from 0 to 1; NaN where one was not measured."""
    share = np.divide(part, whole, out=np.zeros(len(whole)), where=whole > 0)
    return np.where(np.isnan(part) | np.isnan(whole), np.nan, share.clip(0, 1))
