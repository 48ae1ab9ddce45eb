"""The end of a rush with workers: whoever still speaks is waited for, and all of it has a bound."""

from itertools import product

import pytest

from dress_rehearsal.scenarios import last_words
from dress_rehearsal.scenarios.last_words import (
    awaited_until,
    last_for_students_s,
    master_ends_within_s,
)

CROWDS = list(product((100, 1000, 12_000, 100_000), (1, 2, 4, 16)))
"""So many students, and workers."""
NEVER_SILENT = [1e9]
PARTS = ["LATE_S", "LAST_S", "CAUGHT_A_STUDENT_S", "SPEAKING_S", "CLOCKS_S", "GONE_S"]


@pytest.mark.parametrize(
    ("heard_s", "until_s"),
    [
        pytest.param([], 108.0, id="nobody is there"),
        pytest.param([97.0], 108.0, id="who says nothing is given up after the patience"),
        pytest.param([101.0, 105.0], 113.0, id="who still speaks is slow, and not lost"),
        pytest.param([990.0], 124.0, id="who goes on without an end is given up all the same"),
    ],
)
def test_how_long_the_last_words_are_waited_for(heard_s, until_s):
    assert awaited_until(100.0, heard_s, 8.0) == until_s


def ends_s(students, workers):
    """When a master with a worker that never falls silent has ended all, after the drain (s)."""
    patience_s = last_words.LAST_S + last_for_students_s(students, workers)
    heard_until_s = awaited_until(last_words.LATE_S, NEVER_SILENT, patience_s)
    return heard_until_s + last_words.CLOCKS_S + last_words.GONE_S


@pytest.mark.parametrize(("students", "workers"), CROWDS)
def test_all_of_it_has_ended_within_the_bound(students, workers):
    assert ends_s(students, workers) < master_ends_within_s(students)


@pytest.mark.parametrize("part", PARTS)
def test_where_a_part_takes_longer_so_does_the_bound(part, monkeypatch):
    before_s = master_ends_within_s(100)
    monkeypatch.setattr(last_words, part, getattr(last_words, part) + 100.0)
    assert ends_s(100, 2) > before_s
    assert ends_s(100, 2) < master_ends_within_s(100)
