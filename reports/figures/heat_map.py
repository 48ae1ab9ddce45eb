"""Figure: the matrix of strategies and faults, one square a cell, with what came of it."""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from dress_rehearsal.plans.sections.fault_kinds import FAULTS
from dress_rehearsal.reports.figures.layout import FONT_PT, LINE, WIDTH_PT, Poster
from dress_rehearsal.reports.figures.palette import (
    BLUE,
    GREEN,
    GRID,
    ORANGE,
    PAPER,
    SKY,
    VERMILLION,
)
from dress_rehearsal.reports.figures.style import own_style
from dress_rehearsal.reports.figures.svg import Svg, text_width_pt
from dress_rehearsal.reports.words import counted

State = Literal["caught", "clean", "undecided", "differs", "running"]

_ROW_PT: Final = 27.0
_LEAN: Final = 0.5**0.5
_ORDER: Final = {name: position for position, name in enumerate(("none", *FAULTS))}
_LOOKS: Final[dict[State, tuple[str, str, str]]] = {
    "caught": (BLUE, "✓", "caught: the fault was found where it was expected"),
    "clean": (GREEN, "○", "clean: nobody was accused, as expected"),
    "undecided": (ORANGE, "?", "undecided: nobody was accused, but others had the CPU"),
    "differs": (VERMILLION, "✗", "differs: something is missing or accused wrongly"),
    "running": (SKY, "…", "not finished"),
}
"""Colour, sign and words of each state: whoever cannot tell the colours reads the signs."""


class MatrixCell(NamedTuple):
    """One rehearsal of the matrix; `fault` is `none` for a healthy one."""

    strategy: str
    fault: str
    state: State


@own_style()
def draw_heat_map(cells: Sequence[MatrixCell]) -> Svg:
    """Return the drawing: rows are strategies as they come, columns faults as catalogued.

    A pair without a cell stays empty: the fault cannot occur there.
    """
    strategies = list(dict.fromkeys(cell.strategy for cell in cells))
    faults = sorted(
        dict.fromkeys(cell.fault for cell in cells), key=lambda name: _ORDER.get(name, len(_ORDER))
    )
    states = [state for state in _LOOKS if any(cell.state == state for cell in cells)]
    left = 16 + max((text_width_pt(name, FONT_PT) for name in strategies), default=0.0)
    # Names lean over their columns at 45 degrees, and end inside the figure.
    leaning = [text_width_pt(_words(name), FONT_PT) * _LEAN for name in faults]
    lean = max(leaning, default=0.0) + FONT_PT
    room = [
        (WIDTH_PT - 8 - left - wide) / (position + 0.5) for position, wide in enumerate(leaning)
    ]
    column = min([*room, (WIDTH_PT - left - 8) / max(len(faults), 1), 64.0])
    legend = len(states) * FONT_PT * LINE + FONT_PT
    body = legend + lean + len(strategies) * _ROW_PT + FONT_PT
    poster = Poster(_finding(cells), body)
    for number, state in enumerate(states):
        colour, sign, words = _LOOKS[state]
        y = poster.top_pt + (number + 0.8) * FONT_PT * LINE
        _square(poster, 8, y - FONT_PT * 0.85, FONT_PT * 1.7, FONT_PT * 1.05, colour, sign)
        poster.write(8 + FONT_PT * 2.3, y, f"{words} ({_number(cells, state)})")
    top = poster.top_pt + legend + lean
    for position, fault in enumerate(faults):
        x = left + (position + 0.5) * column
        poster.write(x, top - 4, _words(fault), rotation=45, rotation_mode="anchor", ha="left")
    for row, strategy in enumerate(strategies):
        y = top + row * _ROW_PT
        poster.write(8, y + _ROW_PT * 0.5 + FONT_PT * 0.36, strategy)
        for position in range(len(faults)):
            _square(poster, left + position * column, y, column, _ROW_PT, None)
    for cell in cells:
        colour, sign, _ = _LOOKS[cell.state]
        x = left + faults.index(cell.fault) * column
        y = top + strategies.index(cell.strategy) * _ROW_PT
        _square(poster, x, y, column, _ROW_PT, colour, sign)
    return poster.svg("matrix", _described(cells))


def _square(
    poster: Poster,
    x_pt: float,
    y_pt: float,
    wide: float,
    high: float,
    colour: str | None,
    sign: str = "",
) -> None:
    """Fill a square with its sign in the middle, or draw only its frame."""
    edge = {"edgecolor": colour or GRID, "linewidth": 0.8}
    poster.box(x_pt + 1, y_pt + 1, wide - 2, high - 2, colour or PAPER, **edge)
    if sign:
        x, y = x_pt + wide / 2, y_pt + high / 2
        poster.write(x, y, sign, bold=True, colour=PAPER, ha="center", va="center")


def _words(fault: str) -> str:
    return "healthy" if fault == "none" else fault.replace("_", " ")


def _number(cells: Sequence[MatrixCell], state: State) -> int:
    return sum(cell.state == state for cell in cells)


def _finding(cells: Sequence[MatrixCell]) -> str:
    differing = [cell for cell in cells if cell.state == "differs"]
    running = _number(cells, "running")
    if not cells:
        return "No cell of the matrix was rehearsed"
    if differing:
        first = differing[0]
        where = "without a fault" if first.fault == "none" else f"with {_words(first.fault)}"
        number = f"{len(differing)} of {counted(len(cells), 'cell')} came out differently"
        return f"{number}{':' if len(differing) == 1 else ', such as'} {first.strategy} {where}"
    if running == len(cells):
        return f"Not one of {counted(len(cells), 'cell')} was finished"
    if running:
        finished = len(cells) - running
        return f"{finished} of {counted(len(cells), 'cell')} finished, all as expected"
    caught = sum(cell.state == "caught" and cell.fault != "none" for cell in cells)
    wrong = [cell.strategy for cell in cells if cell.state == "caught" and cell.fault == "none"]
    clean, undecided = _number(cells, "clean"), _number(cells, "undecided")
    parts = [
        *([f"{counted(caught, 'fault')} caught"] if caught else []),
        *([f"{', '.join(wrong)} caught without one"] if wrong else []),
        *([f"nobody accused in {counted(clean, 'healthy cell')}"] if clean else []),
        *([f"{undecided} undecided on a busy machine"] if undecided else []),
    ]
    whole = "The one cell" if len(cells) == 1 else f"All {counted(len(cells), 'cell')}"
    return f"{whole} came out as expected: {', '.join(parts)}"


def _described(cells: Sequence[MatrixCell]) -> str:
    said = "Rows are ways to allocate tickets, columns faults; an empty square: it cannot occur."
    differing = [f"{cell.strategy} × {cell.fault}" for cell in cells if cell.state == "differs"]
    return f"{said} Differs: {', '.join(differing)}." if differing else said
