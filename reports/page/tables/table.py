"""A table of the page: plain rows of words, each cell saying whether it is well."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from dress_rehearsal.records.steps import ENTRANCE, JOIN, QUEUE, STREAM
from dress_rehearsal.reports.words import EMPTY, NOT_MEASURED, cell, percent

SOME_RUSHES: Final = frozenset({JOIN, QUEUE, STREAM, ENTRANCE})
"""What steps of the waiting room and the entrance are for, which not every plan has."""


class Cell(NamedTuple):
    """A cell's words; `tone` (ok, found, open) colours them, beside what they say.

    `href` is where they lead, escaped as a URL is. `sort` is the number that the words stand for,
    by which their column is sorted, where it could not be read out of them.
    """

    text: str
    tone: str = ""
    href: str = ""
    sort: float | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the page.

    Attributes:
        columns: heading and kind (`text`, `number`, `meaning`) of each; the first names the row.
        foot: a last row that sums up, or nothing.
    """

    name: str
    caption: str
    columns: Sequence[tuple[str, str]]
    rows: Sequence[Sequence[Cell]]
    foot: Sequence[Cell] = ()


def row(*cells: str | Cell) -> tuple[Cell, ...]:
    """Return a row; a cell that is only words has no colour."""
    return tuple(each if isinstance(each, Cell) else Cell(each) for each in cells)


def bad_count(number: int | None) -> Cell:
    """Return how often something happened that should not."""
    return Cell(cell(number), "found" if number else "")


def state_cell(wrong: float | None, words: str = "found") -> Cell:
    """Return whether something is wrong, in words that say so; None: it was not measured."""
    if wrong is None:
        return Cell(NOT_MEASURED, "open")
    return Cell(words, "found") if wrong else Cell("ok", "ok")


def share_of(part: int, whole: int) -> str:
    """Return a share of the whole, nothing where there is no whole."""
    return percent(part, whole) if whole else EMPTY
