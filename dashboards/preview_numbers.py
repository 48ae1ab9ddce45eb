"""Panels of single numbers: large ones, gauges, and bars side by side."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from matplotlib.patches import Wedge

from dress_rehearsal.dashboards.preview_answers import Series, Window
from dress_rehearsal.dashboards.preview_fields import Look, PreviewImpossible, look_of
from dress_rehearsal.dashboards.preview_page import Box, Page, points
from dress_rehearsal.dashboards.preview_palette import FAINT, INK, PAPER, is_dark
from dress_rehearsal.dashboards.preview_units import written

_LARGEST: Final = 46
_SMALLEST: Final = 13
_ROW_MOST: Final = 34


def ground_of(panel: Mapping[str, Any], series: Sequence[Series]) -> tuple[str, str]:
    """Return the colours of a panel's ground and of the words on it."""
    if panel["type"] == "stat" and panel["options"]["colorMode"] == "background_solid":
        numbers = [(one, value) for one in series if (value := one.last) is not None]
        if len(numbers) == 1:
            one, value = numbers[0]
            ground = look_of(panel, one.name, one.ref_id).colour_of_value(value)
            return ground, PAPER if is_dark(ground) else INK
    return PAPER, INK


def draw_stat(
    page: Page, box: Box, panel: Mapping[str, Any], series: Sequence[Series], window: Window
) -> None:
    """Draw a `stat` panel below its title: numbers, and their course behind them."""
    options = panel["options"]
    if options["colorMode"] not in ("value", "background_solid", "none"):
        raise PreviewImpossible(f"The preview draws no stat coloured by {options['colorMode']!r}.")
    ground, ink = ground_of(panel, series)
    shown = _reduced(panel, series)
    width = box.width / max(1, len(shown))
    for place, (one, value) in enumerate(shown):
        part = Box(box.x + place * width, box.y, width, box.height)
        look = look_of(panel, one.name, one.ref_id)
        colour = look.colour_of_value(value) if options["colorMode"] == "value" else ink
        if ground == PAPER and options["graphMode"] == "area" and len(one.times) > 1:
            _course(page, part, one, look.colour_of_value(value), window)
            part = part.without(bottom=part.height * 0.34)
        text = words_for(look, value)
        size = _fitting(page, text, part.width - 12, min(_LARGEST, part.height * 0.62))
        page.write(
            part.x + part.width / 2,
            part.y + part.height / 2,
            text,
            size=size,
            colour=colour,
            bold=True,
            align="center",
        )


def draw_gauge(page: Page, box: Box, panel: Mapping[str, Any], series: Sequence[Series]) -> None:
    """Draw a `gauge` panel below its title: an arc, and the thresholds around it."""
    shown = _reduced(panel, series)
    width = box.width / max(1, len(shown))
    for place, (one, value) in enumerate(shown):
        look = look_of(panel, one.name, one.ref_id)
        low, high = look.minimum or 0.0, 100.0 if look.maximum is None else look.maximum
        side = min(width, box.height * 1.75)
        part = Box(box.x + place * width + (width - side) / 2, box.y, side, side / 1.75)
        axes = page.axes(part)
        axes.set_xlim(-1.08, 1.08)
        axes.set_ylim(-0.17, 1.0643)
        axes.set_axis_off()
        axes.set_aspect("equal")
        share = min(max((value - low) / (high - low), 0.0), 1.0)
        axes.add_patch(Wedge((0, 0), 0.92, 0, 180, width=0.3, color=FAINT, linewidth=0))
        axes.add_patch(
            Wedge(
                (0, 0), 0.92, 180 - 180 * share, 180, width=0.3, color=look.colour_of_value(value)
            )
        )
        edges = [max(step.value, low) for step in look.steps] + [high]
        for step, start, end in zip(look.steps, edges, edges[1:], strict=False):
            angles = [180 - 180 * (at - low) / (high - low) for at in (end, start)]
            axes.add_patch(Wedge((0, 0), 1.04, *angles, width=0.07, color=step.colour))
        text = words_for(look, value)
        page.write(
            part.x + part.width / 2,
            part.bottom - part.height * 0.16,
            text,
            size=_fitting(page, text, part.width * 0.5, 26),
            colour=look.colour_of_value(value),
            bold=True,
            align="center",
        )


def draw_bars(page: Page, box: Box, panel: Mapping[str, Any], series: Sequence[Series]) -> None:
    """Draw a `bargauge` panel below its title: a bar a series, with its name and number."""
    if panel["options"]["orientation"] != "horizontal":
        raise PreviewImpossible("The preview draws horizontal bars only.")
    shown = _reduced(panel, series)
    looks = [look_of(panel, one.name, one.ref_id) for one, _ in shown]
    row = min(_ROW_MOST, box.height / max(1, len(shown)))
    names = min(
        max((page.width_of(one.name, 12) for one, _ in shown), default=0.0) + 10, box.width * 0.5
    )
    texts = [words_for(look, value) for look, (_, value) in zip(looks, shown, strict=True)]
    numbers = max((page.width_of(text, 13, bold=True) for text in texts), default=0.0) + 10
    highest = max((value for _, value in shown if math.isfinite(value)), default=1.0) or 1.0
    for place, ((one, value), look, text) in enumerate(zip(shown, looks, texts, strict=True)):
        y = box.y + row * (place + 0.5)
        low, high = look.minimum or 0.0, highest if look.maximum is None else look.maximum
        ground = Box(box.x + names, y - row * 0.36, box.width - names - numbers, row * 0.72)
        share = min(max((value - low) / ((high - low) or 1.0), 0.0), 1.0)
        page.write(box.x, y, one.name, size=12, within=names - 8)
        page.bar(ground, FAINT)
        colour = look.colour_of_value(value)
        page.bar(Box(ground.x, ground.y, ground.width * share, ground.height), colour)
        page.write(box.right, y, text, size=13, bold=True, colour=colour, align="right")


def words_for(look: Look, value: float | str) -> str:
    """Write a value as its mapping says, or as a number in its unit."""
    mapped = look.mapped(value)
    if mapped is not None and mapped[0] is not None:
        return mapped[0]
    return value if isinstance(value, str) else written(value, look.unit, look.decimals)


def _reduced(panel: Mapping[str, Any], series: Sequence[Series]) -> list[tuple[Series, float]]:
    calcs = panel["options"]["reduceOptions"]["calcs"]
    if calcs != ["lastNotNull"]:
        raise PreviewImpossible(f"The preview shows last values, not {', '.join(calcs)}.")
    return [(one, value) for one in series if (value := one.last) is not None]


def _fitting(page: Page, text: str, width: float, largest: float) -> float:
    size = largest
    while size > _SMALLEST and page.width_of(text, size, bold=True) > width:
        size -= 1
    return size


def _course(page: Page, box: Box, series: Series, colour: str, window: Window) -> None:
    axes = page.axes(box.without(top=box.height * 0.66))
    axes.set_axis_off()
    x, y = np.asarray(series.times), np.asarray(series.values)
    known = y[np.isfinite(y)]
    low, high = float(known.min()), float(known.max())
    axes.set_xlim(window.start_s, window.end_s)
    axes.set_ylim(low, high + ((high - low) or 1.0) * 0.1)
    axes.fill_between(x, low, y, where=np.isfinite(y), color=colour, alpha=0.18, linewidth=0)
    axes.plot(x, y, color=colour, linewidth=points(1.2))
