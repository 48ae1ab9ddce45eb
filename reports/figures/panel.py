"""One pair of axes of a figure: what is drawn on it, its label and its legend's entries."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

import numpy as np
from matplotlib.ticker import (
    FixedLocator,
    FuncFormatter,
    LogLocator,
    MaxNLocator,
    NullLocator,
)

from dress_rehearsal.reports.figures.palette import GRID, INK, LOSS, MUTED, PAPER
from dress_rehearsal.reports.words import written

Kind = Literal["line", "dashed", "dotted", "area", "level", "band", "point"]
FAMILY: Final = "DejaVu Sans"
"""Comes with matplotlib, so text has the same outlines on every machine."""

LEVEL_ALPHA: Final = 0.45
BAND_ALPHA: Final = 0.16
ALPHAS: Final[dict[str, float]] = {"level": LEVEL_ALPHA, "band": BAND_ALPHA}
DASHES: Final[dict[str, Any]] = {"line": "-", "dashed": (0, (4, 2)), "dotted": (0, (1, 1.6))}


class Entry(NamedTuple):
    """One entry of a legend."""

    kind: Kind
    colour: str
    text: str


@dataclass
class Panel:
    """One pair of axes; `right` is a second y axis for counts, once there is one."""

    axes: Any
    label: str
    height_pt: float
    row: int
    column: int
    font_pt: float
    entries: list[Entry] = field(default_factory=list)
    right: Any = None
    window_s: tuple[float, float] | None = None
    """From when to when its x axis reaches, where that is one of time."""

    def __post_init__(self) -> None:
        _plain(self.axes, self.font_pt)
        self.axes.grid(visible=True, color=GRID, linewidth=0.6)

    def line(
        self,
        x: Any,
        y: Any,
        colour: str,
        text: str = "",
        *,
        kind: Kind = "line",
        width: float = 1.5,
        held: bool = False,
    ) -> None:
        """Draw a line; NaN breaks it, a point between two breaks becomes a dot.

        Args:
            held: each value stays until the next one, as a level does.
        """
        style = "steps-post" if held else "default"
        self.axes.plot(x, y, color=colour, linewidth=width, linestyle=DASHES[kind], drawstyle=style)
        values = np.asarray(y, dtype=float)
        there = np.concatenate([[False], ~np.isnan(values), [False]])
        lonely = there[1:-1] & ~there[:-2] & ~there[2:]
        if lonely.any():
            self.axes.plot(
                np.asarray(x)[lonely], values[lonely], color=colour, linestyle="", marker=".", ms=4
            )
        if text:
            self.entries.append(Entry(kind, colour, text))

    def area(self, x: Any, y: Any, colour: str, text: str) -> None:
        """Fill below a level that holds until the next value."""
        self.axes.fill_between(x, y, step="post", color=colour, linewidth=0, alpha=LEVEL_ALPHA)
        self.axes.plot(x, y, color=colour, linewidth=1.0, drawstyle="steps-post")
        self.entries.append(Entry("level", colour, text))

    def limit(self, value: float, colour: str, text: str) -> None:
        """Draw a level that does not change, such as a pool's maximum."""
        self.axes.axhline(value, color=colour, linewidth=1.3, linestyle=DASHES["dashed"])
        self.entries.append(Entry("dashed", colour, text))

    def band(self, since_s: float, until_s: float, colour: str) -> None:
        """Shade a span of time behind everything; what lasts no time is a line."""
        self.axes.axvspan(since_s, until_s, color=colour, alpha=BAND_ALPHA, linewidth=0, zorder=0.5)
        self.axes.axvline(since_s, color=colour, linewidth=1.0, zorder=0.6)

    def points(self, x: Any, y: Any, colour: str, text: str, *, marker: str = "o") -> None:
        """Draw values that nothing lies between; NaN is left out.

        Args:
            marker: matplotlib's name of their shape; the legend has a circle, and tells any other.
        """
        self.axes.plot(x, y, color=colour, linestyle="", marker=marker, ms=4, markeredgewidth=0)
        self.entries.append(Entry("point", colour, text))

    def mark(self, x: float, colour: str, text: str) -> None:
        """Draw a line upright, where something changed."""
        self.axes.axvline(x, color=colour, linewidth=1.4, zorder=1.8)
        if text:
            self.entries.append(Entry("line", colour, text))

    def say(self, text: str) -> None:
        """Write a sentence where there is nothing to draw, instead of empty axes."""
        self.axes.set_axis_off()
        middle = {"ha": "center", "va": "center", "transform": self.axes.transAxes}
        font = {"fontsize": self.font_pt, "fontfamily": FAMILY, "color": MUTED}
        self.axes.text(0.5, 0.5, text, parse_math=False, **middle, **font)

    def stack(self, parts: Sequence[tuple[Any, str, str]], edges: Any) -> None:
        """Stack counts per bin as filled steps, the first part at the bottom.

        Args:
            parts: counts, colour and legend text of each.
            edges: the bins' edges, one more than there are counts.
        """
        _stack(self.axes, parts, edges)
        self.entries.extend(Entry("area", colour, text) for _, colour, text in parts)

    def stack_on_the_right(self, parts: Sequence[tuple[Any, str, str]], edges: Any) -> None:
        """Stack counts against an axis of their own, in the lowest third below the lines."""
        self.right = self.axes.twinx()
        _plain(self.right, self.font_pt)
        _stack(self.right, parts, edges)
        self.entries.extend(Entry("area", colour, text) for _, colour, text in parts)
        highest = float(sum(values for values, _, _ in parts).max())
        self.right.set_ylim(0, max(3.0 * highest, 3.0))
        ticks = MaxNLocator(nbins=2, integer=True, steps=[1, 2, 5, 10]).tick_values(0, highest)
        ticks = [tick for tick in ticks if 0 <= tick <= highest]
        self.right.yaxis.set_major_locator(FixedLocator(ticks))
        self.right.yaxis.set_major_formatter(FuncFormatter(lambda value, _: written(value)))
        self.axes.set_zorder(self.right.get_zorder() + 1)
        self.axes.patch.set_visible(False)

    def axis_of_time(self, lowest_ms: float, highest_ms: float) -> None:
        """Make y a logarithmic axis of milliseconds, whole decades around the data."""
        bottom = np.floor(np.log10(max(lowest_ms, 1e-2)))
        top = max(np.ceil(np.log10(max(highest_ms, 1e-2))), bottom + 2)
        # matplotlib would first fit the data, and cannot where they are equal but for a last bit.
        self.axes.set_autoscaley_on(False)
        self.axes.set_yscale("log")
        self.axes.set_ylim(10.0**bottom, max(10.0**top, 1.4 * highest_ms))
        self.axes.yaxis.set_major_locator(LogLocator(numticks=max(4, int(self.height_pt / 22))))
        self.axes.yaxis.set_minor_locator(NullLocator())
        self.axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: written(value)))

    def axis_of_counts(
        self, lowest: float, highest: float, words: Callable[[float], str] = written
    ) -> None:
        """Make y a linear axis from `lowest` to a little above `highest`."""
        room = (highest - lowest or 1.0) * 0.08
        self.axes.set_ylim(lowest - (room if lowest < 0 else 0), highest + room)
        locator = MaxNLocator(nbins=4, steps=[1, 2, 2.5, 5, 10], integer=words is written)
        self.axes.yaxis.set_major_locator(locator)
        signed = FuncFormatter(lambda value, _: words(value).replace("-", "−"))
        self.axes.yaxis.set_major_formatter(signed)

    def tick_numbers(self, most: int, *, integer: bool = False) -> None:
        """Mark round numbers on x, at most one more than so many."""
        steps = None if integer else [1, 2, 5, 10]
        self.axes.xaxis.set_major_locator(MaxNLocator(nbins=most, steps=steps, integer=integer))

    def axis_of_moments(
        self, window_s: tuple[float, float], *, t0: bool, losses_s: Sequence[float]
    ) -> None:
        """Make x seconds from T-0 and mark T-0, and when something was lost, on it."""
        self.window_s = window_s
        self.axes.set_xlim(*window_s)
        self.tick_numbers(8)
        self.axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _moment(value, t0)))
        if t0 and window_s[0] <= 0 <= window_s[1]:
            self.axes.axvline(0, color=INK, linewidth=1.1, zorder=1.8)
        for loss_s in losses_s:
            self.axes.axvline(
                loss_s, color=LOSS, linewidth=1.4, linestyle=DASHES["dotted"], zorder=1.9
            )


def _plain(axes: Any, font_pt: float) -> None:
    axes.set_facecolor(PAPER)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(MUTED)
    axes.spines["bottom"].set_linewidth(0.8)
    axes.tick_params(
        colors=MUTED, labelcolor=INK, labelsize=font_pt, length=3, width=0.8, labelfontfamily=FAMILY
    )
    axes.tick_params(axis="y", length=0)
    axes.margins(x=0)


def _stack(axes: Any, parts: Sequence[tuple[Any, str, str]], edges: Any) -> None:
    base: Any = np.zeros(len(edges) - 1)
    for values, colour, _ in parts:
        axes.stairs(base + values, edges, baseline=base, fill=True, color=colour, linewidth=0)
        base = base + values


def _moment(value_s: float, t0: bool) -> str:
    if abs(value_s) < 1e-9:
        return "T-0" if t0 else "0"
    sign = ("−" if value_s < 0 else "+") if t0 else ""
    return f"{sign}{written(abs(value_s))}"
