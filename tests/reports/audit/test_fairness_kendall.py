"""Kendall's tau agrees with counting every pair, ties included, and is fast enough for 12,000."""

from itertools import combinations

import numpy as np
import pytest

from dress_rehearsal.reports.numbers import rank_correlation


def by_pairs(first, second):
    pairs = list(combinations(range(len(first)), 2))
    signs = [(np.sign(first[i] - first[j]), np.sign(second[i] - second[j])) for i, j in pairs]
    untied = [sum(sign[k] != 0 for sign in signs) for k in (0, 1)]
    if not all(untied):
        return None
    return sum(a * b for a, b in signs) / (untied[0] * untied[1]) ** 0.5


@pytest.mark.parametrize("values", [4, 10_000], ids=["many ties", "hardly any"])
def test_it_is_what_counting_every_pair_gives(values):
    rng = np.random.default_rng(values)
    for size in range(16):
        for _ in range(8):
            first, second = rng.integers(0, values, (2, size))
            assert rank_correlation(first, second) == pytest.approx(by_pairs(first, second))


def test_the_same_order_is_one_and_its_reverse_minus_one():
    order = np.arange(12_000)
    assert rank_correlation(order, order * 7) == pytest.approx(1, abs=1e-12)
    assert rank_correlation(order, -order) == pytest.approx(-1, abs=1e-12)


def test_nanoseconds_since_the_epoch_are_told_apart_to_the_last_one():
    places = 1_795_197_600_000_000_000 + np.arange(100)
    assert rank_correlation(places, np.arange(100)) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("values", [[], [1], [2, 2, 2]])
def test_an_order_of_nothing_correlates_with_nothing(values):
    assert rank_correlation(values, list(range(len(values)))) is None
