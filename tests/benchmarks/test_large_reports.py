"""Reports are measured on runs of any size that a plan may have."""

import pytest

from benchmarks.large_run import MOST_STUDENTS
from benchmarks.report import GOALS, LARGE, Measured, copies, table
from dress_rehearsal.plans.plan import Event


def test_no_run_has_more_students_than_a_plan():
    most = [getattr(each, "le", None) for each in Event.model_fields["students"].metadata]

    assert MOST_STUDENTS in most


def test_a_run_is_put_side_by_side_until_it_is_so_large():
    assert copies(1_000_000, 20_000, 1000) == 50
    assert copies(10, 20_000, 1000) == 1
    assert copies(LARGE, 10_000, 1000) == 1000


def test_a_run_of_too_many_students_is_refused_with_a_reason():
    with pytest.raises(SystemExit, match=r"5\.0 requests a student: 10,000,000 of them would be"):
        copies(LARGE, 10_000, 2000)


def test_growth_and_goals_stand_beside_what_was_measured():
    small = Measured(100_000, 5_000, 20, 2.0, 2.5, 300.0)
    large = Measured(1_000_000, 50_000, 200, 6.0, 7.5, 640.0)

    _, first, second = table([small, large]).splitlines()

    assert "goal" not in first
    assert second.split()[-5:] == ["0.30", "(goal:", "5", "s,", "762", "MiB)"][-5:]
    assert GOALS[LARGE] == (45.0, 1907.0)
