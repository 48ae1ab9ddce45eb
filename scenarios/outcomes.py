"""What became of each student: the census, in columns that are written as the run goes."""

import time
from collections.abc import Mapping
from enum import IntEnum
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dress_rehearsal.records import RecordError, RunDirectory, tables
from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.scenarios.recorder import Writer
from dress_rehearsal.scenarios.timetable import Timetable

STUDENTS_FILE: Final = "students.parquet"
"""The file of a run that has a row a student."""


class StudentOutcome(IntEnum):
    """Where a student's story stands or ended: positions in `records.tables.STUDENT_OUTCOMES`.

    Of a student's devices that all end without a decision, the highest is the student's.
    """

    NEVER_STARTED = 0
    IN_FLIGHT = 1
    TICKET = 2
    SOLD_OUT = 3
    REFUSED = 4
    GAVE_UP = 5
    FAILED = 6
    UNKNOWN = 7


class Census:
    """One row a student (`records.tables.STUDENTS`), each in exactly one state at any time.

    Args:
        timetable: gives journeys and arrivals.
        t0_ns: when the sale opens, ns since the epoch.
    """

    def __init__(self, timetable: Timetable, t0_ns: int) -> None:
        n = len(timetable.journey)
        self._journey = timetable.journey
        self._enrolled = timetable.enrolled
        self._arrival_ns = t0_ns + (timetable.arrival_s * NS_PER_S).astype(np.int64)
        self.outcome = np.zeros(n, dtype=np.int16)
        self.counts = [n] + [0] * (len(StudentOutcome) - 1)
        """Students in each state now; always adds up to their number."""
        self.began_ns: list[int] = []
        """When each student who is no longer `never_started` began, ns since the epoch."""
        self._clicked_ns = np.full(n, -1, dtype=np.int64)
        self._acked_ns = np.full(n, -1, dtype=np.int64)
        self._issued_ns = np.full(n, -1, dtype=np.int64)
        self._attempts = np.zeros(n, dtype=np.int16)
        self._ticket: dict[int, str] = {}
        self._more: dict[int, tuple[str, ...]] = {}
        self._pending_ns = np.full(n, -1, dtype=np.int64)
        self._pending: dict[int, tuple[str, ...]] = {}
        self._open: dict[int, tuple[str, ...]] = {}
        self._writer = Writer()

    def became(self, student: int, outcome: StudentOutcome) -> None:
        """Move a student to another state; a ticket once held is never lost again."""
        before = int(self.outcome[student])
        if before in (outcome, StudentOutcome.TICKET):
            return
        if before == StudentOutcome.NEVER_STARTED:
            self.began_ns.append(time.time_ns())
        self.counts[before] -= 1
        self.counts[outcome] += 1
        self.outcome[student] = outcome

    def clicked(self, student: int, intended_ns: int) -> None:
        """Count a try to buy and keep the first one's intended time."""
        self._attempts[student] += 1
        if self._clicked_ns[student] == -1:
            self._clicked_ns[student] = intended_ns

    def acknowledged(self, student: int, ticket: str, at_ns: int) -> None:
        """Note the ticket the target says the student has; different ones are kept beside it."""
        if self._acked_ns[student] == -1:
            self._acked_ns[student] = at_ns
            self._ticket[student] = ticket
        elif self._ticket[student] != ticket:
            before = self._more.get(student, ())
            if ticket not in before:
                self._more[student] = (*before, ticket)
        self.became(student, StudentOutcome.TICKET)

    def issued(self, student: int, at_ns: int) -> None:
        """Note when the target first said that the ticket is issued."""
        if self._issued_ns[student] == -1:
            self._issued_ns[student] = at_ns

    def put_off(self, student: int, ticket: str, at_ns: int) -> None:
        """Note a ticket that the target says is being issued; it is open until it is `settled`."""
        if self._pending_ns[student] == -1:
            self._pending_ns[student] = at_ns
        for told in (self._pending, self._open):
            told[student] = tuple(dict.fromkeys((*told.get(student, ()), ticket)))

    def settled(self, student: int, ticket: str) -> None:
        """Note that a student who was put off for a ticket has got a yes or a no."""
        left = tuple(name for name in self._open.pop(student, ()) if name != ticket)
        if left:
            self._open[student] = left

    def write(self, run: RunDirectory, of: NDArray[np.int64] | None = None) -> RecordError | None:
        """Write `students.parquet` whole, in a native thread; return what went wrong, if so.

        Args:
            of: only these students; None: everybody.
        """
        return self._writer.do(lambda: run.write_table(STUDENTS_FILE, self.table(of)))

    def table(self, of: NDArray[np.int64] | None = None) -> pa.Table:
        """Return the students as they are now, as `records.tables.STUDENTS`.

        Args:
            of: only these; None: everybody.
        """
        of = np.arange(len(self.outcome)) if of is None else of

        def word(codes: NDArray[Any], words: tuple[str, ...]) -> pa.DictionaryArray:
            return pa.DictionaryArray.from_arrays(
                pa.array(codes[of].astype(np.int16)), pa.array(list(words))
            )

        def time(values: NDArray[np.int64]) -> pa.Array:
            chosen = values[of]
            return pa.array(chosen, mask=chosen == -1)

        def told(about: Mapping[int, object], column: str) -> pa.Array:
            """Return a column of what few or many students were told; null for the rest."""
            kind, known = tables.STUDENTS.field(column).type, dict(about)  # in one go: it may grow
            if not known:
                return pa.nulls(len(of), kind)
            return pa.array([known.get(student) for student in of.tolist()], kind)

        return pa.Table.from_arrays(
            [
                pa.array(of.astype(np.int32)),
                word(self._journey, tables.JOURNEYS),
                pa.array(self._enrolled[of]),
                pa.array(self._arrival_ns[of]),
                time(self._clicked_ns),
                word(self.outcome, tables.STUDENT_OUTCOMES),
                told(self._ticket, "ticket"),
                time(self._acked_ns),
                time(self._issued_ns),
                pa.array(self._attempts[of]),
                told(self._more, "more_tickets"),
                time(self._pending_ns),
                told(self._pending, "pending_tickets"),
                told(self._open, "open_tickets"),
            ],
            schema=tables.STUDENTS,
        )
