"""Figure: the matrix of strategies and faults, one square a cell, with what came of it."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from plans.faults import FAULTS
from records.errors import RunDirectoryUnusable
from reports.figures.panel import FAMILY
from reports.figures.style import BLUE, GREEN, GRID, INK, PAPER, SKY, VERMILLION, count
from reports.figures.svg_text import Svg, save_svg, text_width_pt, wrapped

State = Literal["caught", "clean", "differs", "running"]

WIDTH_PT: Final = 760.0
_FONT_PT: Final = 9.5
_ROW_PT: Final = 27.0
_LINE: Final = 1.35
_LEAN: Final = 0.5**0.5
_ORDER: Final = {name: position for position, name in enumerate(("none", *FAULTS))}
_LOOKS: Final[dict[State, tuple[str, str, str]]] = {
    "caught": (BLUE, "✓", "caught: the fault was found where it was expected"),
    "clean": (GREEN, "○", "clean: nothing was found, as expected"),
    "differs": (VERMILLION, "✗", "differs: something is missing or accused wrongly"),
    "running": (SKY, "…", "not finished"),
}
"""Colour, sign and words of each state: whoever cannot tell the colours reads the signs."""


class MatrixCell(NamedTuple):
    """One rehearsal of the matrix; `fault` is `none` for a healthy one."""

    strategy: str
    fault: str
    state: State


def draw_heat_map(cells: Iterable[MatrixCell], path: Path) -> None:
    """Write the matrix as SVG: rows are strategies as they come, columns faults as catalogued.

    A pair without a cell stays empty: the fault cannot occur there.

    Raises:
        RunDirectoryUnusable: the file cannot be written.
    """
    drawn = heat_map(list(cells))
    try:
        path.write_text(drawn.file, encoding="utf-8")
    except OSError as error:
        raise RunDirectoryUnusable(
            f"The heat map {path} cannot be written: {error.strerror or error}."
        ) from error


def heat_map(cells: Sequence[MatrixCell]) -> Svg:
    """Draw the matrix."""
    strategies = list(dict.fromkeys(cell.strategy for cell in cells))
    faults = sorted(
        dict.fromkeys(cell.fault for cell in cells), key=lambda name: _ORDER.get(name, len(_ORDER))
    )
    states = [state for state in _LOOKS if any(cell.state == state for cell in cells)]
    title = _finding(cells)
    lines = wrapped(title, WIDTH_PT - 16, _FONT_PT * 1.25, bold=True)
    left = 16 + max((text_width_pt(name, _FONT_PT) for name in strategies), default=0.0)
    # Names lean over their columns at 45 degrees, and end inside the figure.
    leaning = [text_width_pt(_words(name), _FONT_PT) * _LEAN for name in faults]
    lean = max(leaning, default=0.0) + _FONT_PT
    room = [
        (WIDTH_PT - 8 - left - wide) / (position + 0.5) for position, wide in enumerate(leaning)
    ]
    column = min([*room, (WIDTH_PT - left - 8) / max(len(faults), 1), 64.0])
    head = len(lines) * _FONT_PT * 1.25 * _LINE + _FONT_PT
    legend = len(states) * _FONT_PT * _LINE + _FONT_PT
    height = head + legend + lean + len(strategies) * _ROW_PT + _FONT_PT
    figure = Figure(figsize=(WIDTH_PT / 72, height / 72), facecolor=PAPER)
    sheet = _Sheet(figure, height)
    for number, line in enumerate(lines):
        y = _FONT_PT * 0.6 + (number + 0.8) * _FONT_PT * 1.25 * _LINE
        sheet.write(8, y, line, size=_FONT_PT * 1.25, bold=True)
    for number, state in enumerate(states):
        colour, sign, words = _LOOKS[state]
        y = head + (number + 0.8) * _FONT_PT * _LINE
        sheet.square(8, y - _FONT_PT * 0.85, _FONT_PT * 1.7, _FONT_PT * 1.05, colour, sign)
        sheet.write(8 + _FONT_PT * 2.3, y, f"{words} ({_number(cells, state)})")
    top = head + legend + lean
    for position, fault in enumerate(faults):
        sheet.lean(left + (position + 0.5) * column, top - 4, _words(fault))
    for row, strategy in enumerate(strategies):
        y = top + row * _ROW_PT
        sheet.write(8, y + _ROW_PT * 0.5 + _FONT_PT * 0.36, strategy)
        for position in range(len(faults)):
            sheet.square(left + position * column, y, column, _ROW_PT, None)
    for cell in cells:
        colour, sign, _ = _LOOKS[cell.state]
        x = left + faults.index(cell.fault) * column
        y = top + strategies.index(cell.strategy) * _ROW_PT
        sheet.square(x, y, column, _ROW_PT, colour, sign)
    return save_svg(
        figure, key="matrix", title=title, description=_described(cells), title_height_pt=head
    )


class _Sheet:
    """Draws in points from the top left corner."""

    def __init__(self, figure: Figure, height_pt: float) -> None:
        self._figure = figure
        self._height_pt = height_pt

    def write(
        self, x_pt: float, y_pt: float, text: str, *, size: float = _FONT_PT, bold: bool = False
    ) -> None:
        self._text(x_pt, y_pt, text, size, INK, fontweight="bold" if bold else "normal")

    def lean(self, x_pt: float, y_pt: float, text: str) -> None:
        """Write a column's name upwards from the column's middle."""
        turned = {"rotation": 45, "rotation_mode": "anchor", "ha": "left"}
        self._text(x_pt, y_pt, text, _FONT_PT, INK, **turned)

    def square(
        self, x_pt: float, y_pt: float, wide: float, high: float, colour: str | None, sign: str = ""
    ) -> None:
        """Fill a square with its sign in the middle, or draw only its frame."""
        self._figure.add_artist(
            Rectangle(
                ((x_pt + 1) / WIDTH_PT, 1 - (y_pt + high - 1) / self._height_pt),
                (wide - 2) / WIDTH_PT,
                (high - 2) / self._height_pt,
                transform=self._figure.transFigure,
                facecolor=colour or PAPER,
                edgecolor=colour or GRID,
                linewidth=0.8,
            )
        )
        if sign:
            middle = {"ha": "center", "va": "center", "fontweight": "bold"}
            self._text(x_pt + wide / 2, y_pt + high / 2, sign, _FONT_PT, PAPER, **middle)

    def _text(
        self, x_pt: float, y_pt: float, text: str, size: float, colour: str, **style: Any
    ) -> None:
        self._figure.text(
            x_pt / WIDTH_PT,
            1 - y_pt / self._height_pt,
            text,
            fontsize=size,
            fontfamily=FAMILY,
            color=colour,
            parse_math=False,
            **style,
        )


def _words(fault: str) -> str:
    return "healthy" if fault == "none" else fault.replace("_", " ")


def _number(cells: Sequence[MatrixCell], state: State) -> int:
    return sum(cell.state == state for cell in cells)


def _finding(cells: Sequence[MatrixCell]) -> str:
    differing = [cell for cell in cells if cell.state == "differs"]
    if not cells:
        return "No cell of the matrix was rehearsed"
    if differing:
        first = differing[0]
        named = f"{first.strategy} with {_words(first.fault)}"
        rest = f" and {len(differing) - 1} more" if len(differing) > 1 else ""
        return (
            f"{count(len(differing), 'cell')} of {len(cells)} came out differently: {named}{rest}"
        )
    if _number(cells, "running"):
        finished = len(cells) - _number(cells, "running")
        return f"{finished} of {count(len(cells), 'cell')} finished, all as expected"
    return (
        f"All {count(len(cells), 'cell')} came out as expected: {_number(cells, 'caught')} faults "
        f"caught, {_number(cells, 'clean')} healthy cells clean"
    )


def _described(cells: Sequence[MatrixCell]) -> str:
    said = "Rows are ways to allocate tickets, columns faults; an empty square: it cannot occur."
    differing = [f"{cell.strategy} × {cell.fault}" for cell in cells if cell.state == "differs"]
    return f"{said} Differs: {', '.join(differing)}." if differing else said
