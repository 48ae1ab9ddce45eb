"""What a plan cannot show, though nothing is wrong with it."""

from pathlib import Path

import pytest

from dress_rehearsal.plans import bundled_plans, read_plan
from dress_rehearsal.plans.notes import notes_on

THERE = ["target.stage=external", "target.url=http://127.0.0.1:9"]


@pytest.mark.parametrize("path", bundled_plans(), ids=lambda path: path.stem)
def test_of_the_bundled_plans_nothing_is_to_be_told(path):
    assert notes_on(read_plan(path)) == []


@pytest.mark.parametrize(
    ("overrides", "buyers"),
    [(["event.students=5000"], "4,750"), ([*THERE, "event.students=4999"], "4,999")],
)
def test_fewer_buyers_than_tickets_cannot_buy_them_all(overrides, buyers):
    (note,) = notes_on(read_plan(Path("festival"), overrides))
    assert note.startswith(f"It cannot sell out: {buyers} students who may buy, for 5,000 tickets.")


@pytest.mark.parametrize(
    "overrides", [["event.students=5264"], [*THERE, "event.students=5000"]], ids=["ours", "theirs"]
)
def test_as_many_as_there_are_tickets_can(overrides):
    assert notes_on(read_plan(Path("festival"), overrides)) == []


def test_a_sale_that_closes_before_students_click_is_told_with_what_helps():
    short = ["schedule.sale=5s", "event.tickets=100"]
    (note,) = notes_on(read_plan(Path("festival"), short))
    assert note.startswith("The sale closes too soon for ")
    assert "end as in_flight" in note
    for helps in ("Keep it open for 11s", "students.login_at_open (10s)"):
        assert helps in note
    nobody_late = ["students.login_before=100%", "students.late=0%"]
    for helped in (["schedule.sale=11s"], nobody_late):
        assert notes_on(read_plan(Path("festival"), [*short, *helped])) == []
