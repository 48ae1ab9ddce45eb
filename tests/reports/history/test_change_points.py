"""A change of level is dated right, chance is none, and Apache Otava says the same."""

import json
import random
from pathlib import Path

import numpy as np
import pytest

from dress_rehearsal.reports.history import change_points as module
from dress_rehearsal.reports.history.change_points import change_points, p_of_difference
from tests.reports.history.seeded_series import planted, seeded_series

SERIES = seeded_series()
OTAVA = json.loads(Path(__file__).with_name("otava.json").read_text())["found"]
DIFFERENT = {"two-steps-0", "drift-1", "three"}
"""Where Otava finds one change more: its t is too large, for it hands on the sample's variance; and
two values that are the same make a third one certain."""
STALE = {"drift-0", "long-0", "two-steps-0"}
"""Where Otava took a weak change back and did not test its left neighbour anew: of that it tells
what it was before."""


def indices(found):
    return [change.index for change in found]


def of_the_sample(first, second):
    """Return p as Otava has it: of the variance of the sample, where the unbiased one belongs."""
    from scipy import stats  # here: nothing else that is collected should wait for it

    if len(first) + len(second) <= 2:
        return 1.0
    told = [(side.mean(), side.std(), len(side)) for side in (first, second)]
    with np.errstate(all="ignore"):
        return float(stats.ttest_ind_from_stats(*told[0], *told[1]).pvalue)


@pytest.mark.parametrize("name", SERIES)
def test_apache_otava_finds_the_same(name):
    theirs = [index for index, *_ in OTAVA[name]]
    found = change_points(SERIES[name])
    if name in DIFFERENT:
        assert set(indices(found)) < set(theirs)
        return
    assert indices(found) == theirs
    if name in STALE:
        return
    for change, (_, before, after, p) in zip(found, OTAVA[name], strict=True):
        assert (change.before, change.after) == pytest.approx((before, after))
        assert change.p >= p


@pytest.mark.parametrize("name", SERIES)
def test_with_the_sample_s_variance_everything_is_as_otava_has_it(name, monkeypatch):
    monkeypatch.setattr(module, "p_of_difference", of_the_sample)
    found = change_points(SERIES[name])
    assert indices(found) == [index for index, *_ in OTAVA[name]]
    if name not in STALE:
        theirs = pytest.approx([p for *_, p in OTAVA[name]], rel=1e-6, abs=1e-300)
        assert [change.p for change in found] == theirs


def test_the_recorded_reference_is_of_these_very_series():
    assert list(OTAVA) == list(SERIES)
    assert sum(map(len, OTAVA.values())) > 40


@pytest.mark.parametrize("at", range(5, 26))
def test_a_change_planted_in_thirty_runs_is_dated_right(at):
    found = change_points(planted(30, at, 100, 130, 0.03, seed=at), min_magnitude=0.1)
    (change,) = [each for each in found if each.index == at]
    assert change.before == pytest.approx(100, rel=0.06)
    assert change.after == pytest.approx(130, rel=0.06)


def test_chance_makes_a_change_of_few_series():
    quiet = [planted(30, 30, 100, 100, 0.05, seed=seed) for seed in range(200)]
    assert sum(bool(change_points(values)) for values in quiet) <= 8


def test_outliers_amid_a_series_are_no_change():
    values = planted(30, 30, 100, 100, 0.02, seed=1)
    values[8] = values[20] = 400.0
    assert change_points(values) == []


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 2.0], [0.1] * 40, [0.0] * 7])
def test_what_is_short_or_always_the_same_has_none(values):
    assert change_points(values) == []


def test_a_change_smaller_than_asked_for_is_left_out():
    values = planted(30, 15, 100, 104, 0.002, seed=3)
    assert indices(change_points(values)) == [15]
    assert change_points(values, min_magnitude=0.05) == []


def test_how_large_a_change_is_does_not_depend_on_its_direction():
    up, down = (change_points([*first, *second])[0] for first, second in _both_ways())
    assert up.magnitude == pytest.approx(down.magnitude) == pytest.approx(1.0)
    (from_zero,) = change_points([0.0] * 10 + [5.0] * 10)
    assert (from_zero.magnitude, from_zero.p) == (1.0, pytest.approx(1 / 184_756))


@pytest.mark.parametrize("values", [[0.0] * 5 + [1.0], [1.0] + [0.0] * 5, [100.0] * 29 + [106.0]])
def test_one_odd_value_at_an_end_is_no_change_however_little_the_others_spread(values):
    assert change_points(values) == []
    stays = [*values, *[values[-1]] * 12] if values[-1] != values[-2] else values
    assert bool(change_points(stays)) == (len(stays) > len(values))


def _both_ways():
    low, high = [10.0] * 10, [20.0] * 10
    return (low, high), (high, low)


@pytest.mark.parametrize("sizes", [(2, 9), (1, 5), (30, 3)])
def test_p_is_student_s(sizes):
    from scipy import stats  # here: nothing else that is collected should wait for it

    drawn = random.Random(sum(sizes))
    first, second = (np.array([drawn.gauss(5, 2) for _ in range(size)]) for size in sizes)
    expected = stats.ttest_ind(first, second).pvalue
    assert p_of_difference(first, second) == pytest.approx(expected)


def test_moving_the_whole_series_moves_no_change():
    values = planted(60, 40, 100, 120, 0.05, seed=9)
    moved = [3 * value + 7 for value in values]
    assert indices(change_points(values)) == indices(change_points(moved)) == [40]
