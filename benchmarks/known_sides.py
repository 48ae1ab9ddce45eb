"""Runs of which it is known how they spread, and four ways to make an interval of a difference."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from dress_rehearsal.reports.history.intervals import difference_interval

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Drawn:
    """How runs spread.

    Attributes:
        spread: between the runs of a side, as a share.
        drift: between sides, as a share: the machine is not the same twice.
        disturbed: the share of runs that others disturb; they are 1.5 to 3 times as slow.
    """

    spread: float
    drift: float = 0.0
    disturbed: float = 0.0

    def runs(self, rng: np.random.Generator, number: int) -> Values:
        """Return the values of so many runs of one side."""
        values = np.exp(rng.normal(0, self.spread, number) + rng.normal(0, self.drift))
        hit = rng.random(number) < self.disturbed
        return np.where(hit, values * rng.uniform(1.5, 3, number), values)

    def __str__(self) -> str:
        """Return it as a row begins."""
        return f"{self.spread:6.0%} {self.drift:5.0%} {self.disturbed:9.0%}"


def intervals() -> dict[str, Callable[[Any, Any], tuple[float, float]]]:
    """Return each way by its name: from the runs before and after to a 95% interval."""
    return {
        "ranks (ours)": _ranks,
        "Welch's t": lambda before, after: _t(before, after),
        "Welch's t on logarithms": lambda before, after: _t(np.log(before), np.log(after)),
        "Yuen's trimmed t": lambda before, after: _t(before, after, trim=0.2),
    }


def _ranks(before: Values, after: Values) -> tuple[float, float]:
    interval = difference_interval(before.tolist(), after.tolist())
    assert interval is not None
    return interval


def _t(before: Values, after: Values, trim: float = 0.0) -> tuple[float, float]:
    found = stats.ttest_ind(after, before, equal_var=False, trim=trim)
    if not trim:
        interval = found.confidence_interval()
        return float(interval.low), float(interval.high)
    # Of a trimmed one scipy gives no interval: whether it holds zero is all that is asked here.
    sign = float(np.sign(found.statistic)) * (1.0 if found.pvalue <= 0.05 else 0.0)
    return sign, sign
