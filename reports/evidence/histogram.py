"""Prometheus histograms of many processes added up on one time grid, and their percentiles.

Percentiles are never averaged: buckets are summed first, then read once. What a histogram knows of
a percentile is the bucket that it fell into, no more: people are told the bucket's ends.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from dress_rehearsal.reports.evidence.samples import Samples, Series, count_on, last_on


class Bucket(NamedTuple):
    """A bucket's ends: what fell into it took longer than `low_ms`, and no longer than `high_ms`,
    which is None of the last one. The first begins at 0, and 0 falls into it too."""

    low_ms: float
    high_ms: float | None


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
        """Return the percentile over the whole grid in ms, NaN without observations: interpolated
        within its bucket, as if what fell into that lay evenly in it."""
        return 1e3 * quantile(self.edges_s, self.counts[-1] - self.counts[0], share / 100)

    def bucket_ms(self, share: float, places: Any = None) -> Bucket | None:
        """Return the bucket that the percentile fell into; None without observations.

        Args:
            places: the positions of the intervals that it is of; None: all of them.
        """
        grown = self.counts[-1] - self.counts[0]
        if places is not None:
            grown = np.diff(self.counts, axis=0, prepend=self.counts[:1])[places].sum(axis=0)
        return bucket_ms(self.edges_s, grown, share / 100)

    def at_most_ms(self, share: float) -> Any:
        """Return for each interval the upper end of the percentile's bucket in ms, the last finite
        edge where it has none, and NaN without observations."""
        steps = np.diff(self.counts, axis=0, prepend=self.counts[:1])
        found = np.full(len(steps), np.nan)
        for place in np.flatnonzero(steps[:, -1] > 0):
            bucket = bucket_ms(self.edges_s, steps[place], share / 100)
            if bucket is not None:
                found[place] = bucket.low_ms if bucket.high_ms is None else bucket.high_ms
        return found

    def above(self, limit_s: float) -> Any:
        """Return how many observations of each interval were longer than `limit_s`.

        Those in the bucket that the limit cuts count as longer only if its lower edge is.
        """
        return self._beyond(int(np.searchsorted(self.edges_s, limit_s, side="left")))

    def may_be_above(self, limit_s: float) -> Any:
        """Return how many observations of each interval may have been longer than `limit_s`: those
        in the bucket that the limit cuts too."""
        return self._beyond(int(np.searchsorted(self.edges_s, limit_s, side="right")) - 1)

    def tells(self, limit_s: float) -> bool:
        """Return whether `limit_s` is one of its edges: else how many were longer is not known."""
        return bool(np.isclose(self.edges_s, limit_s, rtol=1e-6, atol=0.0).any())

    def _beyond(self, place: int) -> Any:
        """Return how many observations of each interval lay beyond the edge at a place, of which
        the one before the first is less than any."""
        within = self.counts[:, place] if place >= 0 else 0.0
        above = self.counts[:, -1] - within
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
    bucket = _bucket_of(cumulative, share)
    if bucket is None:
        return float("nan")
    if not np.isfinite(edges[bucket]):
        return float(edges[-2]) if len(edges) > 1 else float("nan")
    below = cumulative[bucket - 1] if bucket else 0.0
    low = edges[bucket - 1] if bucket else 0.0
    inside = cumulative[bucket] - below
    rank = share * cumulative[-1]
    return float(low + (edges[bucket] - low) * ((rank - below) / inside if inside else 1.0))


def bucket_ms(edges: Any, cumulative: Any, share: float) -> Bucket | None:
    """Return the bucket that a quantile fell into, its ends in ms; None without observations."""
    bucket = _bucket_of(cumulative, share)
    if bucket is None:
        return None
    low, high = (_ms(edges[place]) if place >= 0 else 0.0 for place in (bucket - 1, bucket))
    return Bucket(low, high if np.isfinite(high) else None)


def _ms(edge_s: float) -> float:
    """Return an edge in ms as it was meant: 0.0025 s is 2.5 ms."""
    return float(f"{1e3 * edge_s:.9g}")


def _bucket_of(cumulative: Any, share: float) -> int | None:
    if cumulative[-1] <= 0:
        return None
    return int(np.searchsorted(cumulative, share * cumulative[-1], side="left"))
