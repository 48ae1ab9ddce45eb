"""Arithmetic on columns says what numpy's own does, which takes longer over it."""

import numpy as np
import pandas as pd
import pytest

from dress_rehearsal.reports import numbers
from dress_rehearsal.reports.numbers import (
    distinct,
    found_in,
    integers,
    least_by,
    least_of,
    percentile,
    percentiles,
    places_among,
    span_ms,
)

STUDENTS = [7, 3, 3, 9, 7, 4, 3]
TICKETS = [7 << 40, 3 << 40, 3 << 40, -1, 9 << 40]
KINDS = pytest.mark.parametrize(
    "numbers", [STUDENTS, TICKETS, [-1, -1, 0], [5], []], ids=["near", "far", "below 0", "1", "0"]
)


@KINDS
def test_different_numbers_are_numpys(numbers):
    values = np.array(numbers, dtype=np.int64)

    assert distinct(values).tolist() == np.unique(values).tolist()
    assert distinct(values).dtype == np.int64


def test_different_small_numbers_stay_small():
    assert distinct(np.array(STUDENTS, dtype=np.int32)).dtype == np.int32


@KINDS
@pytest.mark.parametrize("known", [[3, 9, 9], [3 << 40], [-1], []])
def test_what_is_found_is_numpys(numbers, known):
    values, among = (np.array(each, dtype=np.int64) for each in (numbers, known))

    assert found_in(values, among).tolist() == np.isin(values, among).tolist()


@KINDS
def test_the_least_beside_each_key_is_kept(numbers):
    values = np.arange(len(numbers))[::-1].copy()
    expected = pd.Series(values).groupby(np.array(numbers, dtype=np.int64)).min()

    keys, least = least_by(np.array(numbers, dtype=np.int64), values)

    assert keys.tolist() == expected.index.tolist()
    assert least.tolist() == expected.tolist()


@KINDS
def test_the_least_is_looked_up_and_missing_where_there_is_none(numbers):
    keys = np.array(numbers, dtype=np.int64)
    values, asked = np.arange(len(keys)), np.array([3, 8, 7 << 40, -1])
    first = {key: place for place, key in reversed(list(enumerate(numbers)))}

    found = least_of(keys, values, asked, missing=-5)

    assert found.tolist() == [first.get(key, -5) for key in asked.tolist()]


def test_integers_without_nulls_are_not_copied():
    whole = pd.Series(pd.array([1, 2], dtype="Int64"))

    assert np.shares_memory(integers(whole), whole.array._data)
    assert integers(pd.Series(pd.array([1, None], dtype="Int64")), missing=-1).tolist() == [1, -1]


@pytest.mark.parametrize("known", [[3, 4, 9], [5, 1_000_000, 2**40]], ids=["dense", "far apart"])
def test_each_number_is_found_where_it_stands(known):
    asked = np.random.default_rng(1).integers(0, 3, 40)
    assert places_among(np.array(known), np.array(known)[asked]).tolist() == asked.tolist()


def test_several_percentiles_are_each_the_one():
    values = np.random.default_rng(2).lognormal(3, 1, 999)
    shares = [50.0, 90.0, 99.9, 100.0]
    assert percentiles(values, shares) == [percentile(values, share) for share in shares]
    assert np.isnan(percentiles(values[:0], shares)).all()


def test_a_percentile_has_the_share_of_the_values_below_it_however_many_there_are():
    """As a float, 99.9% of 1,000 is a little more than 999."""
    for number in (1001, 2001, 3001, 10_001):
        assert percentile(np.arange(float(number)), 99.9) == 999 * (number - 1) // 1000


def test_a_span_is_the_same_however_many_are_reckoned_at_a_time(monkeypatch):
    later, earlier = np.array([10**18 + 7, -1, 5, 9]), np.array([10**18, 3, -1, 9])
    expected = [7e-6, np.nan, np.nan, 0.0]
    for at_once in (1, 3, 4, 100):
        monkeypatch.setattr(numbers, "_AT_ONCE", at_once)
        assert np.array_equal(span_ms(later, earlier), expected, equal_nan=True)
    assert np.isnan(span_ms(later, -1)).all()
