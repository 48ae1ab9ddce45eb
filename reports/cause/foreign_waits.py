"""How long a request waited for the pools of somebody else's app: estimated from the pools' own
metrics, for its answers do not say where their time went.

Of the waits that ended around the second in which the request was answered it is the mean: the
growth of their sum over that of their count. Where only who waits is told, it is their share of the
requests under way, over the time that the request was. A request that needed no connection is
given the mean all the same: so it is an estimate, and wherever it is shown it says so. A pool that
tells neither gives no estimate, which is not a wait of 0.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.samples import level_on
from dress_rehearsal.reports.pools.foreign_series import ForeignPool, read_foreign_pools
from dress_rehearsal.reports.pools.turns import takes_turns

_AROUND_NS: Final = NS_PER_S
"""What is counted between two looks, a second apart, is seen at the second of them."""


@dataclass(frozen=True, slots=True)
class ForeignWaits:
    """The waits of every pool of an app that is not ours.

    Attributes:
        pools: those of which a wait can be estimated, by name.
        unknown: names of pools that tell nothing of who waits for them.
    """

    pools: dict[str, "ForeignWait"]
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ForeignWait:
    """One pool's waits on its grid: their number and time so far, and who waits; None: not told."""

    grid_ns: Any
    number: Any | None
    time_s: Any | None
    share: Any | None

    def estimate_ms(self, from_ns: Any, to_ns: Any) -> Any:
        """Return how long each request of these spans waited, at most as long as it lasted."""
        lasted_ms = (to_ns - from_ns) / 1e6
        share = _mean(self.grid_ns, self.share, from_ns, to_ns)
        by_share = np.nan_to_num(share) * lasted_ms
        if self.number is None or self.time_s is None:
            return by_share
        number, time_s = (
            np.interp(to_ns + _AROUND_NS, self.grid_ns, total)
            - np.interp(to_ns - _AROUND_NS, self.grid_ns, total)
            for total in (self.number, self.time_s)
        )
        mean_ms = np.divide(
            1e3 * time_s, number, out=np.full(len(number), np.nan), where=number >= 1
        )
        return np.minimum(np.where(np.isnan(mean_ms), by_share, mean_ms), lasted_ms)


def foreign_waits(evidence: Evidence) -> ForeignWaits:
    """Return what the pools of the plan's `[[metrics]]` tell of waits."""
    clients = [pool for pool in read_foreign_pools(evidence) if pool.kind == "client"]
    return ForeignWaits(
        {pool.name: _waits(evidence, pool) for pool in clients if pool.waiting_told},
        (
            *(pool.name for pool in clients if not pool.waiting_told),
            *(each.name for each in evidence.plan.metrics if takes_turns(evidence, each)),
        ),
    )


def _waits(evidence: Evidence, pool: ForeignPool) -> ForeignWait:
    frame = pool.frame
    grid = frame["t_ns"].to_numpy()
    told = bool(pool.waits_told and frame["wait_s"].sum() > 0)
    number = np.cumsum(frame["acquired"].to_numpy(dtype=float)) if pool.waits_told else None
    # Buckets without a sum tell no mean.
    time_s = np.cumsum(frame["wait_s"].to_numpy(dtype=float)) if told else None
    if pool.waits_told and not told and pool.wait is None:
        time_s = np.zeros(len(grid))
    share = None
    if pool.pending_told:
        under_way = level_on(grid, evidence.samples.series("generator_in_flight", "generator"))
        pending = pd.Series(frame["pending"]).to_numpy(dtype=float)
        known = np.nan_to_num(under_way) > 0
        share = np.divide(pending, under_way, out=np.zeros(len(grid)), where=known).clip(0, 1)
    return ForeignWait(grid, number, time_s, share)


def _mean(grid_ns: Any, level: Any | None, from_ns: Any, to_ns: Any) -> Any:
    """Return the mean of a level over spans, each at least an interval wide; 0 without a level."""
    if level is None:
        return np.zeros(len(from_ns))
    step_s = np.diff(grid_ns, prepend=grid_ns[:1]) / NS_PER_S
    total = np.cumsum(np.nan_to_num(level) * step_s)
    start = np.minimum(from_ns, to_ns - (grid_ns[1] - grid_ns[0]))
    area = np.interp(to_ns, grid_ns, total) - np.interp(start, grid_ns, total)
    return area / np.maximum((to_ns - start) / NS_PER_S, 1e-3)
