"""The census: each student in exactly one state, a ticket never lost, and written whole."""

import gevent
import numpy as np
import pytest

from dress_rehearsal.plans import seeded_roster
from dress_rehearsal.records import RunDirectoryUnusableError, tables
from dress_rehearsal.scenarios.outcomes import Census, StudentOutcome
from dress_rehearsal.scenarios.timetable import draw_timetable


@pytest.fixture
def census(small_plan):
    plan = small_plan(event__students=5)
    return Census(draw_timetable(plan, seeded_roster(5, 0, 1)), t0_ns=10**18)


def test_the_census_always_adds_up(census):
    census.became(0, StudentOutcome.IN_FLIGHT)
    census.became(1, StudentOutcome.SOLD_OUT)
    census.became(0, StudentOutcome.GAVE_UP)
    census.acknowledged(2, "t-2", 5)
    assert sum(census.counts) == 5
    assert census.counts[StudentOutcome.NEVER_STARTED] == 2


def test_a_ticket_once_acknowledged_is_never_lost_again(census):
    census.acknowledged(0, "first", 5)
    census.acknowledged(0, "second", 6)
    census.became(0, StudentOutcome.FAILED)
    row = census.table().to_pylist()[0]
    assert (row["outcome"], row["ticket"], row["acked_ns"]) == ("ticket", "first", 5)


def test_of_some_students_the_same_is_told(census):
    census.acknowledged(2, "t-2", 5)
    census.clicked(4, 7)
    some = census.table(np.array([2, 4]))
    assert some.equals(census.table().take([2, 4]))
    assert some["student"].to_pylist() == [2, 4]


def test_every_different_ticket_that_a_student_is_told_of_is_kept(census, run):
    for student, ticket in ((0, "a"), (1, "b"), (1, "b"), (1, "c"), (1, "d"), (1, "c")):
        census.acknowledged(student, ticket, 5)
    assert census.write(run) is None
    rows = run.student_table().to_pylist()
    assert [(row["ticket"], row["more_tickets"]) for row in rows[:3]] == [
        ("a", None),
        ("b", ["c", "d"]),
        (None, None),
    ]


def test_a_ticket_that_is_being_issued_is_open_until_there_is_a_yes_or_a_no(census, run):
    for student, ticket in ((0, "a"), (1, "b"), (1, "b"), (1, "c"), (2, "d")):
        census.put_off(student, ticket, 5 + student)
    census.settled(0, "a")
    census.settled(1, "b")
    assert census.write(run) is None
    rows = run.student_table().to_pylist()
    assert [(row["pending_ns"], row["pending_tickets"], row["open_tickets"]) for row in rows] == [
        (5, ["a"], None),
        (6, ["b", "c"], ["c"]),
        (7, ["d"], ["d"]),
        (None, None, None),
        (None, None, None),
    ]


def test_students_are_written_whole_with_nulls_for_what_never_was(census, run):
    census.clicked(3, 77)
    census.clicked(3, 99)
    census.issued(3, 100)
    assert census.write(run) is None
    rows = run.student_table().to_pylist()
    assert [row["student"] for row in rows] == [0, 1, 2, 3, 4]
    assert rows[0]["clicked_ns"] is None
    assert rows[0]["ticket"] is None
    assert (rows[3]["clicked_ns"], rows[3]["attempts"], rows[3]["issued_ns"]) == (77, 2, 100)


def test_an_unwritable_census_is_handed_back_not_raised(census, run):
    (run.path / "plan.toml").unlink()
    for folder in (run.requests, run.metrics, run.logs, run.figures):
        folder.rmdir()
    run.path.rmdir()
    assert isinstance(census.write(run), RunDirectoryUnusableError)


@pytest.mark.slow
@pytest.mark.parametrize("of", [None, np.array([0, 1])], ids=["everybody", "a share"])
def test_the_last_census_stands_though_one_was_still_being_written(
    census, run, kill_while_writing, of
):
    kill_while_writing(lambda: census.write(run, of))
    census.acknowledged(0, "ticket", 5)
    assert census.write(run) is None
    gevent.sleep(0.2)  # until the first would have been written too
    assert run.student_table()["ticket"].to_pylist()[0] == "ticket"
    assert list(run.path.glob(".*.partial")) == []


def test_states_are_the_words_of_the_table():
    assert tuple(outcome.name.lower() for outcome in StudentOutcome) == tables.STUDENT_OUTCOMES
