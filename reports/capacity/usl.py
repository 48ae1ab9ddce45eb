"""Gunther's Universal Scalability Law, fitted to steady levels.

    X(N) = N * each / (1 + contention * (N - 1) + coherency * N * (N - 1))

N requests under way, X answered a second (N. J. Gunther, Guerrilla Capacity Planning, 2007). The
law is linear in its unknowns once it is turned round: N / X = a + b (N - 1) + c N (N - 1), with
a = 1 / each, b = contention / each, c = coherency / each, none of them below 0. Least squares of
the relative error; of the fits that leave out b, c or both, the best one that keeps to that.

The interval is made by drawing the levels again, 999 times, with replacement (bootstrap, method
"percentile"). Below six levels there is no fit: three unknowns would follow chance.
"""

from collections.abc import Sequence
from itertools import product
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dress_rehearsal.reports.capacity.schema import Estimate, Level, Usl
from dress_rehearsal.reports.numbers import rounded

FEWEST: Final = 6
_RESAMPLES: Final = 999
_MIDDLE: Final = (0.025, 0.975)
_APART: Final = 0.02
"""Levels that are nearer to each other than this share are one and the same load."""

Floats = NDArray[np.float64]


class Coefficients(NamedTuple):
    """The law's three unknowns."""

    each: float
    contention: float
    coherency: float

    @property
    def peak(self) -> float | None:
        """N from 1 on at which most is answered: sqrt((1 - contention) / coherency), or 1 where
        throughput falls from there on; None: it never falls."""
        if self.contention > 1 or (self.contention == 1 and self.coherency > 0):
            return 1.0
        if self.coherency <= 0:
            return None
        return max(float(np.sqrt((1 - self.contention) / self.coherency)), 1.0)

    def answers(self, under_way: float) -> float:
        """Return how many are answered a second with so many under way."""
        slowed = self.contention * (under_way - 1) + self.coherency * under_way * (under_way - 1)
        return under_way * self.each / (1 + slowed)


def fitted(levels: Sequence[Level], seed: int) -> Usl | str:
    """Return the law through steady levels, or why there is none, as a sentence.

    Args:
        seed: of the draws behind the intervals.
    """
    under_way = np.array([level.in_flight for level in levels], dtype=np.float64)
    answers = np.array([level.answers_per_s for level in levels], dtype=np.float64)
    different = _different(under_way)
    if different < FEWEST:
        there = "is none" if not different else "is one" if different == 1 else f"are {different}"
        return (
            f"No scalability law (USL) is fitted: that takes {FEWEST} different loads at which "
            f"throughput is steady, and there {there}."
        )
    found = solved(under_way, answers)
    rng = np.random.default_rng([seed, len(levels)])
    drawn = [
        solved(under_way[chosen], answers[chosen])
        for chosen in rng.integers(0, len(levels), (_RESAMPLES, len(levels)))
    ]
    return Usl(
        levels=len(levels),
        each_per_s=_estimate(found.each, [one.each for one in drawn]),
        contention=_estimate(found.contention, [one.contention for one in drawn], 6),
        coherency=_estimate(found.coherency, [one.coherency for one in drawn], 9),
        peak=_estimate(found.peak, [one.peak for one in drawn]),
        most_per_s=_estimate(_most(found), [_most(one) for one in drawn]),
    )


def solved(under_way: Floats, answers: Floats) -> Coefficients:
    """Return the law through points above 0, by least squares of the relative error."""
    time = under_way / answers
    columns = [np.ones_like(time), under_way - 1, under_way * (under_way - 1)]
    best, least = np.array([float(time.mean()), 0.0, 0.0]), np.inf
    for with_b, with_c in product((True, False), repeat=2):
        kept = [0, *([1] if with_b else []), *([2] if with_c else [])]
        design = np.column_stack([columns[place] / time for place in kept])
        parts = np.linalg.lstsq(design, np.ones_like(time), rcond=None)[0]
        if parts[0] <= 0 or (parts[1:] < 0).any():
            continue
        error = float(((design @ parts - 1) ** 2).sum())
        if error < least:
            best, least = np.zeros(3), error
            best[kept] = parts
    return Coefficients(1 / best[0], best[1] / best[0], best[2] / best[0])


def _most(found: Coefficients) -> float | None:
    return None if found.peak is None else found.answers(found.peak)


def _estimate(value: float | None, drawn: Sequence[float | None], digits: int = 3) -> Estimate:
    """Return a number with its interval; an end of it is None where there is no such number."""
    ends = np.array([np.inf if one is None else one for one in drawn])
    low, high = np.quantile(ends, _MIDDLE, method="nearest")
    return Estimate(
        value=None if value is None else rounded(value, digits),
        low=rounded(float(low), digits),
        high=rounded(float(high), digits),
    )


def _different(under_way: Floats) -> int:
    """Return how many loads there are, those taken together that hardly differ."""
    number, last = 0, -np.inf
    for each in np.sort(under_way):
        if each > last * (1 + _APART) or number == 0:
            number, last = number + 1, each
    return number
