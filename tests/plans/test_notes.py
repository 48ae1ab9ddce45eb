"""What a plan cannot show, though nothing is wrong with it."""

from pathlib import Path

import pytest

from dress_rehearsal.plans import Plan, bundled_plans, read_plan
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


@pytest.mark.parametrize(
    ("given", "note"),
    [
        (["students.show_up=40%"], "students.show_up has no effect without event.invited."),
        (
            ["students.queue_jumpers=10%", "app.admission_rate=5"],
            "students.queue_jumpers and app.admission_rate have no effect while "
            'app.waiting_room = "off".',
        ),
        (
            ["students.late_over=5s"],
            "students.late_over has no effect without students.late_rates.",
        ),
        (["students.bot_pause=1s"], "students.bot_pause has no effect without students.bots."),
        (
            ["app.enrolment_limit=3"],
            'app.enrolment_limit has no effect while app.enrolment = "roster".',
        ),
    ],
)
def test_a_key_that_changes_nothing_is_told_with_what_it_would_need(given, note):
    assert notes_on(read_plan(Path("festival"), given)) == [note]


@pytest.mark.parametrize(
    "given",
    [
        ["event.students=12000", "students.queue_jumpers=0%", "app.admission_rate=1000"],
        ["app.waiting_room=poll", "students.queue_jumpers=10%", "app.admission_rate=900"],
        ["students.late_rates=[1,2]", "students.late_over=5s"],
        ["students.bots=1%", "students.bot_pause=1s"],
        ["app.enrolment=external", "app.enrolment_limit=3"],
    ],
)
def test_of_a_key_that_is_as_usual_or_has_what_it_needs_nothing_is_told(given):
    assert notes_on(read_plan(Path("festival"), given)) == []


def test_a_share_of_those_invited_has_an_effect():
    document = {"name": "some", "event": {"invited": 20_000}, "students": {"show_up": "40%"}}
    assert notes_on(Plan.model_validate(document)) == []


def test_of_another_s_app_a_queue_of_its_own_scenario_may_have_jumpers(tmp_path):
    scenario = {"file": str(tmp_path / "own.py")}
    target = {"stage": "external", "url": "http://127.0.0.1:9"}
    students = {"queue_jumpers": "10%"}
    document = {"name": "own", "scenario": scenario, "target": target, "students": students}
    assert notes_on(Plan.model_validate({**document, "event": {"tickets": 10}})) == []
