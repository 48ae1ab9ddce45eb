"""What a figure is drawn on: a poster in points, and a sheet of panels with legends that wrap."""

from typing import Any, Final, NamedTuple

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from dress_rehearsal.reports.evidence.timeline import Timeline
from dress_rehearsal.reports.figures.palette import (
    FAULT,
    INK,
    LOSS,
    MUTED,
    PAPER,
    WIDE,
    Form,
)
from dress_rehearsal.reports.figures.panel import ALPHAS, DASHES, FAMILY, Entry, Panel
from dress_rehearsal.reports.figures.svg import (
    Svg,
    Times,
    save_png,
    save_svg,
    text_width_pt,
    wrapped,
)
from dress_rehearsal.reports.words import fault_words

WIDTH_PT: Final = WIDE.width_pt
FONT_PT: Final = WIDE.font_pt
LINE: Final = 1.35
"""Line height over font size."""

_PNG_DPI = 120.0
_SWATCH = 2.0  # width of a legend's colour sample over font size


class Poster:
    """Draws in points from the top left corner; what stands below the title starts at `top_pt`.

    Args:
        body_pt: height of what is drawn below the title.
        figure: what has been drawn already; without one the poster is empty.
    """

    def __init__(
        self, title: str, body_pt: float, form: Form = WIDE, figure: Figure | None = None
    ) -> None:
        title_pt = form.font_pt * 1.25
        lines = wrapped(title, form.width_pt - 16, title_pt, bold=True)
        self.top_pt = len(lines) * title_pt * LINE + form.font_pt
        self.height_pt = self.top_pt + body_pt
        self._title, self._form = title, form
        self._figure = Figure() if figure is None else figure
        self._figure.set_facecolor(PAPER)
        self._figure.set_size_inches(form.width_pt / 72, self.height_pt / 72)
        for number, line in enumerate(lines):
            y = form.font_pt * 0.6 + (number + 0.8) * title_pt * LINE
            self.write(8, y, line, bold=True, fontsize=title_pt)

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
            "fontsize": self._form.font_pt,
            "fontfamily": FAMILY,
            "fontweight": "bold" if bold else "normal",
            "color": colour,
            "parse_math": False,
            **style,
        }
        self._figure.text(*self._place(x_pt, y_pt), text, **looks)

    def box(
        self, x_pt: float, y_pt: float, wide_pt: float, high_pt: float, colour: str, **style: Any
    ) -> None:
        """Fill a box, without an edge unless `style`, which is matplotlib's, has one."""
        self._figure.add_artist(
            Rectangle(
                self._place(x_pt, y_pt + high_pt),
                wide_pt / self._form.width_pt,
                high_pt / self.height_pt,
                transform=self._figure.transFigure,
                facecolor=colour,
                **{"linewidth": 0, **style},
            )
        )

    def rule(self, x_pt: float, y_pt: float, wide_pt: float, colour: str, dashes: Any) -> None:
        """Draw a level line."""
        ends = (self._place(x_pt, y_pt), self._place(x_pt + wide_pt, y_pt))
        looks = {"color": colour, "linewidth": 1.8, "linestyle": dashes}
        transform = self._figure.transFigure
        self._figure.add_artist(Line2D(*zip(*ends, strict=True), transform=transform, **looks))

    def svg(self, key: str, description: str, times: Times | None = None) -> Svg:
        """Return what was drawn; `key` is unique among the figures of a page."""
        return save_svg(
            self._figure,
            key=key,
            title=self._title,
            description=description,
            title_height_pt=self.top_pt,
            times=times,
        )

    def _place(self, x_pt: float, y_pt: float) -> tuple[float, float]:
        return x_pt / self._form.width_pt, 1 - y_pt / self.height_pt


class _Placed(NamedTuple):
    """A panel with its legend's entries arranged in lines, each with its x in points."""

    panel: Panel
    legend: list[list[tuple[float, Entry]]]
    x_pt: float
    width_pt: float


class Sheet:
    """Collects panels from the top down, then lays them out in one form."""

    def __init__(self, form: Form, title: str, x_label: str) -> None:
        self.form = form
        self._title = title
        self._x_label = x_label
        self._figure = Figure()
        self._panels: list[Panel] = []
        self._opens = True

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
        self._opens = timeline.opens
        losses = [loss for loss in timeline.losses if window_s[0] <= loss[0] <= window_s[1]]
        panel.axis_of_moments(window_s, t0=timeline.opens, losses_s=[at_s for at_s, _ in losses])
        faults = [fault for fault in timeline.faults if fault.touches(window_s)]
        for fault in faults:
            panel.band(fault.since_s, min(fault.until_s, window_s[1]), FAULT)
        if len(self._panels) == 1:
            for words in dict.fromkeys(
                fault_words(fault.name).replace("_", " ") for fault in faults
            ):
                panel.entries.append(Entry("band", FAULT, f"fault: {words}"))
            for words in dict.fromkeys(words for _, words in losses):
                panel.entries.append(Entry("dotted", LOSS, words))
        return panel

    def svg(self, name: str, description: str) -> Svg:
        """Lay the panels out and write them: the same text on every repetition."""
        font, rows = self.form.font_pt, self._rows()
        heads = [
            font * (LINE * (1 + max(len(placed.legend) for placed in row)) + 0.6) for row in rows
        ]
        bodies = [max(placed.panel.height_pt for placed in row) + font * 2.4 for row in rows]
        body_pt = sum(heads) + sum(bodies) + font * 1.2
        poster = Poster(self._title, body_pt, self.form, self._figure)
        y = poster.top_pt
        axes = []
        for row, head, body in zip(rows, heads, bodies, strict=True):
            for placed in row:
                self._draw_head(poster, placed, y)
                self._place(placed, 1 - (y + head) / poster.height_pt, poster.height_pt)
                if placed.panel.window_s is not None:
                    left, top = placed.x_pt, y + head
                    ends = (left, left + placed.width_pt, top, top + placed.panel.height_pt)
                    axes.append((*ends, *placed.panel.window_s))
            y += head + body
        label_pt = poster.height_pt - font * 0.5
        poster.write(self._left_pt, label_pt, self._x_label, colour=MUTED)
        times = Times(tuple(axes), "T-0" if self._opens else "start") if axes else None
        return poster.svg(f"{name}-{self.form.name}", description, times)

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

    def _draw_head(self, poster: Poster, placed: _Placed, top_pt: float) -> None:
        font = self.form.font_pt
        left = placed.x_pt - self._left_pt + 8
        poster.write(left, top_pt + font * LINE * 0.8, placed.panel.label, bold=True)
        for number, line in enumerate(placed.legend, start=1):
            y = top_pt + font * LINE * (number + 0.8)
            middle = y - font * 0.32
            for offset_pt, (kind, colour, text) in line:
                x = left + offset_pt
                if kind in DASHES:
                    poster.rule(x, middle, font * _SWATCH, colour, DASHES[kind])
                else:
                    wide, high, alpha = font * (_SWATCH - 0.7), font * 0.8, ALPHAS.get(kind, 1.0)
                    poster.box(x + font * 0.4, middle - high / 2, wide, high, colour, alpha=alpha)
                poster.write(x + font * (_SWATCH + 0.5), y, text)

    def _place(self, placed: _Placed, top: float, height_pt: float) -> None:
        """Put a panel's axes where they belong; `top` is a share of the figure's height."""
        width, high = self.form.width_pt, placed.panel.height_pt / height_pt
        box = (placed.x_pt / width, top - high, placed.width_pt / width, high)
        for axes in (placed.panel.axes, placed.panel.right):
            if axes is not None:
                axes.set_position(box)
