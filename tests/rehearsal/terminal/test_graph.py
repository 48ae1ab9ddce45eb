"""Graphs of text: every count has its column, and what is something is never drawn as nothing."""

import numpy as np
import pytest

from dress_rehearsal.rehearsal.terminal.graph import bars, counted_in, nice_width_s, time_axis


def test_columns_are_as_high_as_their_counts():
    assert bars([0, 1, 4, 8]) == [" ▁▄█"]
    assert bars([0, 1, 8, 16], height=2) == ["   █", " ▁██"]


def test_one_among_thousands_still_shows():
    assert bars([1, 10_000]) == ["▁█"]


def test_nothing_at_all_is_an_empty_line():
    assert bars([0, 0, 0], height=2) == ["", ""]
    assert bars([]) == [""]


def test_moments_fall_into_the_column_that_begins_with_them():
    when = np.array([-0.1, 0.0, 0.05, 0.1, 0.299, 0.3, 7.0])
    assert counted_in(when, 0.0, 0.1, 3) == [2, 1, 1]
    assert counted_in(when, -0.1, 0.1, 2) == [1, 2]


def test_every_moment_is_counted_once():
    when = np.round(np.arange(-1, 5, 0.01), 2)
    assert counted_in(when, -1.0, 0.1, 60) == [10] * 60


@pytest.mark.parametrize(
    ("span_s", "columns", "width_s"), [(6, 60, 0.1), (65, 60, 1.5), (10, 60, 0.2), (3600, 60, 60)]
)
def test_a_column_stands_for_a_round_number_of_seconds(span_s, columns, width_s):
    assert nice_width_s(span_s, columns) == width_s


def test_the_axis_has_t0_where_it_is():
    axis = time_axis(-1.0, 0.1, 60)
    assert axis.index("T-0") == 10
    assert axis.index("+1s") == 20
    assert axis.startswith("-1s")


def test_an_axis_far_from_t0_still_tells_the_time():
    assert time_axis(29.0, 0.1, 25) == "+29s      +30s      +31s"


def test_labels_never_run_into_each_other_or_over_the_edge():
    for columns in range(1, 61):
        axis = time_axis(-3.0, 0.5, columns)
        assert len(axis) <= columns
        assert all(word == "T-0" or word.endswith("s") for word in axis.split())
