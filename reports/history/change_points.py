"""Change points: between which values of a series its level changed, for good and not by chance.

E-divisive means (Matteson and James, 2014, https://arxiv.org/abs/1306.4933), with Student's t-test
in the place of the permutation test and in windows, as Hunter does (Fleming et al., 2023,
https://arxiv.org/abs/2301.03034), now Apache Otava:

1. *Split.* In each window the place is taken where what is before differs most from what follows;
   while the t-test says at ten times `max_pvalue` that it does, both parts are split again.
2. *Merge.* The weakest change is taken back, and its neighbours are tested anew, until each is
   significant at `max_pvalue` and at least `min_magnitude` large.

The place was chosen because it differs most, so the p of a t-test is a measure of strength, not the
chance of a false alarm. It differs from Otava 0.8 in four ways: the variance is the unbiased one
that the t-test asks for, where Otava's is that of the sample, so our p is a little larger; whoever
stood to the left of a change that was taken back is tested anew too; values that are all the same
have no place that differs, whatever rounding does to their mean; and where neither side of a place
spreads, p is how likely that order is, not zero.

Lower bounds are taken as they are known, until all changes are found; only then is asked of each
whether it is certain. Else one that is not would leave its place to a wrong one beside it.
"""

import math
import statistics
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final, Literal

import numpy as np

from dress_rehearsal.reports.history.intervals import difference_interval

WINDOW: Final = 50
"""Values that are looked at together; the next window begins half of it later."""
_LOOSER: Final = 10
_DIGITS: Final = 9
"""To which places that differ as much as each other are compared: else rounding would choose."""


Side = Literal["before", "after"]


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """One change of level.

    Attributes:
        index: of the first value after it.
        before, after: means, from the change before and up to the next one.
        p: of Student's two-sided t-test between them.
        at_least: which of both means are lower bounds, for a value of theirs is one.
        certain: whether it is one, whatever the values really are of which lower bounds are known.
    """

    index: int
    before: float
    after: float
    p: float
    at_least: tuple[Side, ...] = ()
    certain: bool = True

    @property
    def magnitude(self) -> float:
        """How large it is beside the smaller of both levels: 1 is twice as much, or half of it."""
        ends = (abs(self.before), abs(self.after))
        difference, smaller = abs(self.after - self.before), min(ends) or max(ends)
        return difference / smaller if smaller else 0.0


def change_points(
    values: Sequence[float],
    *,
    max_pvalue: float = 0.001,
    min_magnitude: float = 0.0,
    window: int = WINDOW,
    at_least: Collection[int] = (),
) -> list[ChangePoint]:
    """Return where the level of a series changed, in their order, also where that is not certain.

    Args:
        values: finite numbers, the oldest first.
        at_least: the places of those that are lower bounds. On a change's upper side they leave it
            certain: what they really are makes it larger. On its lower side they are taken for
            larger than all others; it is certain where the 95% interval by ranks, which takes five
            values a side, still excludes zero and the medians are `min_magnitude` apart.
        max_pvalue: how significant each has to be.
        min_magnitude: how large, see `ChangePoint.magnitude`.
        window: how many values are looked at together.
    """
    series = np.asarray(values, dtype=float)
    found: set[int] = set()
    start = 0
    while start < len(series):
        weak = _split(series, start, min(start + window, len(series)), _LOOSER * max_pvalue)
        found.update(weak)
        start = max([start + window // 2, *weak])
    merged = _merged(series, sorted(found), max_pvalue, min_magnitude)
    bounds = np.isin(np.arange(len(series)), list(at_least))
    return _weighed(series, bounds, merged, min_magnitude)


def _split(series: Any, start: int, end: int, max_pvalue: float) -> list[int]:
    """Return the places in `series[start:end]` that are significant when each is split off."""
    places: list[int] = []
    while True:
        parts = list(pairwise([start, *places, end]))
        # Of what lies behind another window's change nothing is known: all is looked at anew.
        candidates = [(*_most_different(series[one:other]), one, other) for one, other in parts]
        strength, offset, one, other = max(candidates, key=lambda found: found[0])
        if strength <= 0 or _tested(series, one, one + offset, other).p > max_pvalue:
            return places
        places = sorted([*places, one + offset])


def _most_different(part: Any) -> tuple[float, int]:
    """Return how much the two sides of the place differ where they differ most, and that place.

    The energy distance of `part[:place]` and `part[place:end]`, over all places and ends; 0 without
    any two that differ.
    """
    size = len(part)
    if size < 2 or np.ptp(part) == 0:
        return 0.0, 0
    sums = np.zeros((size + 1, size + 1))
    sums[1:, 1:] = np.abs(part[:, None] - part[None, :]).cumsum(0).cumsum(1)
    places, ends = np.arange(1, size)[:, None], np.arange(2, size + 1)[None, :]
    left, right = places, np.maximum(ends - places, 1)
    across = sums[places, ends] - sums[places, places]
    within_left = sums[places, places] / 2
    within_right = (sums[ends, ends] - 2 * sums[places, ends] + sums[places, places]) / 2
    apart = 2 / (left + right) * across
    apart = apart - 2 * right / ((left + right) * np.maximum(left - 1, 1)) * within_left
    apart = apart - 2 * left / ((left + right) * np.maximum(right - 1, 1)) * within_right
    known = np.where(ends > places, apart, -np.inf)
    scale = float(np.ptp(part)) * size
    row, column = np.unravel_index(np.argmax(np.round(known / scale, _DIGITS)), known.shape)
    return float(known[row, column]), int(row) + 1


def _merged(
    series: Any, places: Sequence[int], max_pvalue: float, min_magnitude: float
) -> list[ChangePoint]:
    """Return the changes that are left once the weakest were taken back one by one."""
    left = list(places)
    while left:
        ends = [0, *left, len(series)]
        changes = [
            _tested(series, one, place, other)
            for one, place, other in zip(ends, left, ends[2:], strict=False)
        ]
        weakest = max(changes, key=lambda change: change.p)
        if weakest.p <= max_pvalue:
            weakest = min(changes, key=lambda change: change.magnitude)
            if weakest.magnitude >= min_magnitude:
                return changes
        left.remove(weakest.index)
    return []


def _weighed(
    series: Any, bounds: Any, changes: Sequence[ChangePoint], min_magnitude: float
) -> list[ChangePoint]:
    """Return the changes, each with what lower bounds leave certain of it.

    Args:
        bounds: which values are lower bounds (bool array).
    """
    ends = [0, *(change.index for change in changes), len(series)]
    weighed = []
    for one, change, other in zip(ends, changes, ends[2:], strict=False):
        sides: dict[Side, slice] = {
            "before": slice(one, change.index),
            "after": slice(change.index, other),
        }
        lower, upper = sides["before"], sides["after"]
        if change.before > change.after:
            lower, upper = upper, lower
        open_sides = tuple(side for side, own in sides.items() if bounds[own].any())
        certain = not bounds[lower].any() or _stays(
            np.where(bounds[lower], np.inf, series[lower]), series[upper], min_magnitude
        )
        weighed.append(replace(change, at_least=open_sides, certain=certain))
    return weighed


def _stays(lower: Any, upper: Any, min_magnitude: float) -> bool:
    """Return whether one side is below the other by ranks, its lower bounds being infinite."""
    interval = difference_interval(lower, upper)
    if interval is None or interval[0] <= 0:
        return False
    middles = statistics.median(map(float, lower)), statistics.median(map(float, upper))
    return ChangePoint(0, *middles, p=0.0).magnitude >= min_magnitude


def _tested(series: Any, start: int, place: int, end: int) -> ChangePoint:
    before, after = series[start:place], series[place:end]
    means = float(before.mean()), float(after.mean())
    return ChangePoint(place, *means, p_of_difference(before, after))


def p_of_difference(first: Any, second: Any) -> float:
    """Return p of Student's two-sided t-test of equal means, the variances taken for equal.

    Where neither side spreads there is no variance to go by, and one odd value at an end would be
    certain: there it is how likely the values are to lie in just this order.

    Args:
        first, second: arrays of at least one value each; 1 where there is only one of each.
    """
    from scipy.special import stdtr  # only where there is a history: it takes a while to load

    freedom = len(first) + len(second) - 2
    if freedom < 1:
        return 1.0
    squares = float(((first - first.mean()) ** 2).sum() + ((second - second.mean()) ** 2).sum())
    difference = abs(float(first.mean() - second.mean()))
    error = np.sqrt(squares / freedom * (1 / len(first) + 1 / len(second)))
    if error <= np.finfo(float).eps * max(abs(float(first.mean())), abs(float(second.mean()))):
        orders = math.comb(len(first) + len(second), len(first))
        return 1.0 if difference <= error else 1 / orders
    return float(2 * stdtr(freedom, -difference / error))
