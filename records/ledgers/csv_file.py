"""A ledger that is a CSV file with a head."""

import csv
import io
from pathlib import Path

from dress_rehearsal.plans.errors import PlanError
from dress_rehearsal.plans.files import read_bytes
from dress_rehearsal.records.ledgers.table import (
    MOST_BYTES,
    LedgerUnreadableError,
    Table,
    check_number,
)


def read_csv(path: str) -> Table:
    """Return what a file holds.

    Raises:
        LedgerUnreadableError: it is not there, is no CSV in UTF-8, or too large.
    """
    try:
        content = read_bytes(Path(path), "the file", MOST_BYTES)
    except PlanError as error:
        raise LedgerUnreadableError(str(error).rstrip(".")) from error
    try:
        text = content.decode("utf-8-sig")
        lines = csv.reader(io.StringIO(text, newline=""), strict=True)
        head = next(lines, None)
        if head is None:
            raise LedgerUnreadableError("the file is empty: its first line has to name its columns")
        rows: list[list[str]] = []
        for row in lines:
            if not row:
                continue
            if len(row) != len(head):
                raise LedgerUnreadableError(
                    f"its line {lines.line_num:,} has {len(row)} fields and the head {len(head)}"
                )
            rows.append(row)
            check_number(len(rows))
    except UnicodeDecodeError as error:
        raise LedgerUnreadableError("the file is no UTF-8") from error
    except csv.Error as error:
        raise LedgerUnreadableError(f"the file is no CSV: {error}") from error
    return Table([name.strip() for name in head], rows)
