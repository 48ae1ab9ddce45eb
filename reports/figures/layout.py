"""The sheet a figure is drawn on: a column of panels with labels and legends that wrap."""

from typing import Any, Final, NamedTuple

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from dress_rehearsal.reports.evidence.timeline import Timeline
from dress_rehearsal.reports.figures.palette import FAULT, INK, LOSS, MUTED, PAPER, Form
from dress_rehearsal.reports.figures.panel import ALPHAS, DASHES, FAMILY, Entry, Panel
from dress_rehearsal.reports.figures.svg import Svg, save_png, save_svg, text_width_pt, wrapped

_LINE = 1.35  # line height over font size
_PNG_DPI = 120.0
_SWATCH = 2.0  # width of a legend's colour sample over font size


class _Placed(NamedTuple):
    """A panel with its legend's entries arranged in lines, each with its x in points."""

    panel: Panel
    legend: list[list[tuple[float, Entry]]]
    x_pt: float
    width_pt: float


class Sheet:
    """Collects panels from the top down, then lays them out in one form and writes SVG."""

    def __init__(self, form: Form, title: str, x_label: str) -> None:
        self.form = form
        self._title = title
        self._x_label = x_label
        self._figure = Figure(facecolor=PAPER)
        self._panels: list[Panel] = []
        self._height_pt = 0.0

    def panel(self, label: str, height_pt: float, *, beside: bool = False) -> Panel:
        """Return a new panel below the others, or beside the last one where the form has room."""
        beside = beside and self.form.columns > 1
        row = self._panels[-1].row + (0 if beside else 1) if self._panels else 0
        axes = self._figure.add_axes((0.0, 0.0, 1.0, 1.0), label=str(len(self._panels)))
        panel = Panel(axes, label, height_pt, row, int(beside), self.form.font_pt)
        self._panels.append(panel)
        return panel

    def timed_panel(
        self,
        label: str,
        height_pt: float,
        window_s: tuple[float, float],
        timeline: Timeline,
        *,
        beside: bool = False,
    ) -> Panel:
        """Return a new panel on T-0's axis; the first one's legend names what was lost when."""
        panel = self.panel(label, height_pt, beside=beside)
        losses = [loss for loss in timeline.losses if window_s[0] <= loss[0] <= window_s[1]]
        panel.axis_of_moments(window_s, t0=timeline.has_t0, losses_s=[at_s for at_s, _ in losses])
        faults = [fault for fault in timeline.faults if fault.touches(window_s)]
        for fault in faults:
            panel.band(fault.since_s, min(fault.until_s, window_s[1]), FAULT)
        if len(self._panels) == 1:
            for words in dict.fromkeys(fault.name.replace("_", " ") for fault in faults):
                panel.entries.append(Entry("band", FAULT, f"fault: {words}"))
            for words in dict.fromkeys(words for _, words in losses):
                panel.entries.append(Entry("dotted", LOSS, words))
        return panel

    def svg(self, name: str, description: str) -> Svg:
        """Lay the panels out and write them: the same text on every repetition."""
        font = self.form.font_pt
        title_font = font * 1.25
        title = wrapped(self._title, self.form.width_pt - 16, title_font, bold=True)
        title_height = len(title) * title_font * _LINE + font
        rows = self._rows()
        heads = [self._head_pt(row) for row in rows]
        feet = font * 2.4
        self._height_pt = (
            title_height
            + sum(heads)
            + sum(max(placed.panel.height_pt for placed in row) + feet for row in rows)
            + font * 1.2
        )
        self._figure.set_size_inches(self.form.width_pt / 72, self._height_pt / 72)
        for number, line in enumerate(title):
            y = self._height_pt - font * 0.6 - (number + 0.8) * title_font * _LINE
            self._write(8, y, line, size=title_font, bold=True)
        y = self._height_pt - title_height
        for row, head in zip(rows, heads, strict=True):
            for placed in row:
                self._draw_head(placed, y)
                self._place(placed, y - head)
            y -= head + max(placed.panel.height_pt for placed in row) + feet
        self._write(self._left_pt, font * 0.5, self._x_label, colour=MUTED)
        return save_svg(
            self._figure,
            key=f"{name}-{self.form.name}",
            title=self._title,
            description=description,
            title_height_pt=title_height,
        )

    def png(self) -> bytes:
        """Return what `svg` laid out as PNG."""
        return save_png(self._figure, _PNG_DPI)

    @property
    def _left_pt(self) -> float:
        return self.form.font_pt * 5.2

    def _rows(self) -> list[list[_Placed]]:
        font, left = self.form.font_pt, self._left_pt
        right = font * (3.4 if any(panel.right is not None for panel in self._panels) else 2.2)
        columns = 1 + max(panel.column for panel in self._panels)
        width = (self.form.width_pt - columns * left - right) / columns
        rows: list[list[_Placed]] = [[] for _ in range(1 + self._panels[-1].row)]
        for panel in self._panels:
            x = left + panel.column * (width + left)
            legend = self._flowing(panel, width + (left if columns == 1 else 0))
            rows[panel.row].append(_Placed(panel, legend, x, width))
        return rows

    def _flowing(self, panel: Panel, width_pt: float) -> list[list[tuple[float, Entry]]]:
        """Arrange a legend's entries in as few lines as fit."""
        font = self.form.font_pt
        lines: list[list[tuple[float, Entry]]] = []
        x = width_pt
        for entry in panel.entries:
            needed = font * (_SWATCH + 0.5) + text_width_pt(entry.text, font)
            if not lines or x + needed > width_pt:
                lines.append([])
                x = 0.0
            lines[-1].append((x, entry))
            x += needed + font * 1.4
        return lines

    def _head_pt(self, row: list[_Placed]) -> float:
        lines = max(len(placed.legend) for placed in row)
        return self.form.font_pt * (_LINE * (1 + lines) + 0.6)

    def _draw_head(self, placed: _Placed, top_pt: float) -> None:
        font = self.form.font_pt
        x = placed.x_pt - self._left_pt + 8
        self._write(x, top_pt - font * _LINE * 0.8, placed.panel.label, bold=True)
        for number, line in enumerate(placed.legend, start=1):
            y = top_pt - font * _LINE * (number + 0.8)
            for offset_pt, entry in line:
                self._sample(x + offset_pt, y + font * 0.32, entry)
                self._write(x + offset_pt + font * (_SWATCH + 0.5), y, entry.text)

    def _place(self, placed: _Placed, top_pt: float) -> None:
        width, height = self.form.width_pt, self._height_pt
        panel = placed.panel
        bottom = (top_pt - panel.height_pt) / height
        box = (placed.x_pt / width, bottom, placed.width_pt / width, panel.height_pt / height)
        for axes in (panel.axes, panel.right):
            if axes is not None:
                axes.set_position(box)

    def _sample(self, x_pt: float, y_pt: float, entry: Entry) -> None:
        font, width, height = self.form.font_pt, self.form.width_pt, self._height_pt
        if entry.kind in {"area", "level", "band"}:
            sample: Rectangle | Line2D = Rectangle(
                ((x_pt + font * 0.4) / width, (y_pt - font * 0.4) / height),
                font * (_SWATCH - 0.7) / width,
                font * 0.8 / height,
                transform=self._figure.transFigure,
                facecolor=entry.colour,
                alpha=ALPHAS.get(entry.kind, 1.0),
                linewidth=0,
            )
        else:
            sample = Line2D(
                [x_pt / width, (x_pt + font * _SWATCH) / width],
                [y_pt / height, y_pt / height],
                transform=self._figure.transFigure,
                color=entry.colour,
                linewidth=1.8,
                linestyle=DASHES[entry.kind],
            )
        self._figure.add_artist(sample)

    def _write(
        self,
        x_pt: float,
        y_pt: float,
        text: str,
        *,
        size: float | None = None,
        colour: str = INK,
        bold: bool = False,
    ) -> None:
        self._figure.text(
            x_pt / self.form.width_pt,
            y_pt / self._height_pt,
            text,
            fontsize=size or self.form.font_pt,
            fontfamily=FAMILY,
            fontweight="bold" if bold else "normal",
            color=colour,
            parse_math=False,
        )


WIDTH_PT: Final = 760.0
FONT_PT: Final = 9.5
LINE: Final = 1.35
"""Line height over font size."""
_TITLE_PT: Final = FONT_PT * 1.25


class Poster:
    """Draws in points from the top left corner; what stands below the title starts at `top_pt`.

    Args:
        body_pt: height of what is drawn below the title.
    """

    def __init__(self, title: str, body_pt: float) -> None:
        lines = wrapped(title, WIDTH_PT - 16, _TITLE_PT, bold=True)
        self.top_pt = len(lines) * _TITLE_PT * LINE + FONT_PT
        self._title = title
        self._height_pt = self.top_pt + body_pt
        self._figure = Figure(figsize=(WIDTH_PT / 72, self._height_pt / 72), facecolor=PAPER)
        for number, line in enumerate(lines):
            y = FONT_PT * 0.6 + (number + 0.8) * _TITLE_PT * LINE
            self.write(8, y, line, bold=True, fontsize=_TITLE_PT)

    def write(
        self,
        x_pt: float,
        y_pt: float,
        text: str,
        *,
        bold: bool = False,
        colour: str = INK,
        **style: Any,
    ) -> None:
        """Write one line; `style` is matplotlib's, such as `ha` and `rotation`."""
        looks = {
            "fontsize": FONT_PT,
            "fontfamily": FAMILY,
            "fontweight": "bold" if bold else "normal",
            "color": colour,
            "parse_math": False,
            **style,
        }
        self._figure.text(x_pt / WIDTH_PT, 1 - y_pt / self._height_pt, text, **looks)

    def box(
        self, x_pt: float, y_pt: float, wide_pt: float, high_pt: float, colour: str, **style: Any
    ) -> None:
        """Fill a box, without an edge unless `style`, which is matplotlib's, has one."""
        self._figure.add_artist(
            Rectangle(
                (x_pt / WIDTH_PT, 1 - (y_pt + high_pt) / self._height_pt),
                wide_pt / WIDTH_PT,
                high_pt / self._height_pt,
                transform=self._figure.transFigure,
                facecolor=colour,
                **{"linewidth": 0, **style},
            )
        )

    def svg(self, key: str, description: str) -> Svg:
        """Return what was drawn; `key` is unique among the figures of a page."""
        return save_svg(
            self._figure,
            key=key,
            title=self._title,
            description=description,
            title_height_pt=self.top_pt,
        )
