"""The figures' axis of time: the span they show, bins on it, and the run's series along it."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.histogram import histogram_on
from dress_rehearsal.reports.evidence.samples import count_on, level_on, time_grid
from dress_rehearsal.reports.evidence.timeline import Floats
from dress_rehearsal.reports.numbers import known

_WIDTHS_S: Final = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0)
_MOST_BINS: Final = 180
_FEWEST_EVENTS: Final = 30


def run_window_s(evidence: Evidence) -> tuple[float, float] | None:
    """Return the span the figures of a whole run show: all requests, a long lead cut off.

    None when there is neither a request nor a sample.
    """
    requests, timeline = evidence.requests, evidence.timeline
    ends = pd.concat([requests[name].agg(["min", "max"]) for name in ("intended_ns", "done_ns")])
    if ends.isna().all():
        ends = evidence.metrics["t_ns"].agg(["min", "max"])
    times = known(timeline.seconds(ends))
    if not len(times):
        return None
    end = float(times.max())
    start = float(times.min())
    if timeline.has_t0 and end > 0:
        start = max(start, -max(end, 10.0))
    room = max(end - start, 0.1) * 0.01
    return start - room, end + room


def bins_s(
    window_s: tuple[float, float], width_s: float | None = None, *, events: int = 0
) -> Floats:
    """Return the edges of equal bins over a window, one of them at zero.

    Args:
        events: how many fall into the window; with few of them bins become wider; 0 when that
            does not matter.
    """
    start, end = window_s
    if width_s is None:
        wanted = (end - start) / _MOST_BINS
        if events:
            sparse = min(_FEWEST_EVENTS * (end - start) / events, (end - start) / 20)
            wanted = max(wanted, sparse)
        width_s = next((width for width in _WIDTHS_S if width >= wanted), (end - start) / 100)
    first, last = int(np.floor(start / width_s)), int(np.ceil(end / width_s))
    return np.asarray(np.arange(first, max(last, first + 1) + 1) * width_s, dtype=np.float64)


def counts(times_s: Floats, edges: Floats) -> Floats:
    """Count how many times fall into each bin."""
    there = times_s[~np.isnan(times_s)]
    return np.histogram(there, edges)[0].astype(np.float64)


def quantiles(
    times_s: Floats, values: Floats, edges: Floats, shares: Sequence[float]
) -> list[Floats]:
    """Return quantiles (measured values, as in the tables) in each bin; NaN where none is."""
    times, kept = times_s, values
    if not (times[1:] >= times[:-1]).all():  # requests stand in the order of their times
        keep = ~np.isnan(times)
        times, kept = times[keep], kept[keep]
        order = np.argsort(times)
        times, kept = times[order], kept[order]
    result = [np.full(len(edges) - 1, np.nan) for _ in shares]
    for place, (first, end) in enumerate(pairwise(np.searchsorted(times, edges))):
        own = known(kept[first:end])
        if len(own):
            ranks = [math.ceil(share * (len(own) - 1)) for share in shares]
            own = np.partition(own, ranks)
            for found, rank in zip(result, ranks, strict=True):
                found[place] = own[rank]
    return result


class Series(NamedTuple):
    """Seconds from T-0, ascending, and the values there; NaN where a value is not known."""

    at_s: Floats
    values: Floats

    @property
    def highest(self) -> float:
        """The highest value, NaN when none is known."""
        known = self.values[~np.isnan(self.values)]
        return float(known.max()) if len(known) else float("nan")


class RunSeries:
    """Reads series of one run; each is None when it was never sampled.

    Attributes:
        window_s: the span that the figures show, in seconds from zero; None when there is none.
    """

    def __init__(self, evidence: Evidence) -> None:
        """Read series over the figures' window, or over all samples without one."""
        self.samples = evidence.samples
        self.window_s = window_s = run_window_s(evidence)
        zero_ns = evidence.timeline.zero_ns
        start, end = self.samples.span_ns or (0, 0)
        if window_s is not None:
            start = max(start, zero_ns + int(window_s[0] * NS_PER_S))
            end = min(end, zero_ns + int(window_s[1] * NS_PER_S))
        self._interval_ns = max(int(evidence.plan.collect.interval * NS_PER_S), NS_PER_S // 100)
        self._grid = time_grid(start, max(end, start), self._interval_ns)
        self._at_s: Floats = (self._grid - zero_ns) / NS_PER_S

    def at(self, told: Callable[[Any], Sequence[Sequence[Any]]]) -> list[list[Series]]:
        """Return what a function tells at the series' instants (Unix ns): levels, in groups."""
        return [[Series(self._at_s, own) for own in each] for each in told(self._grid)]

    def level(self, name: str, source: str, **labels: str) -> Series | None:
        """Return a gauge summed over its processes."""
        rows = self.samples.named(name, source, **labels)
        return None if rows.empty else Series(self._at_s, level_on(self._grid, rows))

    def worst(self, name: str, source: str, **labels: str) -> Series | None:
        """Return a gauge's highest value among its processes."""
        rows = self.samples.named(name, source, **labels)
        if rows.empty:
            return None
        each = [level_on(self._grid, group) for _, group in rows.groupby(["source", "labels"])]
        return Series(self._at_s, np.fmax.reduce(each))

    def rate(self, name: str, source: str, **labels: str) -> Series | None:
        """Return a counter's growth a second over the second before, summed over its processes."""
        rows = self.samples.named(name, source, **labels)
        back = max(round(NS_PER_S / self._interval_ns), 1)
        if rows.empty or len(self._grid) <= back:
            return None
        counted = count_on(self._grid, rows)
        grown = (counted[back:] - counted[:-back]) * NS_PER_S / (back * self._interval_ns)
        # A counter's first sample is where it stood, not what it grew by.
        began = self._grid[:-back] < rows["t_ns"].min()
        return Series(self._at_s[back:], np.where(began, np.nan, np.maximum(grown, 0.0)))

    def at_most_ms(self, name: str, source: str, share: float, **labels: str) -> Series | None:
        """Return a histogram's percentile within each interval as far up as its bucket goes; NaN
        where nothing was observed."""
        histogram = histogram_on(self._grid, self.samples, name, source, **labels)
        return None if histogram is None else Series(self._at_s, histogram.at_most_ms(share))


def in_ms(series: Series | None) -> Series | None:
    """Return a series of seconds as one of milliseconds, None without one."""
    return None if series is None else Series(series.at_s, series.values * 1e3)
