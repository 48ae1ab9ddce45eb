"""A table of somebody else's as it was read: the names of its columns, and its rows as they are."""

import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

MOST_ROWS: Final = 1_000_000
"""A ledger of a rehearsal has fewer rows; more of them are not kept in memory here."""
MOST_BYTES: Final = 256 * 2**20
"""Of a CSV file or an answer."""

_SHOWN_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,40}")
_MOST_NAMES: Final = 12


class LedgerUnreadableError(Exception):
    """A ledger cannot be read; as text the end of a sentence that shows nothing secret."""


class Table(NamedTuple):
    """What a ledger holds; `names` is None where there is no row that could tell them."""

    names: Sequence[str] | None
    rows: Sequence[Sequence[Any]]


def check_number(rows: int) -> None:
    """Check that there are not too many rows.

    Raises:
        LedgerUnreadableError: there are.
    """
    if rows > MOST_ROWS:
        raise LedgerUnreadableError(
            f"it has more than {MOST_ROWS:,} rows: have it name those of this sale only"
        )


def shown_names(names: Sequence[str]) -> str:
    """Return the names of columns as a sentence lists them."""
    shown = [name if _SHOWN_NAME.fullmatch(name) else "…" for name in names[:_MOST_NAMES]]
    more = len(names) - len(shown)
    return ", ".join([*shown, f"{more} more"] if more > 0 else shown) or "none"
