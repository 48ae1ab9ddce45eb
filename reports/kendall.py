"""Kendall's rank correlation: how far two orders of the same people agree."""

import math
from typing import Any

import numpy as np


def kendall_tau(first: Any, second: Any) -> float | None:
    """Give tau-b of two rankings in O(n log n), as Knight (1966, JASA 61:436) counts it.

    tau-b = (concordant - discordant) / sqrt((n0 - n1) (n0 - n2)), where n0 is the number of pairs
    and n1, n2 those tied in either ranking. 1: the same order, -1: the reverse, 0: unrelated.

    Returns:
        None with fewer than two people, or when all are tied in one of the rankings.
    """
    one, other = np.asarray(first), np.asarray(second)
    pairs = len(one) * (len(one) - 1) // 2
    tied_one, tied_other = _tied_pairs(one), _tied_pairs(other)
    if pairs in (tied_one, tied_other):
        return None
    order = np.lexsort((other, one))
    # Within a tie of the first ranking the second ascends, so those pairs count as no inversion.
    discordant = inversions(other[order])
    both = _tied_pairs(np.unique(np.column_stack([one, other]), axis=0, return_inverse=True)[1])
    concordant = pairs - tied_one - tied_other + both - discordant
    return (concordant - discordant) / math.sqrt((pairs - tied_one) * (pairs - tied_other))


def inversions(values: Any) -> int:
    """Count pairs that stand in descending order: a merge sort that counts, level by level."""
    ranks = np.unique(np.asarray(values), return_inverse=True)[1].astype(np.int64).ravel()
    total, width = 0, 1
    while width < len(ranks):
        for start in range(0, len(ranks) - width, 2 * width):
            left = ranks[start : start + width]  # both sorted by the levels before
            right = ranks[start + width : start + 2 * width]
            total += len(left) * len(right) - int(np.searchsorted(left, right, side="right").sum())
            ranks[start : start + 2 * width] = np.sort(
                ranks[start : start + 2 * width], kind="stable"
            )
        width *= 2
    return total


def _tied_pairs(values: Any) -> int:
    sizes = np.unique(values, return_counts=True)[1].astype(np.int64)
    return int((sizes * (sizes - 1) // 2).sum())
