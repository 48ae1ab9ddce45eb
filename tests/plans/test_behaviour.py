"""The one table of what students do: whole, true to the plan, and honest about its sources."""

from pathlib import Path

import pytest

from dress_rehearsal.plans import read_plan
from dress_rehearsal.plans.behaviour import PARAMETERS, behaviour_of
from dress_rehearsal.plans.sections.students import NO_HABITS, Students


def rows(*overrides):
    plan = read_plan(Path("festival"), overrides)
    return {row.key.removeprefix("students."): row for row in behaviour_of(plan)}


def test_every_parameter_is_listed_once():
    keys = [parameter.key for parameter in PARAMETERS]
    assert sorted(keys) == sorted(set(Students.model_fields) - NO_HABITS)


def test_the_values_are_those_of_the_plan():
    found = rows("students.late=35%", "students.timeout=4s")
    assert (found["late"].value, found["timeout"].value) == ("35%", "4s")
    assert found["attempts"].value == "20"


@pytest.mark.parametrize(
    "key", ["bots", "bot_pause", "slot_size", "slot_every", "last_poll", "late_tail"]
)
def test_what_makes_no_difference_is_off(key):
    assert rows()[key].value == "off"
    assert not rows()[key].is_on


def test_what_was_never_counted_is_assumed():
    found = rows("students.bots=5%", "students.refreshers=30%")
    for key in ("late", "retry", "patience", "bots", "refreshers", "login_before"):
        assert found[key].basis == "assumed", key


@pytest.mark.parametrize(
    ("overrides", "key", "basis"),
    [
        (["students.wrong_clocks=5%"], "clock_error", "measured"),
        (["students.wrong_clocks=5%", "students.clock_error=4s"], "clock_error", "assumed"),
        (["students.clock_error=1s"], "clock_error", "assumed"),
        (["students.countdown_poll=1s"], "countdown_poll", "measured"),
        (["students.countdown_poll=20s"], "countdown_poll", "assumed"),
    ],
)
def test_a_value_is_measured_only_within_what_was_measured(overrides, key, basis):
    assert rows(*overrides)[key].basis == basis


def test_what_the_plan_says_was_measured_is():
    found = rows('students.measured={late="access log of 2025"}')["late"]
    assert (found.basis, found.source) == ("measured", "the plan: access log of 2025")
