"""How sure a difference between two sides is: its 95% interval over their runs, by ranks.

Runs are what is compared: within one, requests hang together, and its own interval is about that
run alone. The interval is Hodges and Lehmann's (1963, Ann. Math. Statist. 34:598), made of the
exact distribution of Mann and Whitney's U, or of the normal one that it comes near to where both
sides have more than 60 runs: of all differences between a run of the one side and a run of the
other, sorted, so many at both ends are left out that at most 5% is lost. It excludes zero exactly
where that test finds a difference.

It was chosen over Welch's t (on values and on logarithms) and Yuen's trimmed t by simulation
(`python -m benchmarks.comparison --simulate`): it supposes no distribution of the runs, is exact
however few they are, and how far off a disturbed run lies makes no difference to it. It does
suppose that both sides spread alike: where few runs that spread widely stand beside many that do
not, it excludes zero more often than it says, so both sides are best of as many runs. Where none is
disturbed it finds nearly as much as Welch's t, and up to twice as much where one in ten is.
Of five a side none may lie wholly among the other side's for it to find anything; of seven one may.
"""

import functools
import math
import statistics
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

FEWEST: Final = 5
"""Runs of each side below which nothing is said of a difference."""

_BEYOND: Final = 0.025
"""What each end may leave out."""

_NORMAL: Final = statistics.NormalDist().inv_cdf(_BEYOND)
_EXACT: Final = 60
"""Runs of the smaller side up to which U's distribution is counted out."""


def difference_interval(
    before: Sequence[float], after: Sequence[float]
) -> tuple[float, float] | None:
    """Return between what two values `after - before` lies with 95% confidence.

    Args:
        before, after: the value of each run of a side; the runs of a side are interchangeable.

    Returns:
        None where a side has fewer than five runs.
    """
    if min(len(before), len(after)) < FEWEST:
        return None
    apart = np.subtract.outer(np.asarray(after, float), np.asarray(before, float))
    apart = np.sort(apart, axis=None)
    left_out = differences_left_out(len(before), len(after))
    return float(apart[left_out]), float(apart[-1 - left_out])


def confidence(before: int, after: int) -> float | None:
    """Return how often the interval of so many runs holds the difference, as a share: 95% or more,
    for no part of a difference can be left out. None of so many runs that it is not counted out.

    Args:
        before, after: runs of each side, five at least.
    """
    fewer, more = sorted((before, after))
    if fewer > _EXACT:
        return None
    return 1 - 2 * float(_below(more, fewer)[differences_left_out(before, after)])


@functools.cache
def differences_left_out(before: int, after: int) -> int:
    """Return how many differences to leave out at each end: the largest `k` with P(U < k) <= 2.5%,
    less the one that the interval ends at.

    Of many runs by the normal distribution that U comes near to, one fewer than it says: the
    interval is hardly wider then, and never narrower.
    """
    fewer, more = sorted((before, after))
    if fewer > _EXACT:
        deviation = math.sqrt(before * after * (before + after + 1) / 12)
        return math.floor(before * after / 2 + _NORMAL * deviation - 0.5) - 1
    return int(np.searchsorted(_below(more, fewer), _BEYOND, side="right")) - 1


@functools.cache
def _below(more: int, fewer: int) -> Any:
    """Return P(U <= 0), P(U <= 1) …, for sides that are alike."""
    return np.cumsum(_ways(more, fewer)) / math.comb(more + fewer, fewer)


def _ways(before: int, after: int) -> Any:
    """Return in how many orders of all runs U is 0, 1, 2 … : a Gaussian binomial coefficient's.

    As floats, whose relative error of some 1e-13 no end of an interval comes near to.
    """
    ways = np.zeros(before * after + 1)
    ways[0] = 1.0
    for number in range(1, after + 1):
        ways[before + number :] -= ways[: max(len(ways) - before - number, 0)].copy()
        for first in range(min(number, len(ways))):
            ways[first::number] = np.cumsum(ways[first::number])
    return ways
