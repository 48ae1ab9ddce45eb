"""The roster: who may act, with the PIN each one logs in with, read from and written to CSV."""

import codecs
import csv
import io
import os
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from dress_rehearsal.plans.errors import PlanError, PlanInvalidError
from dress_rehearsal.plans.files import named, read_bytes
from dress_rehearsal.plans.plan import Plan

HEADER: Final = ("student", "pin", "enrolled")

_ENROLLED: Final = {
    **dict.fromkeys(("1", "true", "yes"), True),
    **dict.fromkeys(("0", "false", "no"), False),
}
_SEPARATORS: Final = ",;\t"
_SEPARATOR_HINT: Final = re.compile(r"\s*sep=([,;\t])[ \t]*\r?\n", re.IGNORECASE)
"""The line by which a spreadsheet is told the separator."""
_MOST_BYTES: Final = 128 * 2**20
_LONGEST_CELL: Final = 100
_LONGEST_FURTHER: Final = 2_000
_MOST_LINES: Final = 10


@dataclass(frozen=True, slots=True)
class Person:
    """One row of the roster; its position is the student index used in every table.

    Further columns of the roster are there by their names, whatever their case, as
    `person["email"]` and, where the name is one of Python's, as `person.email`.
    """

    student: str = field(repr=False)
    pin: str = field(repr=False)
    enrolled: bool
    further: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)
    """The further columns, by their names in lower case."""

    def __getitem__(self, column: str) -> str:
        """Return what stands in a further column.

        Raises:
            KeyError: the roster has no such column.
        """
        return self.further[column.strip().casefold()]

    def __getattr__(self, column: str) -> str:
        """Return what stands in a further column, where there is no attribute of that name."""
        further: Mapping[str, str] = object.__getattribute__(self, "further")
        if column.casefold() not in further:
            raise AttributeError(f"the roster has no column {column}")
        return further[column.casefold()]


def seeded_roster(enrolled: int, outsiders: int, seed: int) -> list[Person]:
    """Return `enrolled + outsiders` people, the enrolled first; the same for the same seed."""
    rng = random.Random(f"roster:{seed}")
    numbers = rng.sample(range(1_000_000, 10_000_000), enrolled + outsiders)
    return [
        Person(f"S{number}", f"{rng.randrange(1_000_000):06d}", position < enrolled)
        for position, number in enumerate(numbers)
    ]


def seeded_people(plan: Plan) -> list[Person]:
    """Return the plan's students: those on the roster first, then the outsiders.

    An app of somebody else's knows nothing of people that were drawn here, so nobody of them is an
    outsider whom it would have to refuse.
    """
    outsiders = plan.outsiders if plan.bundled else 0
    return seeded_roster(plan.event.students - outsiders, outsiders, plan.seed)


def write_roster(path: Path, people: Sequence[Person]) -> None:
    """Write the roster, readable by its owner only: it holds PINs.

    Raises:
        OSError: it cannot be written.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", newline="", encoding="utf-8") as file:
        further = list(dict.fromkeys(column for person in people for column in person.further))
        rows = csv.writer(file)
        rows.writerow((*HEADER, *further))
        rows.writerows(
            (
                *(person.student, person.pin, "1" if person.enrolled else "0"),
                *(person.further.get(column, "") for column in further),
            )
            for person in people
        )


def read_roster(path: Path) -> list[Person]:
    """Return the people of a roster written by `write_roster` or exported from a spreadsheet.

    A line names the columns, in any order and in any case; others than these three are the
    scenario's to read (see `Person`).
    Cells are separated by commas, semicolons or tabs, the text is UTF-8 or UTF-16 with or without
    its mark, lines end in any way, and lines that hold nothing are left out. Whether somebody is
    enrolled is written as 1 or 0, true or false, yes or no.

    Raises:
        PlanInvalidError: rows cannot be used; each kind of problem with the numbers of its lines,
            never with what they hold.
        PlanError: the file cannot be read, or does not name its columns.
    """
    text = _decoded(read_bytes(path, "The roster", _MOST_BYTES), path)
    rows = _rows(text, path)
    columns = next(rows, _Row(0, [])).cells
    names = [name.strip().casefold() for name in columns]
    places = _places(names, path)
    further = {name: place for place, name in enumerate(names) if name and name not in HEADER}
    problems: dict[str, list[int]] = {}
    people: list[Person] = []
    seen: set[str] = set()
    for line, cells in rows:
        wrong: str | None = None
        if len(cells) > len(columns) or len(cells) <= max(places):
            wrong = "more or fewer cells than the line that names the columns"
        else:
            student, pin, enrolled = (cells[place].strip() for place in places)
            wrong = _wrong(student, pin, enrolled)
            if wrong is None and max(map(len, cells)) > _LONGEST_FURTHER:
                wrong = f"more than {_LONGEST_FURTHER:,} characters in a cell"
            if wrong is None and student in seen:
                wrong = "a student whom an earlier line names too"
            if wrong is None:
                seen.add(student)
                more = {name: cells[at].strip() for name, at in further.items() if at < len(cells)}
                people.append(Person(student, pin, _ENROLLED[enrolled.casefold()], more))
                continue
        problems.setdefault(wrong, []).append(line)
    if problems:
        raise PlanInvalidError(
            [f"The roster {named(path)}, {_listed(at)}: {what}." for what, at in problems.items()]
        )
    if not people:
        raise PlanError(f"The roster {named(path)} names no student.")
    return people


class _Row(NamedTuple):
    line: int
    cells: list[str]


def _decoded(content: bytes, path: Path) -> str:
    utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return content.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        where = "" if utf16 else f", from line {line} on"
        raise PlanError(
            f"The roster {named(path)} cannot be read: it is neither UTF-8 nor UTF-16{where}; "
            f'save it as "CSV UTF-8".'
        ) from error


def _rows(text: str, path: Path) -> Iterator[_Row]:
    """Return every row that holds something, with the number of its first line."""
    hint = _SEPARATOR_HINT.match(text)
    first = text[hint.end() if hint else 0 :].lstrip("\r\n").partition("\n")[0]
    separator = hint[1] if hint else max(_SEPARATORS, key=first.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    line = 1
    while True:
        try:
            cells = next(rows, None)
        except csv.Error as error:
            raise PlanError(
                f"The roster {named(path)} cannot be read from line {line} on: a quotation mark is "
                f"not closed or stands inside a cell, or a cell is far too long."
            ) from error
        if cells is None:
            return
        if any(cell.strip() for cell in cells) and not (hint and line == 1):
            yield _Row(line, cells)
        line = rows.line_num + 1


def _places(columns: Sequence[str], path: Path) -> list[int]:
    """Return where student, PIN and enrolment stand in a row."""
    missing = [name for name in HEADER if name not in columns]
    twice = [name for name in HEADER if columns.count(name) > 1]
    if not missing and not twice:
        return [columns.index(name) for name in HEADER]
    wrong = f"is no column {missing[0]}" if missing else f"are two columns {twice[0]}"
    raise PlanError(
        f"The roster {named(path)} must begin with a line that names its columns, such as "
        f"`{','.join(HEADER)}`: there {wrong}."
    )


def _wrong(student: str, pin: str, enrolled: str) -> str | None:
    """Return what is wrong with a row, as words that follow its line; None: nothing."""
    if not student:
        return "no student number"
    if not pin:
        return "no PIN"
    if max(len(student), len(pin)) > _LONGEST_CELL:
        return f"a student number or PIN of more than {_LONGEST_CELL} characters"
    if not student.isprintable() or not pin.isprintable():
        return "a control character in the student number or PIN"
    if enrolled.casefold() not in _ENROLLED:
        return "enrolled must be 1 or 0, true or false, yes or no"
    return None


def _listed(lines: Sequence[int]) -> str:
    """Return lines as a sentence names them: the first ones, and how many more."""
    if len(lines) == 1:
        return f"line {lines[0]:,}"
    shown = ", ".join(f"{line:,}" for line in lines[:_MOST_LINES])
    more = len(lines) - _MOST_LINES
    return f"lines {shown}{f' and {more:,} more' if more > 0 else ''}"
