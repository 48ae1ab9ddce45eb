"""Whatever a roster's file holds: people, or a sentence that shows none of it."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dress_rehearsal.plans import PlanError, read_roster, seeded_roster, write_roster
from tests.properties.budget import try_out
from tests.properties.usage import SECRET, told

__all__ = ["told"]

_ENCODINGS = ["utf-8", "utf-8-sig", "utf-16"]
_HEADS = ["student,pin,enrolled", "PIN;Student;mail;Enrolled", " student\tpin\tenrolled ", ""]


def _check(told, content):
    told("plan", "check", "smoke", "--roster", "roster.txt", "--students", "1", roster=content)


@pytest.mark.slow
def test_any_bytes(told):
    @given(st.sampled_from([b"", b"student,pin,enrolled\n"]), st.binary(max_size=300))
    def any_bytes(head, content):
        _check(told, head + content)

    try_out(any_bytes)


@pytest.mark.slow
def test_any_rows(told):
    cell = st.text(max_size=12) | st.sampled_from([SECRET, f'"{SECRET}', "1", "0", "", "yes", "S1"])
    cell = cell.filter(lambda text: text.isascii() or text.isprintable())
    row = st.lists(cell, max_size=5)
    end = st.sampled_from(["\n", "\r\n", "\r", "\n\n"])

    @given(
        st.sampled_from(_HEADS),
        st.lists(row, max_size=6),
        st.sampled_from(",;\t"),
        end,
        st.sampled_from([*_ENCODINGS, "latin-1"]),
    )
    def any_rows(head, rows, separator, line_end, encoding):
        text = line_end.join([head, *(separator.join(row) for row in rows)])
        _check(told, text.encode(encoding, "replace"))

    try_out(any_rows)


@pytest.mark.slow
def test_every_way_to_write_the_same_people_reads_them(tmp_path: Path):
    columns = st.permutations(["student", "pin", "enrolled", "mail", "name"])
    words = st.sampled_from([("1", "0"), ("true", "FALSE"), ("Yes", "no")])

    @given(
        columns,
        words,
        st.sampled_from(",;\t"),
        st.sampled_from(_ENCODINGS),
        st.sampled_from(["\n", "\r\n", "\r"]),
        st.booleans(),
        st.integers(1, 30),
        st.integers(0, 3),
    )
    def any_way(order, enrolled, separator, encoding, line_end, quoted, many, blanks):
        people = seeded_roster(many, many // 3, 1)
        text = io.StringIO()
        rows = csv.writer(
            text,
            delimiter=separator,
            lineterminator=line_end,
            quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL,
        )
        rows.writerow([name.title() for name in order])
        for person in people:
            cells = {
                "student": person.student,
                "pin": f" {person.pin} ",
                "enrolled": enrolled[0] if person.enrolled else enrolled[1],
                "name": 'Müller; "Jo", A',
                "mail": "",
            }
            rows.writerow([cells[name] for name in order])
        path = tmp_path / "roster.csv"
        path.write_bytes((text.getvalue() + line_end * blanks).encode(encoding))
        assert read_roster(path) == people

    try_out(any_way)


def test_a_student_that_is_named_twice_is_found_wherever(tmp_path: Path):
    path = tmp_path / "roster.csv"

    @given(st.integers(2, 40), st.data())
    def any_two(many, data):
        one = data.draw(st.integers(0, many - 2))
        other = data.draw(st.integers(one + 1, many - 1))
        people = seeded_roster(many, 0, 1)
        people[other] = people[one]
        write_roster(path, people)
        try:
            read_roster(path)
        except PlanError as error:
            assert f"line {other + 2}: a student whom an earlier line names too" in str(error)
        else:
            raise AssertionError("it was read")

    try_out(any_two)
