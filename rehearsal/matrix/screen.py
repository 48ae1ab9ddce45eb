"""The matrix' screen: the grid while it fills up, live or a line a cell, and what came of it."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from dress_rehearsal.plans import Cell
from dress_rehearsal.rehearsal.matrix.judgement import Judgement
from dress_rehearsal.rehearsal.terminal.screen import LiveView, near
from dress_rehearsal.reports.words import counted, seconds

_MARKS: Final = {
    "waiting": ("·", "bright_black"),
    "begun": ("…", "cyan"),
    "expected": ("✓", "green"),
    "undecided": ("?", "yellow"),
    "differs": ("✗", "bold red"),
    "broken": ("!", "bold red"),
}
_NAMES_FROM_WIDTH: Final = 120


class Grid(LiveView):
    """Strategies across, faults down, a mark a cell; lines instead where there is no terminal."""

    def __init__(self, console: Console, cells: Sequence[Cell]) -> None:
        super().__init__(console, transient=True)  # the whole grid is printed in the end
        self._marks: dict[tuple[str, str], str] = {
            (cell.fault, cell.strategy): "waiting" for cell in cells
        }
        self._faults = list(dict.fromkeys(cell.fault for cell in cells))
        self._strategies = list(dict.fromkeys(cell.strategy for cell in cells))
        self._judged = 0
        self._begun_s = time.monotonic()

    def begun(self, cell: Cell) -> None:
        """Mark a cell as under way."""
        self._marks[cell.fault, cell.strategy] = "begun"

    def judged(self, judgement: Judgement) -> None:
        """Mark what came of a cell, and say so where it differs."""
        mark = _mark_of(judgement)
        self._marks[judgement.fault, judgement.strategy] = mark
        self._judged += 1
        if self._live is None or judgement.differs:
            done = f"[{self._judged}/{len(self._marks)}]"
            self.console.print(
                f"{done} {judgement.sentence.splitlines()[0]} {seconds(judgement.seconds)}",
                style=_MARKS[mark][1],
                markup=False,
                soft_wrap=True,
            )

    def postponed(self, judgement: Judgement) -> None:
        """Say of a cell what came of it, and that it is carried out once more, at the end."""
        self._marks[judgement.fault, judgement.strategy] = "waiting"
        self.console.print(
            f"{judgement.sentence.splitlines()[0]}; it is carried out again, alone, at the end",
            style="yellow",
            markup=False,
            soft_wrap=True,
        )

    def table(self) -> RenderableType:
        """Return the grid as it is now."""
        wide = self.console.width >= _NAMES_FROM_WIDTH
        table = Table(box=None, padding=(0, 1))
        table.add_column("", no_wrap=True)
        for number, strategy in enumerate(self._strategies, start=1):
            head = strategy.replace("_", "\n") if wide else str(number)
            table.add_column(head, justify="center", vertical="bottom")
        for fault in self._faults:
            marks = [self._mark(fault, strategy) for strategy in self._strategies]
            table.add_row(Text(fault), *marks)
        if wide:
            return table
        names = ", ".join(f"{n} {name}" for n, name in enumerate(self._strategies, start=1))
        return Group(table, Text(names, style="bright_black"))

    def _mark(self, fault: str, strategy: str) -> Text:
        if (fault, strategy) not in self._marks:
            return Text("")
        return Text(*_MARKS[self._marks[fault, strategy]])

    def _render(self) -> RenderableType:
        clock = seconds(round(time.monotonic() - self._begun_s))
        line = f"{self._judged} of {counted(len(self._marks), 'cell')}, {clock}"
        return Group(Text(line, style="bold"), self.table())


def _mark_of(judgement: Judgement) -> str:
    if judgement.error:
        return "broken"
    if judgement.differs:
        return "differs"
    return "undecided" if judgement.undecided else "expected"


def print_results(
    console: Console, grid: Grid, judgements: Sequence[Judgement], folder: Path, planned: int
) -> None:
    """Print the whole grid, every cell that differs or is undecided, and where to read on.

    Args:
        folder: the matrix's folder.
        planned: how many cells there were to be.
    """
    console.print(grid.table())
    where = escape(near(folder))
    for judgement in judgements:
        if judgement.differs or judgement.undecided:
            colour = _MARKS[_mark_of(judgement)][1]
            console.print(escape(judgement.sentence), style=colour, soft_wrap=True)
            if judgement.run is not None:
                console.print(f"  {where}/{escape(judgement.run)}", soft_wrap=True)
    colour = "green" if _fine(judgements, planned) else "red"
    words = summed_up(judgements, planned)
    console.print(f"[bold {colour}]{words}[/] See {where}", soft_wrap=True)


def summed_up(judgements: Sequence[Judgement], planned: int) -> str:
    """Return in a sentence what came of the matrix; nothing is claimed of cells never ended."""
    cells = counted(planned, "cell")
    if not judgements:
        return f"Not one of {cells} was judged: it ended before."
    differ = sum(judgement.differs for judgement in judgements)
    came = f"{differ} differ{'s' if differ == 1 else ''}" if differ else "all as expected"
    undecided = sum(bool(each.undecided) and not each.differs for each in judgements)
    if undecided:
        came += f"; of {undecided} it is undecided how fast, for others had the CPU"
    if len(judgements) == planned:
        return f"{planned} of {cells}, {came}."
    return f"{len(judgements)} of {cells} judged, {came}; it ended before the rest."


def _fine(judgements: Sequence[Judgement], planned: int) -> bool:
    return len(judgements) == planned and not any(each.differs for each in judgements)
