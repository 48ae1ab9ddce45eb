"""How a comparison is told on the terminal: what came of it, and its two tables."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.markup import escape

from dress_rehearsal.rehearsal.terminal.screen import near
from dress_rehearsal.rehearsal.terminal.sheet import Sheet
from dress_rehearsal.reports.comparison import Comparison, headline, number_table, overview
from dress_rehearsal.reports.comparison.tables import (
    SIDE_COLUMNS,
    number_columns,
    number_rows,
    side_rows,
)
from dress_rehearsal.reports.comparison.words import origin_words
from dress_rehearsal.reports.markdown import plain
from dress_rehearsal.reports.words import EMPTY

_COLOURS: Final = {"no_worse": "green", "worse": "red", "undecided": "yellow"}


def print_comparison(console: Console, comparison: Comparison, folder: Path) -> None:
    """Print which side is worse and why, the sides and the numbers beside each other.

    On a terminal too narrow for a table there are lines instead.

    Args:
        folder: where the rest of it is.
    """
    sheet = Sheet(console)
    sheet.line(headline(comparison), style=f"bold {_COLOURS[comparison.outcome]}")
    for sentence in (*comparison.reasons, *comparison.notes):
        sheet.line(sentence, indent=2)
    sheet.line()
    for side in comparison.sides:
        sheet.line(f"{origin_words(side)}.")
    _print_table(console, overview(comparison), SIDE_COLUMNS, side_rows(comparison))
    columns = number_columns(comparison)
    _print_table(console, number_table(comparison), columns, number_rows(comparison))
    console.print(f"\nComparison: {escape(near(folder / 'comparison.html'))}", soft_wrap=True)


def _print_table(
    console: Console, table: str, columns: Sequence[str], rows: Iterable[Sequence[str]]
) -> None:
    """Print a table; on a terminal that it does not fit, its rows below each other.

    Args:
        table: the whole of it in Markdown; `columns` and `rows` are what it is made of.
    """
    shown = plain(table)
    widest = max(map(len, shown.splitlines()))
    if not console.file.isatty() or widest <= console.width:
        console.print(f"\n{shown}", markup=False, soft_wrap=True)
        return
    sheet = Sheet(console)
    sheet.line()
    for name, *cells in rows:
        sheet.line(name, style="bold")
        told = zip(columns[1:], cells, strict=True)
        sheet.line("; ".join(f"{head}: {cell}" for head, cell in told if cell != EMPTY), indent=2)
