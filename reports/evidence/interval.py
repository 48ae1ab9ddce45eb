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

from dress_rehearsal.reports.numbers import few_beyond, rounded

CONFIDENCE: Final = 0.95
_RESAMPLES: Final = 999
_AT_ONCE: Final = 100_000
"""Students that are drawn at a time, whole crowds of them: no more than a processor keeps at hand;
it changes no result."""

Interval = tuple[float, float]


def percentile_interval(
    values: NDArray[np.float64],
    students: NDArray[np.int64],
    share: Fraction,
    seed: Sequence[int],
) -> Interval | None:
    """Return between what two values a percentile lies with 95% confidence, rounded.

    Where fewer than five values lie beyond the percentile, nobody can say how much higher it might
    be: the interval then ends at the highest value there is.

    Args:
        values: one a request; none is NaN.
        students: who made each.
        share: which percentile, as a fraction: 99/100.
        seed: of the draws; the same seed and values give the same interval, whatever their order.

    Returns:
        None with fewer than two students: there is nobody else to draw.
    """
    people, owner = np.unique(students, return_inverse=True)
    if len(people) < 2:
        return None
    order = np.argsort(-values, kind="stable")
    of_crowds = _Percentile(values[order], owner[order], share)
    found = np.concatenate([of_crowds(crowds) for crowds in _drawn(len(people), seed)])
    tail = (1 - CONFIDENCE) / 2
    low, high = (rounded(float(end)) for end in np.quantile(found, [tail, 1 - tail]))
    if few_beyond(len(values), share):
        high = rounded(float(values.max()))
    assert low is not None
    assert high is not None
    return low, high


def _drawn(people: int, seed: Sequence[int]) -> Iterator[NDArray[np.int64]]:
    """Yield all crowds, some at a time: a row each, its students drawn with replacement."""
    rng = np.random.default_rng([*seed])
    at_once = max(_AT_ONCE // people, 1)
    for first in range(0, _RESAMPLES, at_once):
        yield rng.integers(0, people, (min(at_once, _RESAMPLES - first), people))


class _Percentile:
    """The percentile of crowds of students, as `np.percentile(…, method="higher")` has it.

    Args:
        falling: every value, the highest first.
        owner: whose each is, as a place among the students.
    """

    def __init__(
        self, falling: NDArray[np.float64], owner: NDArray[np.int64], share: Fraction
    ) -> None:
        self._falling, self._owner, self._share = falling, owner, share
        self._requests = np.bincount(owner)

    def __call__(self, crowds: NDArray[np.int64]) -> Any:
        """Return the percentile of each crowd, a row of places among the students."""
        people = len(self._requests)
        places = crowds + people * np.arange(len(crowds))[:, None]
        times = np.bincount(places.ravel(), minlength=len(crowds) * people).reshape(-1, people)
        above = self._above(times @ self._requests)
        return self._falling[self._place(times.astype(np.int32), above)]

    def _above(self, total: Any) -> Any:
        """Return how many values lie above the percentile of so many."""
        whole, part = self._share.denominator, self._share.denominator - self._share.numerator
        return (total - 1) * part // whole

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
