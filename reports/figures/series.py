"""Values over the time of a run, read off the metrics table at the collector's interval."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from reports.evidence import Evidence
from reports.figures.moments import Floats, Moments
from reports.histogram import histogram_on
from reports.quantities import NS_PER_S
from reports.samples import Samples, count_on, level_on, time_grid


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
    """Reads series of one run; each is None when it was never sampled."""

    def __init__(
        self, evidence: Evidence, moments: Moments, window_s: tuple[float, float] | None
    ) -> None:
        """Read series over `window_s`, or over all samples without one."""
        self.samples = Samples(evidence.metrics)
        start, end = self.samples.span_ns or (0, 0)
        if window_s is not None:
            start = max(start, moments.zero_ns + int(window_s[0] * NS_PER_S))
            end = min(end, moments.zero_ns + int(window_s[1] * NS_PER_S))
        self._interval_ns = max(int(evidence.plan.collect.interval * NS_PER_S), NS_PER_S // 100)
        self._grid = time_grid(start, max(end, start), self._interval_ns)
        self._at_s: Floats = (self._grid - moments.zero_ns) / 1e9

    def level(self, name: str, source: str, **labels: str) -> Series | None:
        """Give a gauge summed over its processes."""
        return self._level(self.samples.named(name, source, **labels))

    def worst(self, name: str, source: str, **labels: str) -> Series | None:
        """Give a gauge's highest value among its processes."""
        rows = self.samples.named(name, source, **labels)
        if rows.empty:
            return None
        each = [level_on(self._grid, group) for _, group in rows.groupby(["source", "labels"])]
        stacked = np.stack(each)
        values = np.fmax.reduce(stacked, axis=0)
        return Series(self._at_s, values)

    def rate(self, name: str, source: str, **labels: str) -> Series | None:
        """Give a counter's growth a second over the second before, summed over its processes."""
        rows = self.samples.named(name, source, **labels)
        back = max(round(NS_PER_S / self._interval_ns), 1)
        if rows.empty or len(self._grid) <= back:
            return None
        counted = count_on(self._grid, rows)
        grown = (counted[back:] - counted[:-back]) * NS_PER_S / (back * self._interval_ns)
        # A counter's first sample is where it stood, not what it grew by.
        began = self._grid[:-back] < rows["t_ns"].min()
        return Series(self._at_s[back:], np.where(began, np.nan, np.maximum(grown, 0.0)))

    def percentile_ms(self, name: str, source: str, share: float, **labels: str) -> Series | None:
        """Give a histogram's percentile within each interval; NaN where nothing was observed."""
        histogram = histogram_on(self._grid, self.samples, name, source, **labels)
        if histogram is None:
            return None
        return Series(self._at_s, histogram.percentiles_ms(share))

    def _level(self, rows: pd.DataFrame) -> Series | None:
        return None if rows.empty else Series(self._at_s, level_on(self._grid, rows))


def in_ms(series: Series | None) -> Series | None:
    """Turn seconds into milliseconds."""
    return None if series is None else Series(series.at_s, series.values * 1e3)
