"""How a comparison is told on the terminal: what came of it, and its two tables."""

from pathlib import Path
from typing import Final

from rich.console import Console
from rich.markup import escape

from dress_rehearsal.rehearsal.terminal.screen import near
from dress_rehearsal.reports.comparison import Comparison, headline, number_table, overview

_COLOURS: Final = {"no_worse": "green", "worse": "red", "undecided": "yellow"}


def print_comparison(console: Console, comparison: Comparison, folder: Path) -> None:
    """Print which side is worse and why, the sides and the numbers beside each other.

    Args:
        folder: where the rest of it is.
    """
    console.print(f"[bold {_COLOURS[comparison.outcome]}]{escape(headline(comparison))}[/]")
    for sentence in (*comparison.reasons, *comparison.notes):
        console.print(f"  {escape(sentence)}", soft_wrap=True)
    for table in (overview(comparison), number_table(comparison)):
        console.print(f"\n{table}", markup=False, soft_wrap=True)
    console.print(f"\nComparison: {escape(near(folder / 'comparison.html'))}", soft_wrap=True)
