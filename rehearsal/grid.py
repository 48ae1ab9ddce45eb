"""The grid: what a person sees while a matrix fills up, live or a line a cell."""

import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from plans import Cell
from rehearsal.judgement import Judgement
from rehearsal.screen import near

_MARKS: Final = {
    "waiting": ("·", "bright_black"),
    "begun": ("…", "cyan"),
    "expected": ("✓", "green"),
    "differs": ("✗", "bold red"),
    "broken": ("!", "bold red"),
}
_NAMES_FROM_WIDTH: Final = 120


class Grid:
    """Strategies across, faults down, a mark a cell; lines instead where there is no terminal."""

    def __init__(self, console: Console, cells: Sequence[Cell]) -> None:
        self._console = console
        self._marks: dict[tuple[str, str], str] = {
            (cell.fault, cell.strategy): "waiting" for cell in cells
        }
        self._faults = list(dict.fromkeys(cell.fault for cell in cells))
        self._strategies = list(dict.fromkeys(cell.strategy for cell in cells))
        self._judged = 0
        self._begun_s = time.monotonic()
        self._live: Live | None = None

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live = Live(
                get_renderable=self._render,
                console=self._console,
                refresh_per_second=4,
                transient=True,  # the whole grid is printed in the end
            )
            self._live.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.__exit__(kind, error, traceback)
            self._live = None

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
            self._console.print(
                f"{done} {judgement.sentence.splitlines()[0]} {judgement.seconds:.1f} s",
                style=_MARKS[self._marks[judgement.fault, judgement.strategy]][1],
                markup=False,
                soft_wrap=True,
            )

    def table(self) -> RenderableType:
        """Give the grid as it is now."""
        wide = self._console.width >= _NAMES_FROM_WIDTH
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


def closing(
    console: Console, grid: Grid, judgements: Sequence[Judgement], folder: Path, planned: int
) -> None:
    """Print the whole grid, every cell that differs, and where to read on."""
    console.print(grid.table())
    where = escape(near(folder))
    different = [judgement for judgement in judgements if judgement.differs]
    for judgement in different:
        console.print(escape(judgement.sentence), style="red", soft_wrap=True)
        if judgement.run is not None:
            console.print(f"  {where}/{escape(judgement.run)}", soft_wrap=True)
    missing = planned - len(judgements)
    words = [
        f"{len(judgements)} of {planned} cells",
        f"{len(different)} differ" if different else "all as expected",
        *(["interrupted before the rest"] if missing else []),
    ]
    colour = "red" if different or missing else "green"
    console.print(f"[bold {colour}]{', '.join(words)}.[/] See {where}", soft_wrap=True)
