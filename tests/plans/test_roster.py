"""The roster: the same people for the same seed, readable by its owner only."""

import copy
import stat
from pathlib import Path

import pytest

from dress_rehearsal.plans import (
    Person,
    PlanError,
    read_plan,
    read_roster,
    seeded_people,
    seeded_roster,
    write_roster,
)
from dress_rehearsal.plans.read import check_plan


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


def test_nobody_drawn_for_somebody_elses_app_is_an_outsider():
    target = {"stage": "external", "url": "http://127.0.0.1:1"}
    plan = check_plan({"name": "a", "scenario": {"file": "a.py"}, "target": target}, "a.toml")
    people = seeded_people(plan)
    assert len(people) == plan.event.students
    assert all(person.enrolled for person in people)


def test_a_roster_survives_writing_and_nobody_else_can_read_it(tmp_path):
    people, path = seeded_roster(20, 2, 1), tmp_path / "roster.csv"
    write_roster(path, people)
    assert read_roster(path) == people
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


PEOPLE = [Person("S1", "0042", True), Person("S2", "1234", False)]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"student,pin,enrolled\nS1,0042,1\nS2,1234,0\n", id="as it is written"),
        pytest.param(b"\xef\xbb\xbfstudent,pin,enrolled\nS1,0042,1\nS2,1234,0\n", id="BOM"),
        pytest.param(b"student,pin,enrolled\r\nS1,0042,1\r\nS2,1234,0\r\n", id="CRLF"),
        pytest.param(b"student,pin,enrolled\rS1,0042,1\rS2,1234,0", id="CR"),
        pytest.param(b"\nstudent,pin,enrolled\n\nS1,0042,1\nS2,1234,0\n\n,,\n\n", id="blank lines"),
        pytest.param(b"enrolled,student,pin\n1,S1,0042\n0,S2,1234\n", id="another order"),
        pytest.param(b'student,pin,enrolled\n"S1","0042","1"\n"S2","1234","0"\n', id="quoted"),
        pytest.param(b"student;pin;enrolled\nS1;0042;1\nS2;1234;0\n", id="semicolons"),
        pytest.param(b"sep=;\r\nstudent;pin;enrolled\r\nS1;0042;1\r\nS2;1234;0\r\n", id="told"),
        pytest.param(b"student\tpin\tenrolled\nS1\t0042\t1\nS2\t1234\t0\n", id="tabs"),
        pytest.param(
            b" Student , PIN, Enrolled\n S1, 0042, TRUE\nS2 ,1234,no\n", id="spaces, case"
        ),
        pytest.param(
            b'name,student,pin,mail,enrolled\n"Doe, J",S1,0042,a@b,yes\n,S2,1234,,false\n',
            id="further columns",
        ),
        pytest.param(
            "student\tpin\tenrolled\r\nS1\t0042\t1\r\nS2\t1234\t0\r\n".encode("utf-16"), id="UTF-16"
        ),
    ],
)
def test_a_roster_is_read_as_spreadsheets_write_it(tmp_path, content):
    path = tmp_path / "roster.csv"
    path.write_bytes(content)
    assert read_roster(path) == PEOPLE


SECRET = "S4711SECRET"


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ("S1,1\n", "line 2: more or fewer cells than"),
        ("S1,1,1,1\n", "line 2: more or fewer cells than"),
        (f"S1,{SECRET},maybe\n", "line 2: enrolled must be 1 or 0, true or false, yes or no"),
        (f"{SECRET},1,1\nS2,1,1\n{SECRET},1,0\n", "line 4: a student whom an earlier line names"),
        (f",{SECRET},1\nS1,1,1\n ,1,1\n", "lines 2, 4: no student number"),
        (f"{SECRET},,1\n", "line 2: no PIN"),
        (f"{SECRET * 20},1,1\n", "more than 100 characters"),
        (f"{SECRET}\x1b[31m,1,1\n", "line 2: a control character"),
        (f'"{SECRET}\n{SECRET}",1,1\n', "line 2: a control character"),
        (f"{SECRET}\0,1,1\n", "control character|cannot be read"),
        (f'S1,1,1\n"{SECRET},1,1\n', "from line 3 on: a quotation mark is not closed"),
        ("x" * 140_000 + f"{SECRET},1,1\n", "far too long"),
        ("\n" * 3, "names no student"),
        ("".join(f"S{n},,1\n" for n in range(2000)), "9, 10, 11 and 1,990 more: no PIN"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_lines_and_without_what_they_hold(
    tmp_path, rows, sentence
):
    path = tmp_path / "roster.csv"
    path.write_text(f"student,pin,enrolled\n{rows}")
    with pytest.raises(PlanError, match=sentence) as caught:
        read_roster(path)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("header", "sentence"),
    [
        ("", "there is no column student"),
        (f"{SECRET},1234,1", "there is no column student"),
        ("student,pinn,enrolled", "there is no column pin"),
        ("student,pin", "there is no column enrolled"),
        ("student,pin,enrolled,PIN", "there are two columns pin"),
    ],
)
def test_the_columns_have_to_be_named(tmp_path, header, sentence):
    path = tmp_path / "roster.csv"
    path.write_text(f"{header}\nS1,1,1\n")
    with pytest.raises(PlanError, match=sentence) as caught:
        read_roster(path)
    assert SECRET not in str(caught.value)


def test_an_older_encoding_is_a_sentence_with_its_line(tmp_path):
    path = tmp_path / "roster.csv"
    path.write_bytes("student,pin,enrolled\nS1,1,1\nMüller,1,1\n".encode("latin-1"))
    with pytest.raises(
        PlanError, match='neither UTF-8 nor UTF-16, from line 3 on; save it as "CSV'
    ):
        read_roster(path)


def test_a_person_is_never_printed():
    assert "0042" not in repr(PEOPLE)


@pytest.mark.parametrize("name", ["none.csv", ".", "n" * 5000, "a\0b"])
def test_a_roster_that_is_not_there_is_a_sentence(tmp_path, name):
    with pytest.raises(PlanError, match="The roster"):
        read_roster(tmp_path / name)


def test_further_columns_are_the_scenarios(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("Email,student,pin,Seat No,enrolled\na@b.c,S1,1, 7 ,1\n,S2,2,,0\n")
    first, second = read_roster(path)
    assert (first["email"], first["EMAIL"], first.email, first["seat no"]) == (*["a@b.c"] * 3, "7")
    assert second.email == ""
    with pytest.raises(KeyError):
        first["phone"]
    with pytest.raises(AttributeError, match="the roster has no column phone"):
        _ = first.phone
    assert "a@b.c" not in repr(first)
    copied = copy.deepcopy(first)
    assert copied.email == "a@b.c"


def test_further_columns_survive_being_written(tmp_path):
    people = [Person("S1", "1", True, {"email": "a,b"}), Person("S2", "2", False, {"seat": "7"})]
    write_roster(tmp_path / "roster.csv", people)
    again = read_roster(tmp_path / "roster.csv")
    assert [person.further for person in again] == [
        {"email": "a,b", "seat": ""},
        {"email": "", "seat": "7"},
    ]
