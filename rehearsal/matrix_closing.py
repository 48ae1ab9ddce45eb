"""The closing words of a matrix run: the whole grid, what differs, and where to read on."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from rehearsal.grid import Grid
from rehearsal.judgement import Judgement
from rehearsal.screen import near


def closing(
    console: Console, grid: Grid, judgements: Sequence[Judgement], folder: Path, planned: int
) -> None:
    """Print the whole grid, every cell that differs, and where to read on."""
    console.print(grid.table())
    where = escape(near(folder))
    for judgement in judgements:
        if judgement.differs:
            console.print(escape(judgement.sentence), style="red", soft_wrap=True)
            if judgement.run is not None:
                console.print(f"  {where}/{escape(judgement.run)}", soft_wrap=True)
    colour = "green" if _fine(judgements, planned) else "red"
    words = summed_up(judgements, planned)
    console.print(f"[bold {colour}]{words}[/] See {where}", soft_wrap=True)


def summed_up(judgements: Sequence[Judgement], planned: int) -> str:
    """Say in a sentence what came of the matrix, claiming nothing of cells that never ended."""
    cells = "cell" if planned == 1 else "cells"
    if not judgements:
        return f"Not one of {planned} {cells} was judged: it ended before."
    differ = sum(judgement.differs for judgement in judgements)
    came = f"{differ} differ{'s' if differ == 1 else ''}" if differ else "all as expected"
    if len(judgements) == planned:
        return f"{planned} of {planned} {cells}, {came}."
    return f"{len(judgements)} of {planned} {cells} judged, {came}; it ended before the rest."


def _fine(judgements: Sequence[Judgement], planned: int) -> bool:
    return len(judgements) == planned and not any(each.differs for each in judgements)
