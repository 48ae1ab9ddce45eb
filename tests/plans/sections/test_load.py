"""The load of a plain Locust file stands in place of students."""

import tomllib

import pytest

from dress_rehearsal.plans import PlanInvalidError, plan_toml
from dress_rehearsal.plans.notes import notes_on
from dress_rehearsal.plans.read import check_plan

PLAN = {
    "name": "shop",
    "scenario": {"file": "/shop/locustfile.py"},
    "target": {"stage": "external", "url": "http://127.0.0.1:8000"},
    "load": {"users": 5, "run_time": "30s"},
}


def plan(**sections):
    return check_plan({**PLAN, **sections}, "shop.toml")


def test_nobody_of_ours_acts_and_the_run_lasts_as_long_as_the_load():
    made = plan()
    assert (made.event.students, made.event.order) == (0, "none")
    assert (made.schedule.lead, made.schedule.sale) == (0.0, 30.0)
    assert notes_on(made) == []


def test_a_resolved_plan_reads_as_the_same():
    made = plan()
    assert check_plan(tomllib.loads(plan_toml(made)), "plan.toml") == made


def test_without_a_time_the_files_shape_has_an_hour():
    assert plan(load={}).schedule.sale == 3600


@pytest.mark.parametrize(
    ("sections", "sentence"),
    [
        ({"event": {"students": 5}}, "load.users says how many"),
        ({"schedule": {"sale": "5s"}}, "load.run_time says how long"),
        ({"scenario": {}}, "name it under [scenario], as file"),
        ({"target": {}}, 'stage = "external" and url'),
        ({"target": {**PLAN["target"], "headers": {"X-A": "b"}}}, "target.headers is for buyers"),
        ({"target": {**PLAN["target"], "proxy": "http://127.0.0.1:1"}}, "target.proxy is for buy"),
        ({"load": {"users": 0}}, "load.users = 0: expected greater than or equal to 1"),
        ({"load": {"spawn_rate": 0}}, "load.spawn_rate = 0: expected greater than 0"),
    ],
)
def test_what_does_not_fit_is_refused(sections, sentence):
    with pytest.raises(PlanInvalidError) as refused:
        plan(**sections)
    assert sentence in str(refused.value)


def test_a_plan_with_neither_students_nor_load_is_refused():
    with pytest.raises(PlanInvalidError, match=r"event\.students must be at least 1"):
        check_plan({"name": "shop", "event": {"students": 0}}, "shop.toml")
