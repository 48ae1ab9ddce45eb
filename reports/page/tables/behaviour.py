"""What the students did, by whose word, and how often they had to ask."""

from collections.abc import Mapping, Sequence
from typing import Final

from dress_rehearsal.reports.page.tables.table import Cell, Table, bad_count, row
from dress_rehearsal.reports.part import Habit, Tries
from dress_rehearsal.reports.words import written

_OFF: Final = "off"


def tries_table(tries: Mapping[str, Tries]) -> Table | None:
    """Return how often each step was asked for that a student wants once; None: nobody asked."""
    if not tries:
        return None
    rows = [
        row(
            step,
            written(own.students),
            written(own.requests),
            written(own.amplification),
            bad_count(own.after_errors),
            written(own.abandoned),
        )
        for step, own in tries.items()
    ]
    columns = (
        ("Step", "text"),
        ("Students", "number"),
        ("Requests sent", "number"),
        ("For each (amplification)", "number"),
        ("After an error", "number"),
        ("Abandoned", "number"),
    )
    return Table("tries", "How often students had to ask", columns, rows)


def behaviour_table(behaviour: Sequence[Habit]) -> Table | None:
    """Return the values of what the students did that made a difference; None: there are none."""
    rows = [
        row(
            habit.key,
            habit.value,
            Cell(habit.basis, "ok" if habit.basis == "measured" else "open"),
            habit.says,
            habit.source,
        )
        for habit in behaviour
        if habit.value != _OFF
    ]
    if not rows:
        return None
    columns = (
        ("In the plan", "text"),
        ("Value", "number"),
        ("", "text"),
        ("It is …", "meaning"),
        ("Source", "meaning"),
    )
    return Table("behaviour", "What the students did, and by whose word", columns, rows)


def others_off(behaviour: Sequence[Habit]) -> str:
    """Return which habits nobody had, in one line."""
    return ", ".join(
        habit.key.removeprefix("students.") for habit in behaviour if habit.value == _OFF
    )
