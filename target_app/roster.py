"""The roster file: who has a campus login, with which PIN, and whether they may buy."""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from dress_rehearsal.target_app.errors import RosterError

HEADER = ["student", "pin", "enrolled"]


class Student(NamedTuple):
    """One row of the roster."""

    student: str
    pin: str
    enrolled: bool

    def __repr__(self) -> str:
        return "Student(…)"


def read_roster(path: Path | None) -> list[Student]:
    """Return the students in the order of the file.

    Raises `RosterError`, which names the line that is wrong and never what it says.
    """
    if path is None:
        raise RosterError("APP_ROSTER_FILE is not set; name the roster's CSV file.")
    try:
        with path.open(newline="", encoding="utf-8") as lines:
            return _read_rows(path, lines)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise RosterError(f"{path} cannot be read as CSV: {error}") from error


def _read_rows(path: Path, lines: Iterable[str]) -> list[Student]:
    rows = csv.reader(lines)
    if next(rows, None) != HEADER:
        raise RosterError(f"{path}: the first line must be {','.join(HEADER)}.")
    roster = []
    seen = set()
    for row in rows:
        where = f"{path}, line {rows.line_num}"
        if len(row) != len(HEADER):
            raise RosterError(f"{where}: expected {len(HEADER)} fields, found {len(row)}.")
        student, pin, enrolled = (field.strip() for field in row)
        if not student or not pin:
            raise RosterError(f"{where}: student and pin must not be empty.")
        if enrolled not in ("0", "1"):
            raise RosterError(f"{where}: enrolled must be 1 or 0.")
        if student in seen:
            raise RosterError(f"{where}: this student is listed twice; list each once.")
        seen.add(student)
        roster.append(Student(student, pin, enrolled == "1"))
    return roster
