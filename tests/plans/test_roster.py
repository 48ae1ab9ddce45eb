"""The roster: the same people for the same seed, readable by its owner only."""

import stat
from pathlib import Path

import pytest

from dress_rehearsal.plans import (
    PlanError,
    read_plan,
    read_roster,
    seeded_people,
    seeded_roster,
    write_roster,
)


def test_a_seed_always_draws_the_same_people():
    assert seeded_roster(50, 5, 1) == seeded_roster(50, 5, 1)
    assert seeded_roster(50, 5, 1) != seeded_roster(50, 5, 2)


def test_everybody_has_a_number_of_their_own_and_outsiders_come_last():
    people = seeded_roster(12_000, 600, 2026)
    assert len({person.student for person in people}) == 12_600
    assert [person.enrolled for person in people] == [True] * 12_000 + [False] * 600


def test_a_plan_s_people_are_its_students_with_its_share_of_outsiders():
    plan = read_plan(Path("festival"))
    people = seeded_people(plan)
    assert len(people) == 12_000
    assert sum(not person.enrolled for person in people) == plan.outsiders == 600


def test_a_roster_survives_writing_and_nobody_else_can_read_it(tmp_path):
    people, path = seeded_roster(20, 2, 1), tmp_path / "roster.csv"
    write_roster(path, people)
    assert read_roster(path) == people
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "must begin with the line `student,pin,enrolled`"),
        ("name,pin,enrolled\n", "must begin with"),
        ("student,pin,enrolled\nS1,1\n", "line 2, must hold student, pin"),
        ("student,pin,enrolled\nS1,1,yes\n", "line 2, must hold"),
    ],
)
def test_a_wrong_roster_is_a_sentence(tmp_path, text, sentence):
    path = tmp_path / "roster.csv"
    path.write_text(text)
    with pytest.raises(PlanError, match=sentence):
        read_roster(path)


def test_a_missing_roster_is_a_sentence(tmp_path):
    with pytest.raises(PlanError, match="cannot be read"):
        read_roster(tmp_path / "none.csv")
