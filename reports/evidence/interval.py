"""How sure a percentile is: its 95% interval, by drawing the run's students again.

A run is one draw of what might have happened. Bootstrap (Efron 1979, Ann. Statist. 7:1): students
are drawn with replacement, as many as there were, each with all requests of theirs, for what one
student's requests met hangs together; the percentile of 999 such crowds shows how far chance takes
it. The middle 95% of them are the interval (method "percentile").

It is about this run alone. What differs from one run to the next (the machine, the order of
events) is in no single run: only repeats tell.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dress_rehearsal.reports.numbers import distinct, few_beyond, places_among, rounded

CONFIDENCE: Final = 0.95
_RESAMPLES: Final = 999
_AT_ONCE: Final = 100_000
"""Students that are drawn at a time, whole crowds of them: no more than a processor keeps at hand;
it changes no result."""
AT_ONCE: Final = 2
"""Intervals that are drawn beside each other: each has a copy of its requests' latencies."""
_ONE_BY_ONE: Final = 20_000
"""Students up to which all of a crowd are drawn. Of more, only those are whose requests are about
as slow as the percentile or slower, and the others are counted: such crowds are as likely."""

Interval = tuple[float, float]


def percentile_interval(
    values: NDArray[np.float64],
    students: NDArray[np.int64],
    share: Fraction,
    seed: Sequence[int],
    one_by_one: int | None = None,
) -> Interval | None:
    """Return between what two values a percentile lies with 95% confidence, rounded.

    Where fewer than five values lie beyond the percentile, nobody can say how much higher it might
    be: the interval then ends at the highest value there is.

    Args:
        values: one a request; none is NaN.
        students: who made each.
        share: which percentile, as a fraction: 99/100.
        seed: of the draws; the same seed and values give the same interval, whatever their order.
        one_by_one: of more students, only those are drawn who may decide it: where many intervals
            are wanted, fewer than usual.

    Returns:
        None with fewer than two students: there is nobody else to draw.
    """
    people = distinct(students)
    if len(people) < 2:
        return None
    owner = places_among(people, students)
    few = _ONE_BY_ONE if one_by_one is None else one_by_one
    found = _percentiles(values, owner, len(people), share, seed, few)
    tail = (1 - CONFIDENCE) / 2
    low, high = (rounded(float(end)) for end in np.quantile(found, [tail, 1 - tail]))
    if few_beyond(len(values), share):
        high = rounded(float(values.max()))
    assert low is not None
    assert high is not None
    return low, high


def _percentiles(
    values: NDArray[np.float64],
    owner: NDArray[np.int64],
    people: int,
    share: Fraction,
    seed: Sequence[int],
    one_by_one: int,
) -> NDArray[np.float64]:
    """Return the percentile of every crowd.

    Args:
        values: every one.
        owner: whose each is, as a place among the students.
    """
    # So many of the highest hold the percentile of any crowd, as good as surely.
    looked_at = 2 * int(_above(len(values), share)) + 64
    requests = np.bincount(owner, minlength=people)
    while people > one_by_one and 2 * looked_at < len(owner):
        highest = _highest(values, looked_at)
        near = distinct(owner[highest])
        place = np.searchsorted(near, owner[highest])
        of_near = _Percentile(values[highest], place, share, requests[near])
        others = np.delete(requests, near)
        parts = [of_near(*crowds) for crowds in _drawn_near(len(near), others, seed)]
        if not any(np.isnan(part).any() for part in parts):
            return np.concatenate(parts)
        looked_at *= 2
    falling = _highest(values, len(values))
    of_all = _Percentile(values[falling], owner[falling], share, requests)
    return np.concatenate([of_all(times) for times in _drawn(people, seed)])


def _highest(values: NDArray[np.float64], number: int) -> NDArray[np.int64]:
    """Return the places of so many of the highest values, the highest first, then the earliest."""
    if number >= len(values):
        return np.argsort(-values, kind="stable")
    least = np.partition(values, len(values) - number)[len(values) - number]
    there = np.flatnonzero(values >= least)
    return there[np.argsort(-values[there], kind="stable")[:number]]


def _drawn(people: int, seed: Sequence[int]) -> Iterator[NDArray[np.int64]]:
    """Yield all crowds, some at a time: a row each, how often each student is in it."""
    rng = np.random.default_rng([*seed])
    at_once = max(_AT_ONCE // people, 1)
    for first in range(0, _RESAMPLES, at_once):
        yield _times(rng.integers(0, people, (min(at_once, _RESAMPLES - first), people)), people)


def _times(crowds: NDArray[np.int64], people: int) -> NDArray[np.int64]:
    places = crowds + people * np.arange(len(crowds))[:, None]
    return np.bincount(places.ravel(), minlength=len(crowds) * people).reshape(-1, people)


def _drawn_near(
    near: int, others: NDArray[np.int64], seed: Sequence[int]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield crowds as `_drawn` does, but only of some students how often each is in them.

    How many of those are in a crowd is binomial, and who they are is drawn as ever. Of the others
    it only matters how many requests they bring, and how many bring so many is multinomial.

    Args:
        near: how many students are told apart.
        others: how many requests each of the others has.

    Returns:
        A row a crowd: how often each is in it, and how many requests the others in it have.
    """
    rng = np.random.default_rng([*seed])
    people = near + len(others)
    sizes, frequency = np.unique(others, return_counts=True)
    at_once = max(_AT_ONCE // near, 1)
    for first in range(0, _RESAMPLES, at_once):
        crowds = min(at_once, _RESAMPLES - first)
        drawn = rng.binomial(people, near / people, crowds)
        rows = np.repeat(np.arange(crowds), drawn) * near
        places = rows + rng.integers(0, near, len(rows))
        times = np.bincount(places, minlength=crowds * near).reshape(-1, near)
        yield times, rng.multinomial(people - drawn, frequency / len(others)) @ sizes


def _above(total: Any, share: Fraction) -> Any:
    """Return how many values lie above the percentile of so many."""
    return (total - 1) * (share.denominator - share.numerator) // share.denominator


class _Percentile:
    """The percentile of crowds of students, as `np.percentile(…, method="higher")` has it.

    Args:
        falling: values, the highest first: all, or so many that the percentile is among them.
        owner: whose each is, as a place among the students.
        share: which percentile.
        requests: how many values each student has in all; None: those of `falling`.
    """

    def __init__(
        self,
        falling: NDArray[np.float64],
        owner: NDArray[np.int64],
        share: Fraction,
        requests: NDArray[np.int64] | None = None,
    ) -> None:
        self._falling, self._owner, self._share = falling, owner, share
        self._requests = np.bincount(owner) if requests is None else requests

    def __call__(self, times: NDArray[np.int64], others: Any = 0) -> Any:
        """Return the percentile of each crowd; NaN where it is below all of the values.

        Args:
            times: how often each student is in it, a row a crowd.
            others: how many values of other students there are in it, all of them lower.
        """
        above = _above(times @ self._requests + others, self._share)
        place = self._place(times.astype(np.int32), above)
        known = place < len(self._falling)
        return np.where(known, self._falling[np.where(known, place, 0)], np.nan)

    def _place(self, times: Any, above: Any) -> Any:
        """Return the place in `falling` of the value that so many lie above, in each crowd.

        Looks at no more of the highest values than it takes.
        """
        looked_at = 2 * int(above.max()) + 64
        while True:
            passed = np.cumsum(times[:, self._owner[:looked_at]], axis=1, dtype=np.int32)
            if looked_at >= len(self._owner) or (passed[:, -1] > above).all():
                return np.count_nonzero(passed <= above[:, None], axis=1)
            looked_at *= 2
