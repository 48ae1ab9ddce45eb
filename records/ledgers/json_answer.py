"""A ledger that answers over HTTP with JSON."""

import re
from collections.abc import Mapping
from typing import Any, Final

from dress_rehearsal.plans.errors import PlanError
from dress_rehearsal.plans.secrets import resolved
from dress_rehearsal.plans.sections.ledgers import COLUMNS, Ledger
from dress_rehearsal.records.http import NoAnswerError, ask, json_of
from dress_rehearsal.records.http.reach import Reach
from dress_rehearsal.records.ledgers.table import (
    MOST_BYTES,
    LedgerUnreadableError,
    Table,
    check_number,
)

_STEP: Final = re.compile(r"\.([A-Za-z_][\w-]*)|\[(\d+)\]")
_OK: Final = 200
_REDIRECTS: Final = range(300, 400)
_MISSING: Final = object()


def read_answer(ledger: Ledger, reach: Reach, timeout_s: float) -> Table:
    """Return the rows that a ledger's URL answers with.

    Raises:
        LedgerUnreadableError: there is no answer, or it has no such rows.
    """
    try:
        headers = {name: resolved(value) for name, value in ledger.headers.items()}
    except PlanError as error:
        raise LedgerUnreadableError(str(error).rstrip(".")) from error
    try:
        answer = ask(
            "GET",
            ledger.url or "",
            deadline_s=timeout_s,
            limit_bytes=MOST_BYTES,
            headers={"Accept": "application/json", **headers},
            reach=reach,
        )
    except NoAnswerError as error:
        raise LedgerUnreadableError(f"its URL gives no answer: {error}") from error
    if answer.status in _REDIRECTS:
        raise LedgerUnreadableError(
            f"its URL answered {answer.status}, a redirect, which is not followed: name the place "
            f"itself"
        )
    if answer.status != _OK:
        raise LedgerUnreadableError(f"its URL answered {answer.status}")
    try:
        document = json_of(answer.body)
    except ValueError as error:
        raise LedgerUnreadableError("its URL answered with what is no JSON") from error
    return _table(_at(document, ledger.rows or "$"), ledger.rows or "$", ledger.columns)


def _at(document: Any, path: str) -> Any:
    """Return what stands at a path such as `$.orders[0]`.

    Raises:
        LedgerUnreadableError: nothing does.
    """
    reached = "$"
    for step in _STEP.finditer(path):
        name, position = step.groups()
        inner: Any = _MISSING
        if name is not None and isinstance(document, dict):
            inner = document.get(name, _MISSING)
        elif position is not None and isinstance(document, list) and int(position) < len(document):
            inner = document[int(position)]
        if inner is _MISSING:
            raise LedgerUnreadableError(
                f"its answer has nothing at {reached}{step[0]}: {reached} is {_kind(document)}"
            )
        document, reached = inner, f"{reached}{step[0]}"
    return document


def _table(rows: Any, path: str, called: Mapping[str, str]) -> Table:
    if isinstance(rows, dict):  # one row, such as a count
        rows = [rows]
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        what = _kind(rows) if not isinstance(rows, list) else "a list of other things than objects"
        raise LedgerUnreadableError(f"its answer has at {path} {what}, not a list of objects")
    check_number(len(rows))
    if not rows:
        return Table(None, ())
    names = list(dict.fromkeys(name for row in rows for name in row))
    deeper = [
        field
        for column in COLUMNS
        if "." in (field := called.get(column, "")) and field not in names
    ]
    found = [field for field in deeper if any(_within(row, field) is not _MISSING for row in rows)]
    values = [
        [
            *(row.get(name) for name in names),
            *(None if (inner := _within(row, field)) is _MISSING else inner for field in found),
        ]
        for row in rows
    ]
    return Table([*names, *found], values)


def _within(row: Any, field: str) -> Any:
    """Return the value at a path of names, such as `customer.email`."""
    for name in field.split("."):
        if not isinstance(row, dict) or name not in row:
            return _MISSING
        row = row[name]
    return row


def _kind(value: Any) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return "null" if value is None else "a single value"
