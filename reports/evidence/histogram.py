"""Prometheus histograms of many processes added up on one time grid, and their percentiles.

Percentiles are never averaged: buckets are summed first, then read once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dress_rehearsal.reports.evidence.samples import Samples, Series, count_on, last_on


@dataclass(frozen=True, slots=True)
class Histogram:
    """Cumulative bucket counts: `counts[i, j]` observations of at most `edges_s[j]` by grid[i]."""

    edges_s: Any
    counts: Any
    sums_s: Any

    @property
    def observed(self) -> Any:
        """Observations within each interval of the grid; the first interval is empty."""
        return np.diff(self.counts[:, -1], prepend=self.counts[:1, -1])

    def percentile_ms(self, share: float) -> float:
        """Return the percentile over the whole grid in ms, NaN without observations."""
        return 1e3 * quantile(self.edges_s, self.counts[-1] - self.counts[0], share / 100)

    def percentiles_ms(self, share: float) -> Any:
        """Return the percentile of each interval in ms, NaN without observations."""
        steps = np.diff(self.counts, axis=0, prepend=self.counts[:1])
        found = np.full(len(steps), np.nan)
        for place in np.flatnonzero(steps[:, -1] > 0):
            found[place] = 1e3 * quantile(self.edges_s, steps[place], share / 100)
        return found

    def above(self, limit_s: float) -> Any:
        """Return how many observations of each interval were longer than `limit_s`.

        Those in the bucket that the limit cuts count as longer only if its lower edge is.
        """
        within = int(np.searchsorted(self.edges_s, limit_s, side="left"))
        above = self.counts[:, -1] - self.counts[:, within]
        return np.diff(above, prepend=above[:1])


def histogram_on(
    grid: Any, samples: Samples, name: str, source: str, **labels: str
) -> Histogram | None:
    """Return one histogram added up over its processes, None when it was never sampled."""
    buckets = samples.series(name + "_bucket", source, **labels)
    if not buckets:
        return None
    edges, counts = counts_on(grid, buckets)
    counts[:, -1] = np.maximum(counts[:, -1], counts[:, :-1].max(axis=1, initial=0))
    sums = count_on(grid, samples.series(name + "_sum", source, **labels))
    return Histogram(edges, counts, sums)


def counts_on(
    grid: Any, buckets: Sequence[Series], counted: Callable[[Series], Any] = lambda one: one.values
) -> tuple[Any, Any]:
    """Return the buckets' upper limits, and by row of the grid and limit what all had counted.

    Args:
        counted: what one process had counted, at each of its samples.
    """
    limits = [float(series.label("le")) for series in buckets]
    edges = np.unique([*limits, np.inf])
    counts = np.zeros((len(grid), len(edges)))
    for limit, series in zip(limits, buckets, strict=True):
        counts[:, np.searchsorted(edges, limit)] += last_on(grid, series.t_ns, counted(series))
    return edges, counts


def quantile(edges: Any, cumulative: Any, share: float) -> float:
    """Return a quantile, interpolated within its bucket, as PromQL's histogram_quantile does.

    Beyond the last finite edge only that edge is known. NaN without observations.
    """
    total = cumulative[-1]
    if total <= 0:
        return float("nan")
    rank = share * total
    bucket = int(np.searchsorted(cumulative, rank, side="left"))
    if not np.isfinite(edges[bucket]):
        return float(edges[-2]) if len(edges) > 1 else float("nan")
    below = cumulative[bucket - 1] if bucket else 0.0
    low = edges[bucket - 1] if bucket else 0.0
    inside = cumulative[bucket] - below
    return float(low + (edges[bucket] - low) * ((rank - below) / inside if inside else 1.0))
