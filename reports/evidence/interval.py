"""How sure a percentile is: its 95% interval, by drawing the run's students again.

A run is one draw of what might have happened. Bootstrap (Efron 1979, Ann. Statist. 7:1): students
are drawn with replacement, as many as there were, each with all requests of theirs, for what one
student's requests met hangs together; the percentile of 999 such crowds shows how far chance takes
it. The middle 95% of them are the interval (method "percentile").

It is about this run alone. What differs from one run to the next (the machine, the order of
events) is in no single run: only repeats tell.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dress_rehearsal.reports.numbers import few_beyond, rounded

CONFIDENCE: Final = 0.95
_RESAMPLES: Final = 999
_AT_ONCE: Final = 64
"""Crowds that are drawn at a time; bounds the memory, and changes no result."""

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
    # Not at the top: a command that needs no interval should not wait for most of a second.
    from scipy import stats

    people, owner = np.unique(students, return_inverse=True)
    if len(people) < 2:
        return None
    order = np.argsort(-values, kind="stable")
    found = stats.bootstrap(
        (np.arange(len(people)),),
        _Percentile(values[order], owner[order], share),
        n_resamples=_RESAMPLES,
        batch=_AT_ONCE,
        vectorized=True,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng([*seed]),
    ).confidence_interval
    low, high = rounded(float(found.low)), rounded(float(found.high))
    if few_beyond(len(values), share):
        high = rounded(float(values.max()))
    assert low is not None
    assert high is not None
    return low, high


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

    def __call__(self, crowds: Any, axis: int = -1) -> Any:
        """Return the percentile of each crowd: `crowds` has its students along `axis`."""
        drawn = np.moveaxis(np.asarray(crowds), axis, -1)
        rows = drawn.reshape(-1, drawn.shape[-1])
        people = len(self._requests)
        places = rows + people * np.arange(len(rows))[:, None]
        times = np.bincount(places.ravel(), minlength=len(rows) * people).reshape(-1, people)
        above = self._above(times @ self._requests)
        times = times.astype(np.int32)
        return self._falling[self._place(times, above)].reshape(drawn.shape[:-1])

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
