"""What a search makes larger, what of the plan goes with it, and what cannot be searched."""

from pathlib import Path

import pytest

from dress_rehearsal.plans import Plan, PlanError, read_plan
from dress_rehearsal.rehearsal.capacity.axis import axis_of
from dress_rehearsal.rehearsal.cli import main

STAGING = {"stage": "external", "url": "http://127.0.0.1:8000"}


def plan_of(**sections):
    return Plan.model_validate({"name": "small", **sections})


@pytest.fixture
def locust_plan(tmp_path):
    """A plan whose load is a plain Locust file's."""

    def plan(text="import locust\n", **load):
        file = tmp_path / "locustfile.py"
        file.write_text(text)
        own = {"users": 20, "spawn_rate": 5, "run_time": "30s", **load}
        return plan_of(scenario={"file": str(file)}, target=STAGING, load=own)

    return plan


def test_who_rushes_at_t0_is_searched_over_the_students():
    axis = axis_of(read_plan(Path("festival")), None)
    assert (axis.over, axis.own) == ("event.students", 12_000)
    assert axis.words(6_000) + axis.details(6_000) == "6,000 students (2,500 tickets)"
    assert axis.overrides(6_000) == ["event.tickets=2500", "event.students=6000"]
    assert list(axis.remarks()) == [
        "event.tickets (5,000 of 12,000) keeps its share of the students."
    ]


def test_who_comes_by_rates_is_searched_over_the_highest_rate():
    axis = axis_of(read_plan(Path("steps")), None)
    assert axis.over == "arrivals"
    assert axis.value(4_200) == 120
    assert axis.words(2_100) + axis.details(2_100) == (
        "60 arrivals a second (2,100 students, 2,100 tickets)"
    )
    assert axis.people("240", "--to") == 8_400
    assert axis_of(read_plan(Path("steps")), "event.students").over == "event.students"


def test_the_rate_is_what_the_timetable_makes_of_it():
    """10 s at 1, 2 and 3 parts: the last has half of those who come, cut where the sale ends."""
    students = {"late": "50%", "late_rates": [1, 2, 3], "late_over": "60s", "late_tail": "50%"}
    axis = axis_of(
        plan_of(event={"students": 120}, schedule={"sale": "37.5s"}, students=students), None
    )
    assert axis.value(120) == pytest.approx(120 * 0.25 * 0.5 / 10)


@pytest.mark.parametrize("at_once", ["students.late_over=0s", "schedule.sale=0s"])
def test_rates_that_last_no_time_are_none(at_once):
    plan = read_plan(Path("steps"), [at_once])
    axis = axis_of(plan, None)
    assert (axis.over, axis.value(4_200)) == ("event.students", 4_200)
    with pytest.raises(PlanError, match="here they come at T-0"):
        axis_of(plan, "arrivals")


def test_slots_keep_their_share_so_that_the_timetable_is_the_same():
    plan = plan_of(
        event={"students": 1_000, "tickets": 300},
        schedule={"sale": "90s"},
        students={"slot_size": 100, "slot_every": "5s"},
    )
    axis = axis_of(plan, None)
    for people in (37, 333, 1_500, 9_999):
        sets = dict(text.split("=") for text in axis.overrides(people))
        larger = plan_of(
            event={"students": people, "tickets": int(sets["event.tickets"])},
            schedule={"sale": "90s"},
            students={"slot_size": int(sets["students.slot_size"]), "slot_every": "5s"},
        )
        assert larger.students.slots(people) <= plan.students.slots(1_000)
    assert "event.tickets (300 of 1,000) and students.slot_size (100 of 1,000) keep" in " ".join(
        axis.remarks()
    )


@pytest.mark.parametrize("people", [1, 7, 333, 12_345])
def test_of_more_invited_more_come(people):
    plan = plan_of(event={"invited": 1_000, "tickets": 400})
    sets = dict(text.split("=") for text in axis_of(plan, None).overrides(people))
    event = {key.removeprefix("event."): int(value) for key, value in sets.items()}
    assert plan_of(event=event).event.students == people


def test_what_somebody_else_s_shop_has_to_sell_is_not_the_plan_s_to_change(tmp_path):
    file = tmp_path / "buyer.py"
    file.write_text("")
    plan = plan_of(
        event={"students": 120, "tickets": 60}, scenario={"file": str(file)}, target=STAGING
    )
    axis = axis_of(plan, None)
    assert axis.overrides(240) == ["event.students=240"]
    assert list(axis.remarks()) == [
        "event.tickets stays 60: how many there are, the target itself says."
    ]


def test_a_locust_file_is_searched_over_its_users_who_all_come_as_soon(locust_plan):
    axis = axis_of(locust_plan(), None)
    assert (axis.over, axis.own, axis.words(40)) == ("load.users", 20, "40 users")
    assert axis.overrides(40) == ["load.users=40", "load.spawn_rate=10"]
    assert axis.details(40) == ""


@pytest.mark.parametrize(
    ("over", "sentence"),
    [
        ("users", "give one of event.students, arrivals, load.users"),
        ("load.users", "is for a plain Locust file; this plan has students"),
        ("arrivals", "is for a plan whose students come by rates"),
    ],
)
def test_what_a_plan_has_nothing_of_cannot_be_searched(over, sentence):
    with pytest.raises(PlanError, match=sentence):
        axis_of(read_plan(Path("festival")), over)


def test_a_locust_file_that_says_itself_how_many_act_cannot_be_searched(locust_plan):
    shaped = "import locust\nclass Steps(locust.LoadTestShape):\n    pass\n"
    with pytest.raises(PlanError, match="LoadTestShape"):
        axis_of(locust_plan(shaped), None)
    with pytest.raises(PlanError, match="is for students"):
        axis_of(locust_plan(), "event.students")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--repeat", "0"], "--repeat: give a whole number from 1 to 99"),
        (["--within", "0.5%"], "--within: give a share from 1% to 100%"),
        (["--within", "10"], "--within: expected a share in per cent"),
        (["--at-most", "30"], "--at-most: expected a duration"),
        (["--at-most", "20s"], "--at-most 20 s is not enough for one run of this plan"),
        (["--from", "nothing"], "--from: give a number of students above 0"),
        (["--to", "-5"], "--to"),
        (["--to", "0"], "--to: give a number of students above 0"),
        (["--from", "500", "--to", "400"], "--from: 500 students is more than may be tried"),
        (["--over", "everything"], "--over: give one of"),
        (["--set", "app.workers=none"], "app.workers"),
    ],
)
def test_what_is_given_wrong_is_refused_before_anything_is_made(
    options, sentence, tmp_path, capsys
):
    assert main(["capacity", "smoke", *options, "--out", str(tmp_path / "runs")]) == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_a_target_that_is_not_put_back_cannot_be_searched(tmp_path, capsys):
    (tmp_path / "buyer.py").write_text(
        "from dress_rehearsal.scenarios import Buyer\n\nclass Me(Buyer):\n    def buy(self): ...\n"
    )
    (tmp_path / "plan.toml").write_text(
        'name = "shop"\n[scenario]\nfile = "buyer.py"\n[event]\nstudents = 10\n'
        '[target]\nstage = "external"\nurl = "http://127.0.0.1:8000"\n'
        "[target.opening]\nalready = true\n"
    )
    assert main(["capacity", str(tmp_path / "plan.toml")]) == 2
    assert "needs [target.reset]" in capsys.readouterr().err
