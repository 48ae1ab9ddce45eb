"""The grid: what a person sees while a matrix fills up, live or a line a cell."""

import time
from collections.abc import Sequence
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from plans import Cell
from rehearsal.judgement import Judgement
from rehearsal.live_view import LiveView

_MARKS: Final = {
    "waiting": ("·", "bright_black"),
    "begun": ("…", "cyan"),
    "expected": ("✓", "green"),
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
        mark = "differs" if judgement.differs else "expected"
        self._marks[judgement.fault, judgement.strategy] = "broken" if judgement.error else mark
        self._judged += 1
        if self._live is None or judgement.differs:
            done = f"[{self._judged}/{len(self._marks)}]"
            self.console.print(
                f"{done} {judgement.sentence.splitlines()[0]} {judgement.seconds:.1f} s",
                style=_MARKS[self._marks[judgement.fault, judgement.strategy]][1],
                markup=False,
                soft_wrap=True,
            )

    def table(self) -> RenderableType:
        """Give the grid as it is now."""
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
        clock = f"{time.monotonic() - self._begun_s:,.0f} s"
        line = f"{self._judged} of {len(self._marks)} cells, {clock}"
        return Group(Text(line, style="bold"), self.table())
