"""What is new in a ledger: the rows of this run, told from those that were there before.

Two rows are the same where ticket, student and time are. By its number alone a ticket is not known
again: a shop that is reset often starts to number anew.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from dress_rehearsal.plans.visible import visible_line
from dress_rehearsal.records.ledgers.columns import Reading, Row
from dress_rehearsal.records.ledgers.table import LedgerUnreadableError
from dress_rehearsal.records.tables import NS_PER_S

_FAR_NS: Final = 600 * NS_PER_S
"""No clock of a target is off by so much, nor does granting take so long: the time is another's."""
_LONGEST: Final = 40
_ALL_KNOWN: Final = ("ticket", "student", "number", "granted")


@dataclass(frozen=True, slots=True)
class New:
    """What a ledger holds that it did not before.

    Attributes:
        columns: what is known of each row.
        rows: none where there is only a count.
        count: how many tickets.
        before: how many were there before.
        held: positions on the roster of who held one before.
        gone: how many of those from before are gone, or another's, while others are still there.
    """

    columns: tuple[str, ...]
    rows: Sequence[tuple[Row, int | None]]
    """Each with its student's position on the roster, -1 for somebody who is not on it, None
    where no student is known."""
    count: int
    before: int
    held: frozenset[int]
    gone: int = 0


class People:
    """Who the students of a ledger are: positions on the roster."""

    def __init__(self, students: Sequence[str]) -> None:
        self._exact = {student: position for position, student in enumerate(students)}
        folded = Counter(map(_folded, students))
        self._folded = {
            _folded(student): position
            for student, position in self._exact.items()
            if folded[_folded(student)] == 1
        }

    def position(self, student: str) -> int:
        """Return where somebody is on the roster, -1: not at all.

        Capitals make no difference where they tell nobody apart: shops write addresses small. Nor
        do spaces around it, with which a column of fixed width is filled up.
        """
        found = self._exact.get(student)
        return self._folded.get(_folded(student), -1) if found is None else found


def new_since(before: Reading, after: Reading, people: People) -> New:
    """Return what came into a ledger between two readings.

    Raises:
        LedgerUnreadableError: that cannot be told, or the new rows are not as they have to be.
    """
    if after.columns == ("count",) or before.columns == ("count",):
        if after.count < before.count or (before.columns and before.columns != after.columns):
            raise LedgerUnreadableError(
                f"it counted {before.count:,} before the rush and {after.count:,} after it, so "
                f"nobody can tell what is new: have it count this sale only, or reset it before"
            )
        return New(("count",), (), after.count - before.count, before.count, frozenset())
    there = Counter(_key(row) for row in before.rows)
    fresh = []
    for row in after.rows:
        if there[_key(row)] > 0:
            there[_key(row)] -= 1
        else:
            fresh.append(row)
    fresh = _without_changed(fresh, before)
    columns = after.columns or before.columns or _ALL_KNOWN
    _check_whole(fresh, columns)
    _check_times(fresh, columns, before.at_ns, after.at_ns)
    owners = "student" in columns
    rows = [(row, people.position(row.student or "") if owners else None) for row in fresh]
    if rows and owners and all(position == -1 for _, position in rows):
        raise LedgerUnreadableError(
            f"none of its {len(rows):,} new rows names a student of the roster (the first names "
            f"{_excerpt(fresh[0].student)}): its column student has to hold what the roster's does"
        )
    held = frozenset(people.position(row.student) for row in before.rows if row.student) - {-1}
    gone = _gone(before.rows, after.rows)
    sold = sum(is_sold(row, before.columns) for row in before.rows)
    return New(columns, rows, len(rows), sold, held, gone)


def is_sold(row: Row, columns: Sequence[str]) -> bool:
    """Return whether somebody has what a row is about: a seat that is still free has no owner."""
    has_owner = row.student is not None or "student" not in columns
    return (
        row.ticket is not None
        and has_owner
        and (row.granted_ns is not None or "granted" not in columns)
    )


def _folded(student: str) -> str:
    return student.strip().casefold()


def _without_changed(fresh: Sequence[Row], before: Reading) -> list[Row]:
    """Return the rows that are new, without those from before that only have another student."""
    sold = {(row.ticket, row.granted_ns) for row in before.rows if row.student}
    return [
        row
        for row in fresh
        if row.granted_ns is None
        or row.granted_ns >= before.at_ns - _FAR_NS
        or (row.ticket, row.granted_ns) not in sold
    ]


def _gone(before: Sequence[Row], after: Sequence[Row]) -> int:
    """Return how many tickets somebody held before and does no more; none where all are gone.

    Then it was reset.
    """
    held = {(row.ticket, row.student) for row in before if row.student}
    missing = held - {(row.ticket, row.student) for row in after}
    return len(missing) if len(missing) < len(held) else 0


def _key(row: Row) -> tuple[str | None, str | None, int | None]:
    return row.ticket, row.student, row.granted_ns


def _check_whole(rows: Sequence[Row], columns: Sequence[str]) -> None:
    """Check that new rows have a value in each of the ledger's columns but `number`."""
    values: Mapping[str, Sequence[object]] = {
        "ticket": [row.ticket for row in rows],
        "student": [row.student for row in rows],
        "granted": [row.granted_ns for row in rows],
    }
    for column, each in values.items():
        empty = sum(value is None for value in each)
        if column in columns and empty:
            name = "its column of times" if column == "granted" else f"its column {column}"
            raise LedgerUnreadableError(
                f"{name} is empty in {empty:,} of {len(rows):,} new rows: leave out what nobody "
                f"holds, as with WHERE … IS NOT NULL"
            )


def _check_times(rows: Sequence[Row], columns: Sequence[str], since_ns: int, until_ns: int) -> None:
    """Check that no time lies far from the run, in another zone or unit than it is said."""
    if "granted" not in columns:
        return
    times = [row.granted_ns for row in rows if row.granted_ns is not None]
    far = [at_ns for at_ns in times if not since_ns - _FAR_NS <= at_ns <= until_ns + _FAR_NS]
    if not far:
        return
    early = far[0] < since_ns
    off_s = (since_ns - far[0] if early else far[0] - until_ns) / NS_PER_S
    raise LedgerUnreadableError(
        f"the times of {len(far):,} of its {len(rows):,} new rows are not of this run, the first "
        f"of them by {off_s / 3600:,.1f} h {'before' if early else 'after'} it: a time without a "
        f"zone is taken for UTC, and the column's name has to say its unit (granted_ns, "
        f"granted_ms, granted_s)"
    )


def _excerpt(text: str | None) -> str:
    return visible_line(repr((text or "")[:_LONGEST]))
