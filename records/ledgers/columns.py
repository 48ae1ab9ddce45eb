"""The columns of a ledger: found by name, and their values understood, or said to be wrong."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NamedTuple
from uuid import UUID

from dress_rehearsal.plans.sections.ledgers import COLUMNS
from dress_rehearsal.plans.shown import looks_secret
from dress_rehearsal.plans.visible import visible_line
from dress_rehearsal.records.ledgers.table import LedgerUnreadableError, Table, shown_names

TIMES: Final[Mapping[str, int]] = {
    "granted_ns": 1,
    "granted_ms": 1_000_000,
    "granted_s": 1_000_000_000,
    "granted_at": 0,
}
"""The columns that a time may stand in, and the nanoseconds of their unit; `granted_at` is text."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBER: Final = re.compile(r"[+-]?\d{1,30}(\.\d{1,30})?([eE][+-]?\d{1,3})?")
_TEXT: Final = re.compile(rb"[!-~]{1,200}")
_LONGEST: Final = 30
_LARGEST: Final = 2**63 - 1
_LARGEST_NUMBER: Final = 2**31 - 1


class Row(NamedTuple):
    """A ticket as a ledger has it; None where a column is not there or holds nothing."""

    ticket: str | None
    student: str | None
    granted_ns: int | None
    number: int | None


@dataclass(frozen=True, slots=True)
class Reading:
    """What a ledger held at one moment.

    Attributes:
        columns: what is known of each row, of ticket, student, granted and number; only `count`
            where there is but a count. Empty where no row tells.
        count: how many tickets there are.
        at_ns: when it had been read (Unix ns).
        unused: names of columns that nothing is read from.
    """

    columns: tuple[str, ...]
    rows: Sequence[Row]
    count: int
    at_ns: int
    unused: tuple[str, ...] = ()


def understood(table: Table, called: Mapping[str, str], at_ns: int) -> Reading:
    """Return what a table says.

    Args:
        called: what columns are called there, where not by their own name.

    Raises:
        LedgerUnreadableError: a column is missing, or holds what it cannot hold.
    """
    if table.names is None:
        return Reading((), (), 0, at_ns)
    places = _places(table.names, called)
    if "ticket" not in places:
        return _counted(table, places, at_ns)
    time = next((name for name in TIMES if name in places), None)
    rows = []
    for number, values in enumerate(table.rows, start=1):

        def value(column: str, values: Sequence[Any] = values) -> Any:
            return values[places[column]] if column in places else None

        rows.append(
            Row(
                _word(value("ticket"), "ticket", number),
                _word(value("student"), "student", number),
                None if time is None else _time_ns(value(time), time, number),
                _number(value("number"), "number", number),
            )
        )
    known = ("ticket", *(name for name in ("student", "number") if name in places))
    columns = (*known, *(() if time is None else ("granted",)))
    used = {places[name] for name in places if name not in TIMES or name == time}
    unused = [name for place, name in enumerate(table.names) if place not in used]
    return Reading(columns, rows, len(rows), at_ns, tuple(unused))


def _places(names: Sequence[str], called: Mapping[str, str]) -> dict[str, int]:
    """Return where each known column stands; capitals do not matter (Oracle writes no others)."""
    there: dict[str, int] = {}
    for place, name in enumerate(names):
        there.setdefault(name.lower(), place)
    places: dict[str, int] = {}
    for column in COLUMNS:
        name = called.get(column, column)
        if name.lower() in there:
            places[column] = there[name.lower()]
        elif column in called:
            raise LedgerUnreadableError(
                f"there is no column {_excerpt(name)}, which the plan calls its {column}; there "
                f"are {shown_names(names)}"
            )
    return places


def _counted(table: Table, places: Mapping[str, int], at_ns: int) -> Reading:
    if "count" not in places:
        raise LedgerUnreadableError(
            f"there is no column ticket, and no count either; there are "
            f"{shown_names(table.names or ())}: name one of them so, in the query (SELECT … AS "
            f"ticket) or in the ledger's columns"
        )
    if len(table.rows) != 1:
        raise LedgerUnreadableError(f"a count is one row, and there are {len(table.rows):,}")
    count = _number(table.rows[0][places["count"]], "count", 1)
    if count is None or count < 0:
        raise LedgerUnreadableError("its count is empty or below 0")
    return Reading(("count",), (), count, at_ns)


def _word(value: Any, column: str, row: int) -> str | None:
    """Return a ticket's or a student's name as text."""
    if isinstance(value, bytes) and _TEXT.fullmatch(value):
        value = value.decode("ascii")  # of a column of bytes in which a text is kept
    if isinstance(value, str):
        return value or None
    if value is None:
        return None
    whole = isinstance(value, Decimal) and value == value.to_integral_value()
    if whole or (isinstance(value, (int, UUID)) and not isinstance(value, bool)):
        return str(int(value) if whole else value)
    hint = (
        "; have the query write it as the app's answers do, such as LOWER(HEX(id)) or, in "
        "PostgreSQL, encode(id, 'hex')"
        if isinstance(value, bytes)
        else ""
    )
    raise _wrong(column, row, value, f"a text or a whole number{hint}")


def _number(value: Any, column: str, row: int) -> int | None:
    number = _decimal(value)
    if value is None or value == "":
        return None
    if number is None or number != number.to_integral_value() or abs(number) > _LARGEST_NUMBER:
        raise _wrong(column, row, value, "a whole number")
    return int(number)


def _time_ns(value: Any, column: str, row: int) -> int | None:
    """Return a moment as ns since the Unix epoch."""
    if value is None or value == "":
        return None
    unit_ns = TIMES[column]
    if not unit_ns:
        moment = _moment(value)
        if moment is None:
            raise _wrong(column, row, value, "a time such as 2026-12-01T10:00:00.123+09:00")
        return (moment - _EPOCH) // timedelta(microseconds=1) * 1000
    number = _decimal(value)
    if number is None or abs(number) * unit_ns > _LARGEST:
        hint = " (a column of times is called granted_at)" if _moment(value) else ""
        raise _wrong(column, row, value, f"a number of {column[-2:].strip('_')}{hint}")
    return int(number * unit_ns)


def _moment(value: Any) -> datetime | None:
    """Return a time with its zone: UTC where it names none."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value


def _decimal(value: Any) -> Decimal | None:
    """Return a number exactly as it is written; None where it is none, or no finite one."""
    if isinstance(value, str) and not _NUMBER.fullmatch(value.strip()):
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal, str)):
        return None
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _wrong(column: str, row: int, value: Any, expected: str) -> LedgerUnreadableError:
    kind = {"str": "the text ", "bytes": "bytes", "datetime": "the time "}.get(
        type(value).__name__, ""
    )
    what = kind if isinstance(value, bytes) else f"{kind}{_excerpt(value)}"
    return LedgerUnreadableError(
        f"its column {column} is in row {row:,} {what}, which is not {expected}"
    )


def _excerpt(value: Any) -> str:
    text = str(value)
    if looks_secret(text):
        return "…"
    return visible_line(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…")
