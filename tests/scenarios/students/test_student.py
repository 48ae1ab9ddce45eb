"""A student under Locust: there from the start, and without a stack until arrival."""

import json

import pytest

# Importing Locust makes a process cooperative, so each case has one of its own.
CODE = r"""
from locust.env import Environment
import json, sys, tempfile, time
from pathlib import Path
import gevent
from dress_rehearsal.plans import read_plan, seeded_roster
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.scenarios.buyer import Buyer
from dress_rehearsal.scenarios.client.origin import Origin
from dress_rehearsal.scenarios.recorder import Recorder
from dress_rehearsal.scenarios.rush import Rush
from dress_rehearsal.scenarios.students import student as module
from dress_rehearsal.scenarios.timetable import draw_timetable

plan = read_plan(Path("smoke"), ["event.students=20", "event.tickets=8", "students.late=50%",
                                 "students.late_mean=100ms", "schedule.lead=200ms",
                                 "schedule.sale=2s"])
people = seeded_roster(20, 0, plan.seed)
timetable = draw_timetable(plan, people)
run = RunDirectory.create(Path(sys.argv[2]), plan)
recorder = Recorder(run, "test")
rush = Rush(run.id, plan, people, timetable, Origin.of("http://127.0.0.1:1"), recorder, Buyer)
module.Student.rush = rush
told, errors = [], []

def perform(_, number):
    if sys.argv[1] == "defect" and number == 3:
        raise ZeroDivisionError("a defect")
    told.append((number, time.time_ns()))

module.perform = perform
environment = Environment(user_classes=[module.Student])
environment.events.user_error.add_listener(lambda exception, **_: errors.append(repr(exception)))
runner = environment.create_local_runner()
is_open_before = sys.argv[1] == "open before"
if is_open_before:
    rush.open_at(time.time_ns() - 10**9)
runner.spawn_users({"Student": 23 if sys.argv[1] == "too many" else 20})
stories = list(runner.user_greenlets)
if sys.argv[1] == "stopped":
    runner.stop_users({"Student": 5})
gevent.sleep(0.05)
begun = sum(story.gr_frame is not None for story in stories)
standing, told_before, all_are_on = runner.user_count, len(told), rush.all_are_on
if not is_open_before:
    rush.open_at(time.time_ns() + 3 * 10**8)
runner.user_greenlets.join(timeout=20)
arrival_s = rush.timetable.arrival_s
print(json.dumps({
    "begun": begun, "standing": standing, "told_before": told_before, "all_are_on": all_are_on,
    "left": runner.user_count, "told": len(told), "errors": errors,
    "in_order": [n for n, _ in told] == sorted((n for n, _ in told), key=lambda n: arrival_s[n]),
    "too_early": sum(at_ns < rush.at(arrival_s[n]) - 30_000_000 for n, at_ns in told),
}))
"""


@pytest.fixture
def found(apart, tmp_path):
    """Play 20 students whose stories are over at once; returns what was seen."""

    def of(case):
        done = apart(CODE, case, tmp_path)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1]) | {"log": done.stderr}

    return of


@pytest.mark.slow
def test_nobody_has_a_stack_before_arriving_and_all_come_in_their_order(found):
    seen = found("usual")
    assert (seen["standing"], seen["begun"], seen["told_before"]) == (20, 0, 0)
    assert seen["all_are_on"]
    assert (seen["told"], seen["left"], seen["too_early"]) == (20, 0, 0)
    assert seen["in_order"]


def test_a_rush_that_is_open_lets_in_whoever_takes_a_place_later(found):
    seen = found("open before")
    assert (seen["told"], seen["left"], seen["too_early"]) == (20, 0, 0)


@pytest.mark.slow
def test_whoever_is_stopped_before_arriving_never_begins(found):
    seen = found("stopped")
    assert (seen["standing"], seen["told"], seen["left"]) == (15, 15, 0)


@pytest.mark.slow
def test_more_users_than_students_are_nobody(found):
    seen = found("too many")
    assert (seen["standing"], seen["told"], seen["left"]) == (20, 20, 0)


@pytest.mark.slow
def test_a_defect_costs_one_story_and_is_told(found):
    seen = found("defect")
    assert (seen["told"], seen["left"]) == (19, 0)
    assert seen["errors"] == ["ZeroDivisionError('a defect')"]
    assert "ZeroDivisionError: a defect" in seen["log"]
