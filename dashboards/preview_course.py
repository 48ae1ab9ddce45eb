"""Panels over time: lines, areas one on the other, limits, marks and a legend."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from matplotlib.ticker import FixedLocator, MaxNLocator

from dress_rehearsal.dashboards.preview_answers import Series, Window
from dress_rehearsal.dashboards.preview_fields import Look, PreviewImpossible, look_of
from dress_rehearsal.dashboards.preview_legend import Entry, draw_legend
from dress_rehearsal.dashboards.preview_marks import Mark
from dress_rehearsal.dashboards.preview_page import Box, Page, points
from dress_rehearsal.dashboards.preview_palette import FAINT, MUTED, colours_of
from dress_rehearsal.dashboards.preview_units import is_binary, written

_TICK_SIZE: Final = 11
_TICK_GAP: Final = 92
_HEADROOM: Final = 1.08
_NOTHING_TO_SEE: Final = 1.0
"""The height of an axis all of whose lines are zero."""
_STRIDES_S: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)
_DASHES: Final = {"dash": (6, 4), "dot": (1, 3)}


@dataclass(frozen=True, slots=True)
class _Line:
    series: Series
    look: Look
    colour: str


def draw_course(
    page: Page,
    box: Box,
    panel: Mapping[str, Any],
    series: Sequence[Series],
    marks: Sequence[Mark],
    window: Window,
) -> None:
    """Draw a `timeseries` panel below its title."""
    lines = _lines(panel, series)
    legend = panel["options"]["legend"]
    if legend["showLegend"]:
        entries = [Entry(line.series, line.look, line.colour) for line in lines]
        box = box.without(bottom=draw_legend(page, box, legend, entries))
    base = look_of(panel, "")
    top = _top(lines, base)
    bottom = _bottom(lines, base)
    ticks = _ticks(bottom, top, base.unit, max(2, int(box.height / 34)))
    labels = [written(tick, base.unit, base.decimals) for tick in ticks]
    margin = max(page.width_of(label, _TICK_SIZE) for label in labels) + 12
    frame = box.without(left=margin, bottom=22, top=4)
    axes = page.axes(frame)
    _prepare(axes, window, bottom, top, ticks)
    _draw_lines(axes, lines)
    _draw_limits(axes, base)
    _draw_marks(axes, marks)
    for tick, label in zip(ticks, labels, strict=True):
        low, high = _span(bottom, top)
        y = frame.bottom - (tick - low) / (high - low) * frame.height
        page.write(frame.x - 6, y, label, size=_TICK_SIZE, colour=MUTED, align="right")
    for moment, label in _moments(window, frame.width):
        x = frame.x + (moment - window.start_s) / window.length_s * frame.width
        page.write(x, frame.bottom + 12, label, size=_TICK_SIZE, colour=MUTED, align="center")
        axes.axvline(moment, color=FAINT, linewidth=points(0.8), zorder=0)


def _lines(panel: Mapping[str, Any], series: Sequence[Series]) -> list[_Line]:
    looks = [look_of(panel, one.name, one.ref_id) for one in series]
    for look in looks:
        style = look.custom.get("drawStyle", "line")
        if style != "line":
            raise PreviewImpossible(
                f"Panel {panel['title']!r}: the preview draws lines over time, not {style!r}."
            )
    ranked = sorted(series, key=lambda one: one.highest or 0.0, reverse=True)
    taken = [look.fixed for look in looks if look.fixed is not None]
    colours = colours_of([one.name for one in ranked], taken)
    return [
        _Line(one, look, look.fixed or colours[one.name])
        for one, look in zip(series, looks, strict=True)
    ]


def _is_stacked(line: _Line) -> bool:
    return bool((line.look.custom.get("stacking") or {}).get("mode", "none") == "normal")


def _prepare(axes: Any, window: Window, bottom: float, top: float, ticks: Sequence[float]) -> None:
    axes.set_facecolor("none")
    axes.set_xlim(window.start_s, window.end_s)
    axes.set_ylim(*_span(bottom, top))
    axes.yaxis.set_major_locator(FixedLocator(list(ticks)))
    axes.grid(axis="y", color=FAINT, linewidth=points(0.8))
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelleft=False, labelbottom=False)
    axes.set_xticks([])
    for side in axes.spines.values():
        side.set_visible(False)


def _span(bottom: float, top: float) -> tuple[float, float]:
    """Return the ends of the axis, with room for half a line's width at either."""
    room = (top - bottom) * 0.012
    return bottom - room, top + room


def _draw_lines(axes: Any, lines: Sequence[_Line]) -> None:
    moments = sorted({at for line in lines if _is_stacked(line) for at in line.series.times})
    grid = np.asarray(moments)
    ground = np.zeros(len(moments))
    for line in lines:
        custom = line.look.custom
        stepped = custom.get("lineInterpolation") == "stepAfter"
        opacity = custom.get("fillOpacity", 0) / 100
        below: Any = 0.0
        if _is_stacked(line):
            there = dict(zip(line.series.times, line.series.values, strict=True))
            own = np.nan_to_num(np.asarray([there.get(at, 0.0) for at in moments]))
            x, y, below = grid, ground + own, ground
            ground = y
        else:
            x, y = np.asarray(line.series.times), np.asarray(line.series.values)
        if opacity:
            axes.fill_between(
                x,
                below,
                y,
                where=np.isfinite(y),
                step="post" if stepped else None,
                color=line.colour,
                alpha=opacity,
                linewidth=0,
                zorder=2,
            )
        width_px = custom.get("lineWidth", 1)
        if width_px:
            (drawn,) = axes.plot(
                x,
                y,
                color=line.colour,
                linewidth=points(width_px) * 1.25,
                drawstyle="steps-post" if stepped else "default",
                solid_joinstyle="round",
                zorder=3,
            )
            fill = (custom.get("lineStyle") or {}).get("fill", "solid")
            if fill != "solid":
                drawn.set_dashes(_DASHES[fill])


def _draw_limits(axes: Any, look: Look) -> None:
    """Draw thresholds that lie in view; the axis is not stretched for the others."""
    mode = (look.custom.get("thresholdsStyle") or {}).get("mode", "off")
    if mode == "off":
        return
    if mode not in ("dashed", "line"):
        raise PreviewImpossible(f"The preview draws thresholds as lines, not as {mode!r}.")
    for step in look.steps:
        if math.isfinite(step.value):
            axes.axhline(
                step.value,
                color=step.colour,
                linewidth=points(1.4),
                linestyle=(0, (7, 5)) if mode == "dashed" else "-",
                zorder=2.5,
            )


def _draw_marks(axes: Any, marks: Sequence[Mark]) -> None:
    for at, colour in dict.fromkeys((mark.start_s, mark.colour) for mark in marks):
        axes.axvline(at, color=colour, linewidth=points(1), dashes=(3, 3), zorder=4)
    for mark in marks:
        if mark.end_s > mark.start_s:
            axes.axvspan(mark.start_s, mark.end_s, color=mark.colour, alpha=0.08, linewidth=0)


def _top(lines: Sequence[_Line], base: Look) -> float:
    if base.maximum is not None:
        return base.maximum
    heights = [line.series.highest for line in lines if not _is_stacked(line)]
    sums: dict[float, float] = {}
    for line in lines:
        if _is_stacked(line):
            for at, value in zip(line.series.times, line.series.values, strict=True):
                sums[at] = sums.get(at, 0.0) + (0.0 if math.isnan(value) else value)
    heights += [max(sums.values(), default=None)]
    known = [height for height in heights if height is not None and math.isfinite(height)]
    highest = max(known, default=0.0)
    return highest * _HEADROOM if highest > 0 else _NOTHING_TO_SEE


def _bottom(lines: Sequence[_Line], base: Look) -> float:
    if base.minimum is not None:
        return base.minimum
    finite = [v for line in lines for v in line.series.values if math.isfinite(v)]
    return min(0.0, *finite) if finite else 0.0


def _ticks(bottom: float, top: float, unit: str, most: int) -> list[float]:
    """Return round values; of bytes multiples of powers of two, of time of whole units."""
    if (bottom, top) == (0.0, _NOTHING_TO_SEE):
        return [bottom, top]
    scale = 1.0
    steps: Sequence[float] = (1, 2, 2.5, 5, 10)
    if is_binary(unit) and top > 0:
        scale = 1024.0 ** math.floor(math.log(top, 1024))
        steps = (1, 2, 4, 5, 8, 10)
    elif unit == "s" and top > 0:
        scale = 60.0 if 120 < top <= 7200 else 3600.0 if top > 7200 else 1.0
    locator = MaxNLocator(nbins=min(most, 6), steps=list(steps))
    found = [float(tick) * scale for tick in locator.tick_values(bottom / scale, top / scale)]
    return [tick for tick in found if bottom - 1e-12 <= tick <= top * (1 + 1e-9)]


def _moments(window: Window, width: float) -> list[tuple[float, str]]:
    """Return moments to label: counted from T-0 where there is one, else the time of day."""
    most = max(2, int(width / _TICK_GAP))
    stride = next((s for s in _STRIDES_S if window.length_s / s <= most), _STRIDES_S[-1])
    origin = 0.0 if window.opens_s is None else window.opens_s
    first = math.ceil((window.start_s - origin) / stride)
    last = math.floor((window.end_s - origin) / stride)
    return [
        (origin + number * stride, moment_words(origin + number * stride, window))
        for number in range(first, last + 1)
    ]


def moment_words(at_s: float, window: Window) -> str:
    """Write a moment: `T-0`, `+10 s`, `-1 min 30 s`, or the time of day."""
    if window.opens_s is None:
        day_s = math.floor(at_s) % 86_400
        return f"{day_s // 3600:02d}:{day_s % 3600 // 60:02d}:{day_s % 60:02d}"
    away = round(at_s - window.opens_s, 1)
    if away == 0:
        return "T-0"
    sign = "+" if away > 0 else "−"
    minutes, seconds = divmod(abs(away), 60)
    if not minutes:
        return f"{sign}{seconds:g} s"
    return f"{sign}{minutes:g} min" + (f" {seconds:g} s" if seconds else "")
