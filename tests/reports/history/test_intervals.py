"""The interval of a difference is exact for the fewest runs, and no outlier drags it along."""

import itertools

import numpy as np
import pytest

from dress_rehearsal.reports.history.intervals import (
    confidence,
    difference_interval,
    differences_left_out,
)


@pytest.mark.parametrize(("before", "after"), [(4, 5), (5, 4), (1, 1), (0, 9)])
def test_fewer_than_five_runs_a_side_tell_nothing(before, after):
    assert difference_interval([1.0] * before, [2.0] * after) is None


@pytest.mark.parametrize(("before", "after"), [(5, 5), (5, 8), (7, 6), (9, 9)])
def test_it_excludes_zero_exactly_where_mann_and_whitney_find_a_difference(before, after):
    from scipy import stats  # here: nothing else that is collected should wait for it

    rng = np.random.default_rng(11)
    told = []
    for _ in range(300):
        one, other = rng.normal(0, 1, before), rng.normal(rng.normal(0, 1.5), 1, after)
        low, high = difference_interval(one, other)
        found = stats.mannwhitneyu(one, other, method="exact").pvalue <= 0.05
        told.append(found)
        assert (low > 0 or high < 0) == found
        assert low <= np.median(other) - np.median(one) <= high
    assert 30 < sum(told) < 270, "both ends occur"


@pytest.mark.parametrize("spread", ["normal", "lognormal", "standard_cauchy"])
def test_it_holds_the_difference_at_least_as_often_as_it_says(spread):
    rng = np.random.default_rng(5)
    held = 0
    for _ in range(2_000):
        before, after = getattr(rng, spread)(size=5), getattr(rng, spread)(size=5) + 3.0
        low, high = difference_interval(before, after)
        held += low <= 3.0 <= high
    assert held >= 0.95 * 2_000


def test_how_far_off_a_disturbed_run_lies_makes_no_difference():
    before, after = [100.0, 101.0, 102.0, 103.0, 104.0], [120.0, 121.0, 122.0, 123.0]
    near, far = (difference_interval(before, [*after, odd]) for odd in (130.0, 9_000.0))
    assert near[0] == far[0]
    assert near[0] > 0


def test_of_seven_a_side_one_may_lie_wholly_on_the_wrong_one():
    before, after = [100.0 + n for n in range(6)], [130.0 + n for n in range(7)]
    low, _ = difference_interval([*before, 900.0], after)
    assert low > 0
    low, _ = difference_interval([*before[:4], 900.0], after[:5])
    assert low < 0, "of five none may"


@pytest.mark.parametrize(("before", "after"), [(61, 61), (100, 80), (1_000, 1_000), (5, 1_000)])
def test_many_runs_have_an_interval_that_is_no_narrower_than_the_tests(before, after):
    from scipy import stats  # here: nothing else that is collected should wait for it

    rng = np.random.default_rng(7)
    one = rng.normal(0, 1, before)
    for shift in (0.0, 3.0):
        other = rng.normal(shift, 1, after)
        low, high = difference_interval(one, other)
        assert low <= np.median(other) - np.median(one) <= high
        found = stats.mannwhitneyu(one, other).pvalue <= 0.05
        assert (low > 0) <= found
        assert (low > 0) == (shift > 0)


def test_a_count_that_is_always_the_same_differs_by_nothing():
    assert difference_interval([0] * 5, [0] * 5) == (0.0, 0.0)


@pytest.mark.parametrize(("before", "after"), [(5, 5), (5, 6), (6, 6), (5, 7)])
def test_it_is_as_sure_as_it_says_and_no_wider_than_it_has_to_be(before, after):
    """Counted out: every way in which runs of sides that are alike may be dealt."""
    values = np.arange(before + after, dtype=float) ** 2
    left_out = differences_left_out(before, after)
    held, narrower, deals = 0, 0, 0
    for chosen in itertools.combinations(range(before + after), before):
        one = values[list(chosen)]
        other = np.delete(values, chosen)
        low, high = difference_interval(one, other)
        apart = np.sort(np.subtract.outer(other, one), axis=None)
        held += low <= 0 <= high
        narrower += apart[left_out + 1] <= 0 <= apart[-2 - left_out]
        deals += 1
    assert held / deals == pytest.approx(confidence(before, after))
    assert narrower / deals < 0.95 <= held / deals


def test_of_more_runs_than_are_counted_out_nothing_is_said():
    assert confidence(61, 61) is None
    assert confidence(60, 90) >= 0.95
