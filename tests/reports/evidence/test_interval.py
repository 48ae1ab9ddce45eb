"""A percentile's interval: exact for each crowd drawn, honest about few, the same again."""

from fractions import Fraction

import numpy as np
import pytest

from dress_rehearsal.reports.evidence import interval
from dress_rehearsal.reports.evidence.interval import _Percentile, _times, percentile_interval

P50, P90, P99, P99_9 = Fraction(1, 2), Fraction(9, 10), Fraction(99, 100), Fraction(999, 1000)


def crowd(seed, requests, students):
    rng = np.random.default_rng(seed)
    return rng.lognormal(4, 1, requests), rng.integers(0, students, requests)


@pytest.mark.parametrize("share", [P50, P90, P99, P99_9])
def test_a_crowd_s_percentile_is_that_of_all_requests_of_those_drawn(share):
    rng = np.random.default_rng(7)
    values, students = rng.integers(0, 30, 57).astype(float), rng.integers(0, 9, 57)
    order = np.argsort(-values)
    of_crowds = _Percentile(values[order], students[order], share)
    drawn = rng.integers(0, 9, (200, 9))
    for row, found in zip(drawn, of_crowds(_times(drawn, 9)), strict=True):
        all_of_them = np.concatenate([values[students == student] for student in row])
        assert found == np.percentile(all_of_them, float(share) * 100, method="higher")


def test_the_highest_values_are_those_of_a_stable_order():
    values = np.random.default_rng(3).integers(0, 40, 500).astype(float)
    order = np.argsort(-values, kind="stable")
    for number in (1, 7, 250, 499, 500, 900):
        assert interval._highest(values, number).tolist() == order[:number].tolist()


@pytest.mark.parametrize("people", [2, 150, 1_200])
def test_it_is_what_a_bootstrap_of_the_students_gives(people):
    from scipy import stats  # here: nothing else that is collected should wait for it

    values, students = np.random.default_rng(people).lognormal(4, 1, people), np.arange(people)
    found = stats.bootstrap(
        (values,),
        lambda crowds, axis: np.percentile(crowds, 50, method="higher", axis=axis),
        n_resamples=999,
        method="percentile",
        rng=np.random.default_rng([7, people]),
    ).confidence_interval
    low, high = percentile_interval(values, students, P50, [7, people])
    if people >= 10:  # with fewer it ends at the highest
        assert high == round(found.high, 3)
    assert low == round(found.low, 3)


def test_the_interval_lies_around_the_percentile_and_narrows_with_the_crowd():
    widths = []
    for requests in (2_000, 20_000):
        values, students = crowd(1, requests, requests // 4)
        low, high = percentile_interval(values, students, P99, [2026])
        assert low < np.percentile(values, 99, method="higher") < high
        widths.append(high - low)
    assert widths[1] < widths[0] / 2


@pytest.mark.slow
def test_it_holds_the_true_percentile_19_times_in_20():
    true = np.exp(4 + 2.3263478740408408)  # p99 of the log-normal that crowds are drawn from
    held = 0
    for seed in range(100):
        values, students = crowd(seed, 1_000, 1_000)
        low, high = percentile_interval(values, students, P99, [seed])
        held += low <= true <= high
    assert 88 <= held <= 99


def test_requests_of_one_student_stand_or_fall_together():
    rng = np.random.default_rng(3)
    together = np.arange(4_000) // 40
    values = rng.lognormal(4, 1, 100)[together] + rng.uniform(0, 1, 4_000)  # slow for somebody
    wide = percentile_interval(values, together, P90, [1])
    narrow = percentile_interval(values, np.arange(4_000), P90, [1])
    assert wide[1] - wide[0] > 3 * (narrow[1] - narrow[0])


def test_the_same_requests_in_another_order_give_the_same_interval():
    values, students = crowd(5, 3_000, 700)
    order = np.random.default_rng(1).permutation(3_000)
    first = percentile_interval(values, students, P99, [2026, 4])
    assert percentile_interval(values[order], students[order], P99, [2026, 4]) == first
    assert percentile_interval(values, students, P99, [2027, 4]) != first


@pytest.mark.parametrize(("requests", "few"), [(499, True), (500, False)])
def test_with_fewer_than_five_requests_beyond_it_ends_at_the_slowest(requests, few):
    values, students = crowd(11, requests, requests)
    _, high = percentile_interval(values, students, P99, [1])
    assert bool(high == round(values.max(), 3)) is few


def test_of_one_student_there_is_nobody_else_to_draw():
    assert percentile_interval(np.array([1.0, 2.0]), np.array([7, 7]), P99, [1]) is None
    assert percentile_interval(np.array([]), np.array([], dtype=int), P99, [1]) is None


def test_where_all_waited_equally_long_nothing_is_unsure():
    assert percentile_interval(np.full(50, 3.0), np.arange(50), P50, [1]) == (3.0, 3.0)


@pytest.mark.slow
@pytest.mark.parametrize("share", [P90, P99, P99_9])
@pytest.mark.parametrize("each", [1, 3])
def test_of_very_many_students_those_who_decide_are_drawn_to_the_same_interval(
    share, each, monkeypatch
):
    values, students = crowd(8, 15_000 * each, 15_000)
    all_drawn = [percentile_interval(values, students, share, [seed]) for seed in range(9)]
    monkeypatch.setattr(interval, "_ONE_BY_ONE", 1_000)
    some_drawn = [percentile_interval(values, students, share, [seed]) for seed in range(9)]
    assert some_drawn != all_drawn
    for one, other in zip(np.mean(all_drawn, axis=0), np.mean(some_drawn, axis=0), strict=True):
        width = np.ptp(np.mean(all_drawn, axis=0))
        assert abs(one - other) < 0.05 * width


def test_a_student_with_very_many_slow_requests_is_drawn_like_any_other(monkeypatch):
    values, students = crowd(9, 30_000, 10_000)
    values[:400], students[:400] = values[:400] + 1e6, 1  # more than lie above the percentile
    expected = percentile_interval(values, students, P99, [1])
    monkeypatch.setattr(interval, "_ONE_BY_ONE", 1_000)
    low, high = percentile_interval(values, students, P99, [1])
    assert low == pytest.approx(expected[0], rel=0.05)
    assert high == pytest.approx(expected[1], rel=0.05)
