"""The roster: who may act, with the PIN each one logs in with, read from and written to CSV."""

import csv
import os
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dress_rehearsal.plans.errors import PlanError
from dress_rehearsal.plans.plan import Plan

HEADER: Final = ("student", "pin", "enrolled")


@dataclass(frozen=True, slots=True)
class Person:
    """One row of the roster; its position is the student index used in every table."""

    student: str
    pin: str
    enrolled: bool


def seeded_roster(enrolled: int, outsiders: int, seed: int) -> list[Person]:
    """Return `enrolled + outsiders` people, the enrolled first; the same for the same seed."""
    rng = random.Random(f"roster:{seed}")
    numbers = rng.sample(range(1_000_000, 10_000_000), enrolled + outsiders)
    return [
        Person(f"S{number}", f"{rng.randrange(1_000_000):06d}", position < enrolled)
        for position, number in enumerate(numbers)
    ]


def seeded_people(plan: Plan) -> list[Person]:
    """Return the plan's students: those on the roster first, then the outsiders."""
    return seeded_roster(plan.event.students - plan.outsiders, plan.outsiders, plan.seed)


def write_roster(path: Path, people: Sequence[Person]) -> None:
    """Write the roster, readable by its owner only: it holds PINs.

    Raises:
        OSError: it cannot be written.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(HEADER)
        rows.writerows((p.student, p.pin, "1" if p.enrolled else "0") for p in people)


def read_roster(path: Path) -> list[Person]:
    """Return the people of a roster written by `write_roster` or by hand, in its order.

    Raises:
        PlanError: the file is missing, or a row is not `student,pin,enrolled` with 1 or 0.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))
    except (OSError, UnicodeDecodeError) as error:
        raise PlanError(f"The roster {path} cannot be read: {error}.") from error
    if not rows or tuple(rows[0]) != HEADER:
        raise PlanError(f"The roster {path} must begin with the line `{','.join(HEADER)}`.")
    people = []
    for line, row in enumerate(rows[1:], start=2):
        if len(row) != 3 or row[2] not in ("0", "1"):
            raise PlanError(
                f"The roster {path}, line {line}, must hold student, pin and 1 or 0 for enrolled."
            )
        people.append(Person(row[0], row[1], row[2] == "1"))
    return people
