"""Arithmetic on columns says what numpy's own does, which takes longer over it."""

import numpy as np
import pandas as pd
import pytest

from dress_rehearsal.reports.numbers import distinct, found_in, integers, least_by, least_of

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
