"""Show-up: how many of the invited come, and what contradicts it."""

from pathlib import Path

import pytest

from dress_rehearsal.plans import PlanError, plan_toml, read_plan


def festival(*overrides):
    return read_plan(Path("festival"), overrides)


def document(tmp_path, *lines):
    file = tmp_path / "plan.toml"
    file.write_text('name = "own"\n' + "\n".join(lines))
    return file


def test_four_in_five_of_the_invited_come_unless_the_plan_says_otherwise(tmp_path):
    invited = "event = { invited = 12000 }"
    assert read_plan(document(tmp_path, invited)).event.students == 9_600
    half = document(tmp_path, invited, 'students = { show_up = "50%" }')
    assert read_plan(half).event.students == 6_000


def test_a_resolved_plan_reads_as_the_same_one(tmp_path):
    plan = read_plan(document(tmp_path, "event = { invited = 1000 }"))
    file = tmp_path / "resolved.toml"
    file.write_text(plan_toml(plan))
    assert read_plan(file) == plan


def test_two_numbers_of_students_that_differ_are_refused(tmp_path):
    file = document(tmp_path, "event = { invited = 1000 }")
    with pytest.raises(PlanError, match=r"event\.students is what comes of .* \(800\)"):
        read_plan(file, ["event.students=500"])


def test_without_the_invited_the_students_are_who_acts():
    assert festival("students.show_up=10%").event.students == 12_000


def test_what_is_no_number_is_told_as_such(tmp_path):
    with pytest.raises(PlanError, match="invited"):
        read_plan(document(tmp_path, 'event = { invited = "many" }'))
    with pytest.raises(PlanError, match="show_up"):
        read_plan(document(tmp_path, "event = { invited = 10 }", 'students = { show_up = "most" }'))


def test_slots_that_begin_after_the_close_are_refused():
    with pytest.raises(PlanError, match=r"12 slots, the last of which begins T\+11m"):
        festival("students.slot_size=1000")


def test_only_habits_can_have_been_measured(tmp_path):
    fine = document(tmp_path, "[students.measured]", 'late = "access log of 2025"')
    assert read_plan(fine).students.measured == {"late": "access log of 2025"}
    with pytest.raises(PlanError, match="measured names no other key"):
        read_plan(document(tmp_path, "[students.measured]", 'lateness = "a log"'))


def test_more_than_everybody_is_refused():
    with pytest.raises(PlanError, match="double_clickers and bots together"):
        festival("students.bots=80%")
