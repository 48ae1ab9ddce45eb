"""Figure: several runs side by side, one small panel of bars a quantity."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from reports.figures.panel import FAMILY
from reports.figures.style import BLUE, GRID, INK, MUTED, PAPER, VERMILLION
from reports.figures.svg_text import Svg, save_svg, text_width_pt, wrapped

WIDTH_PT: Final = 760.0
_FONT_PT: Final = 9.5
_ROW_PT: Final = 22.0
_GAP_PT: Final = 26.0
_LINE: Final = 1.35


@dataclass(frozen=True, slots=True)
class Bars:
    """One quantity of every run; `marks` are drawn as a line beyond each bar."""

    label: str
    values: Sequence[float | None]
    words: Callable[[float], str]
    marks: Sequence[float | None] = ()


def draw_comparison(labels: Sequence[str], quantities: Sequence[Bars]) -> Svg:
    """Draw a panel a quantity, two beside each other, each with a bar a run from zero."""
    title = _finding(labels, quantities)
    lines = wrapped(title, WIDTH_PT - 16, _FONT_PT * 1.25, bold=True)
    head = len(lines) * _FONT_PT * 1.25 * _LINE + _FONT_PT
    panel = _FONT_PT * 2.2 + len(labels) * _ROW_PT + _GAP_PT / 2
    height = head + -(-len(quantities) // 2) * panel + _FONT_PT
    figure = Figure(figsize=(WIDTH_PT / 72, height / 72), facecolor=PAPER)
    sheet = _Sheet(figure, height)
    for number, line in enumerate(lines):
        y = _FONT_PT * 0.6 + (number + 0.8) * _FONT_PT * 1.25 * _LINE
        sheet.write(8, y, line, size=_FONT_PT * 1.25, bold=True)
    wide = (WIDTH_PT - 16 - _GAP_PT) / 2
    for position, bars in enumerate(quantities):
        x = 8 + (position % 2) * (wide + _GAP_PT)
        _draw_panel(sheet, x, head + (position // 2) * panel, wide, labels, bars)
    return save_svg(
        figure,
        key="comparison",
        title=title,
        description="One panel a quantity, one bar a run, all from zero.",
        title_height_pt=head,
    )


def _draw_panel(
    sheet: "_Sheet", x: float, top: float, wide: float, labels: Sequence[str], bars: Bars
) -> None:
    sheet.write(x, top + _FONT_PT * 1.4, bars.label, bold=True)
    marks = list(bars.marks) or [None] * len(labels)
    said = [_said(value, mark, bars) for value, mark in zip(bars.values, marks, strict=True)]
    left = max(text_width_pt(name, _FONT_PT) for name in labels) + 8
    right = max(text_width_pt(words, _FONT_PT) for words in said) + 8
    known = [value for value in (*bars.values, *marks) if value is not None]
    scale = max(wide - left - right, 20.0) / max([*known, 1e-9])
    for row, (name, value, mark, words) in enumerate(
        zip(labels, bars.values, marks, said, strict=True)
    ):
        y = top + _FONT_PT * 2.2 + row * _ROW_PT
        sheet.write(x, y + _ROW_PT * 0.64, name)
        sheet.box(x + left, y + 4, wide - left - right, _ROW_PT - 8, GRID, alpha=0.45)
        end = x + left
        if value is not None:
            sheet.box(end, y + 4, value * scale, _ROW_PT - 8, BLUE)
            end += value * scale
        if mark is not None:
            sheet.box(x + left + mark * scale - 1, y + 2, 2, _ROW_PT - 4, VERMILLION)
            end = max(end, x + left + mark * scale)
        sheet.write(end + 5, y + _ROW_PT * 0.64, words, colour=INK if words else MUTED)


def _said(value: float | None, mark: float | None, bars: Bars) -> str:
    if value is None:
        return "not measured"
    return bars.words(value) if mark is None else f"{bars.words(value)} / {bars.words(mark)}"


def _finding(labels: Sequence[str], quantities: Sequence[Bars]) -> str:
    """Say which run needed least of each quantity that differs by a tenth or more."""
    said = []
    for bars in quantities:
        known = [
            (value, name)
            for value, name in zip(bars.values, labels, strict=True)
            if value is not None
        ]
        if len(known) < 2:
            continue
        (least, best), (most, worst) = min(known), max(known)
        if most > 1.1 * least:
            subject = bars.label.partition(":")[0].partition(",")[0].lower().replace("cpu", "CPU")
            said.append(f"{subject}: {best} {bars.words(least)} against {worst} {bars.words(most)}")
    if not said:
        return "The runs do not differ by a tenth in anything shown"
    finding = "; ".join(said)
    return finding[0].upper() + finding[1:]


class _Sheet:
    """Draws in points from the top left corner."""

    def __init__(self, figure: Figure, height_pt: float) -> None:
        self._figure = figure
        self._height_pt = height_pt

    def write(
        self,
        x_pt: float,
        y_pt: float,
        text: str,
        *,
        size: float = _FONT_PT,
        bold: bool = False,
        colour: str = INK,
    ) -> None:
        self._figure.text(
            x_pt / WIDTH_PT,
            1 - y_pt / self._height_pt,
            text,
            fontsize=size,
            fontfamily=FAMILY,
            fontweight="bold" if bold else "normal",
            color=colour,
            parse_math=False,
        )

    def box(
        self, x_pt: float, y_pt: float, wide: float, high: float, colour: str, **style: Any
    ) -> None:
        self._figure.add_artist(
            Rectangle(
                (x_pt / WIDTH_PT, 1 - (y_pt + high) / self._height_pt),
                wide / WIDTH_PT,
                high / self._height_pt,
                transform=self._figure.transFigure,
                facecolor=colour,
                linewidth=0,
                **style,
            )
        )
