"""Numbers as the verdict keeps them: rounded the same way every time; arithmetic on columns."""

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dress_rehearsal.records.tables import NS_PER_MS

_AT_ONCE: Final = 1 << 18
"""Values that are reckoned with at a time: what is needed of them meanwhile is near at hand."""


def rounded(value: float, digits: int = 3) -> float | None:
    """Return a number rounded for the verdict, None for what is not finite: it was not measured."""
    if not np.isfinite(value):
        return None
    return round(float(value), digits) + 0.0  # + 0.0: no negative zero


def exact(value: float) -> Fraction:
    """Return the number that a kept one is written as: 0.1 as 1/10, which no float is."""
    return Fraction(str(value))


def whole(value: float) -> int | float | None:
    """Return a count as an integer, a ratio rounded to three digits."""
    kept = rounded(value)
    return int(kept) if kept is not None and kept.is_integer() else kept


def significant(value: float) -> int | float | None:
    """Return what is computed of kept numbers, to nine digits however small it is: a share of one
    in 10,000 is one. None for what is not finite."""
    if not np.isfinite(value):
        return None
    kept = float(f"{value:.9g}") + 0.0
    return int(kept) if kept.is_integer() else kept


def span_ms(later_ns: Any, earlier_ns: Any) -> Any:
    """Return `later - earlier` as floats in ms, NaN where one of them is not known.

    Args:
        later_ns, earlier_ns: int64 arrays of Unix nanoseconds, or one moment; -1 where not known.
    """
    later_ns, earlier_ns = np.broadcast_arrays(later_ns, earlier_ns)
    span = np.empty(len(later_ns))
    for first in range(0, len(span), _AT_ONCE):
        part = slice(first, first + _AT_ONCE)
        later, earlier = later_ns[part], earlier_ns[part]
        # Subtracted as integers: nanoseconds since the epoch do not fit a float.
        np.divide(later - earlier, NS_PER_MS, out=span[part])
        span[part][(later < 0) | (earlier < 0)] = np.nan
    return span


def integers(column: pd.Series, missing: int = 0) -> Any:
    """Return a nullable integer column as an int64 array, `missing` where null; to be read only."""
    if column.hasnans:
        return column.to_numpy(dtype="int64", na_value=missing)
    return column.to_numpy(dtype="int64")


def words_of(column: "pd.Series[Any]", missing: str) -> pd.Categorical:
    """Return a column of words as codes, `missing` where null: they compare with a word at once."""
    words = pd.Categorical(column)
    if missing not in words.categories:
        words = words.add_categories(missing)
    return words.fillna(missing)


def least_of(keys: Any, values: Any, asked: Any, *, missing: int) -> Any:
    """Return for each key that is asked for the least of the values that stand beside it.

    Args:
        keys, values: int64 arrays of one length.
        asked: int64 array of keys.
        missing: what is returned for a key that has no value.
    """
    known, least = least_by(keys, values)
    if not len(known):
        return np.full(len(asked), missing, dtype="int64")
    first, last = int(known[0]), int(known[-1])
    if _dense(first, last, len(known) + len(asked)):
        every = np.full(last - first + 1, missing, dtype="int64")
        every[known - first] = least
        there = (asked >= first) & (asked <= last)
        return np.where(there, every[np.where(there, asked, first) - first], missing)
    place = np.minimum(np.searchsorted(known, asked), len(known) - 1)
    return np.where(known[place] == asked, least[place], missing)


def least_by(keys: Any, values: Any) -> tuple[Any, Any]:
    """Return each different key, ascending, and the least of the values that stand beside it.

    Args:
        keys, values: int64 arrays of one length.
    """
    if len(keys) and _dense(first := int(keys.min()), last := int(keys.max()), len(keys)):
        every = np.full(last - first + 1, np.iinfo(np.int64).max)
        np.minimum.at(every, keys - first, values)
        known = distinct(keys)
        return known, every[known - first]
    order = np.lexsort((values, keys))
    keys = keys[order]
    begins = np.flatnonzero(_changes(keys))
    return keys[begins], values[order[begins]]


def distinct(numbers: Any) -> Any:
    """Return the different ones of some whole numbers, ascending.

    As `np.unique` does, which gathers them in a hash table: a million take that fifty times longer.
    """
    numbers = np.asarray(numbers)
    if len(numbers) and _dense(
        first := int(numbers.min()), last := int(numbers.max()), len(numbers)
    ):
        there = np.zeros(last - first + 1, dtype=bool)
        there[numbers - first] = True
        return (np.flatnonzero(there) + first).astype(numbers.dtype)
    numbers = np.sort(numbers)
    return numbers[_changes(numbers)]


def places_among(known: Any, numbers: Any) -> Any:
    """Return where each of some whole numbers stands among those known, of which it is one.

    Args:
        known: ascending, each once.
    """
    first, last = int(known[0]), int(known[-1])
    if not _dense(first, last, len(known) + len(numbers)):
        return np.searchsorted(known, numbers)
    places = np.zeros(last - first + 1, dtype=np.int32)
    places[known - first] = np.arange(len(known))
    return places[numbers - first]


def found_in(numbers: Any, known: Any) -> Any:
    """Return which of some whole numbers are among those that are known (bool array)."""
    known = distinct(known)
    if not len(known):
        return np.zeros(len(numbers), dtype=bool)
    place = np.minimum(np.searchsorted(known, numbers), len(known) - 1)
    return known[place] == numbers


def _changes(ordered: Any) -> Any:
    """Return which of some ordered numbers differ from the one before; the first does."""
    changes = np.ones(len(ordered), dtype=bool)
    np.not_equal(ordered[1:], ordered[:-1], out=changes[1:])
    return changes


def _dense(first: int, last: int, count: int) -> bool:
    """Return whether so many numbers from the first to the last are looked up by their place.

    As students are: they lie within twice their number.
    """
    return last - first < 2 * count


def percentile(values: Any, share: float) -> float:
    """Return the exact percentile: the smallest measured value with `share` per cent below it.

    numpy's method "higher": a value that occurred, never one between two. NaN without values.
    """
    return percentiles(values, [share])[0]


def percentiles(values: Any, shares: "Sequence[float] | NDArray[np.float64]") -> list[float]:
    """Return several exact percentiles of the same values, each as `percentile` does."""
    if not len(values):
        return [float("nan")] * len(shares)
    # Exact: as a float, 99.9% of 1,000 is a little more than 999.
    last = len(values) - 1
    ranks = [math.ceil(Fraction(str(float(share))) * last / 100) for share in shares]
    ordered = np.partition(values, sorted({*ranks}))
    return [float(ordered[rank]) for rank in ranks]


def known(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the values that are numbers: the array itself where all are."""
    there = ~np.isnan(values)
    return values if there.all() else values[there]


FEW = 5
"""Values beyond a percentile below which it is little more than the most extreme ones."""


def few_beyond(count: int, share: Fraction) -> bool:
    """Return whether too few of so many values lie beyond a percentile for it to say much."""
    return count * (1 - share) < FEW


def rank_correlation(first: Any, second: Any) -> float | None:
    """Return Kendall's tau-b of two rankings: 1 the same order, -1 the reverse, 0 unrelated.

    Returns:
        None with fewer than two people, or when all are tied in one of the rankings.
    """
    # Ranks, for nanoseconds since the epoch do not fit a float.
    ranks = [np.searchsorted(distinct(each), each) for each in (first, second)]
    if any(len(rank) == 0 or rank.max() == 0 for rank in ranks):
        return None
    x, y = ranks
    order = np.lexsort((y, x))  # people tied in the first are not out of order
    pairs = len(x) * (len(x) - 1) // 2
    x_tied, y_tied, both_tied = _tied(x), _tied(y), _tied(x * (y.max() + 1) + y)
    surplus = pairs - x_tied - y_tied + both_tied - 2 * _inversions(y[order])
    return float(np.clip(surplus / np.sqrt(pairs - x_tied) / np.sqrt(pairs - y_tied), -1, 1))


def _tied(values: Any) -> int:
    """Return how many pairs have the same value."""
    times = np.diff(np.flatnonzero(_changes(np.sort(values))), append=len(values))
    return int((times * (times - 1) // 2).sum())


def _inversions(ranks: Any) -> int:
    """Return how many pairs of an array of ranks stand in the wrong order.

    Bit by bit, the highest first: of two ranks that differ in no higher bit, the one with the bit
    set belongs behind the other.
    """
    found, ranks = 0, np.asarray(ranks, dtype=np.int64)
    for bit in range(int(ranks.max()).bit_length() - 1, -1, -1):
        high = ranks >> bit
        ones = high & 1
        before = np.cumsum(ones) - ones
        starts = np.flatnonzero(np.diff(high >> 1, prepend=-1))
        sizes = np.diff(starts, append=len(ranks))
        behind = before - np.repeat(before[starts], sizes)
        found += int(behind[ones == 0].sum())
        ranks = ranks[np.argsort(high, kind="stable")]
    return found
