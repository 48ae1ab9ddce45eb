"""Previews: dashboards drawn panel by panel from their JSON and what Prometheus knows of a run.

They show what Grafana would, as far as the dashboards here use it: queries with their variables
filled in, steps, units, colours, thresholds, mappings, legends, transformations and annotations.
"""

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from dress_rehearsal.dashboards.errors import DashboardsError
from dress_rehearsal.dashboards.preview_answers import Series, Window, answers
from dress_rehearsal.dashboards.preview_course import draw_course, moment_words
from dress_rehearsal.dashboards.preview_fields import PreviewImpossible
from dress_rehearsal.dashboards.preview_marks import Mark, marks
from dress_rehearsal.dashboards.preview_numbers import draw_bars, draw_gauge, draw_stat, ground_of
from dress_rehearsal.dashboards.preview_page import Box, Page
from dress_rehearsal.dashboards.preview_palette import ALARM, INK, MUTED
from dress_rehearsal.dashboards.preview_words import draw_table, draw_text
from dress_rehearsal.dashboards.prometheus_api import PrometheusApi

_COLUMNS: Final = 24
_WIDTH: Final = 1800
_EDGE: Final = 16
_CELL_WIDTH: Final = (_WIDTH - 2 * _EDGE) / _COLUMNS
_CELL_HEIGHT: Final = 38
_GUTTER: Final = 4
_PAD: Final = 10
_TITLE: Final = 30
_MARK_LINE: Final = 20
_MARK_GAP: Final = 28
_NAMED_MOST: Final = 3
_NO_QUERIES: Final = ("row", "text", "logs")


@dataclass(frozen=True, slots=True)
class Preview:
    """A dashboard that was drawn.

    Attributes:
        empty: titles of panels that show no data.
    """

    uid: str
    title: str
    path: Path
    empty: tuple[str, ...]


def preview(
    api: PrometheusApi, dashboards: Iterable[Mapping[str, Any]], window: Window, out: Path
) -> list[Preview]:
    """Draw `<uid>.png` of every dashboard into a folder.

    Raises:
        PrometheusError: Prometheus does not answer a query.
        PreviewImpossible: a dashboard uses what the preview does not draw.
        DashboardsError: the pictures cannot be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        return [_preview(api, dashboard, window, out) for dashboard in dashboards]
    except OSError as error:
        raise DashboardsError(
            f"The previews cannot be written to {out}: {error.strerror or error}; free some space "
            f"there or choose another folder with --out."
        ) from error


def _preview(
    api: PrometheusApi, dashboard: Mapping[str, Any], window: Window, out: Path
) -> Preview:
    happened = marks(api, dashboard, window)
    panels = [*_placed(dashboard["panels"])]
    height = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels) * _CELL_HEIGHT
    listed = _mark_lines(happened, window)
    head = 70 + _MARK_LINE * len(listed)
    page = Page(_WIDTH, head + height + 2 * _EDGE)
    _head(page, dashboard, window, listed)
    empty = []
    for panel in panels:
        grid = panel["gridPos"]
        box = Box(
            _EDGE + grid["x"] * _CELL_WIDTH,
            _EDGE + head + grid["y"] * _CELL_HEIGHT,
            grid["w"] * _CELL_WIDTH,
            grid["h"] * _CELL_HEIGHT,
        ).inset(_GUTTER)
        series = []
        if panel["type"] not in _NO_QUERIES:
            series = answers(api, panel, window, points=box.width)
            if all(one.last is None for one in series):
                empty.append(panel["title"])
        _panel(page, box, panel, series, happened, window)
    path = out / f"{dashboard['uid']}.png"
    page.save(path)
    return Preview(dashboard["uid"], dashboard["title"], path, tuple(empty))


def _placed(panels: Iterable[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    """Return rows and panels; those inside a collapsed row, which nobody sees, are refused."""
    for panel in panels:
        if panel["type"] == "row" and panel.get("collapsed"):
            raise PreviewImpossible(
                f"The row {panel['title']!r} is collapsed: what is in it cannot be looked at. "
                f"Leave it open."
            )
        yield panel


def _panel(
    page: Page,
    box: Box,
    panel: Mapping[str, Any],
    series: Sequence[Series],
    happened: Sequence[Mark],
    window: Window,
) -> None:
    kind, title = panel["type"], panel["title"]
    if kind == "row":
        page.write(box.x + 2, box.y + box.height / 2, f"▾ {title}", size=16, bold=True)
        return
    ground, ink = ground_of(panel, series)
    page.card(box, ground)
    inner = box.inset(_PAD)
    page.write(inner.x, inner.y + 8, title, size=14, bold=True, colour=ink, within=inner.width)
    content = inner.without(top=_TITLE)
    middle = content.x + content.width / 2, content.y + content.height / 2
    if kind == "text":
        draw_text(page, content, panel["options"]["content"])
    elif kind == "logs":
        words = "Lines of logs come from Loki; Prometheus, and so this preview, has none."
        page.write(*middle, words, size=14, colour=MUTED, italic=True, align="center")
    elif all(one.last is None for one in series):
        page.write(*middle, "No data", size=22, colour=ALARM, bold=True, align="center")
    elif kind == "timeseries":
        draw_course(page, content, panel, series, happened, window)
    elif kind == "stat":
        draw_stat(page, content, panel, series, window)
    elif kind == "gauge":
        draw_gauge(page, content, panel, series)
    elif kind == "bargauge":
        draw_bars(page, content, panel, series)
    elif kind == "table":
        draw_table(page, content, panel, series)
    else:
        raise PreviewImpossible(f"Panel {title!r} is a {kind}, which the preview cannot draw.")


def _head(
    page: Page,
    dashboard: Mapping[str, Any],
    window: Window,
    listed: Sequence[Sequence[tuple[str, str]]],
) -> None:
    page.write(_EDGE + 4, 34, dashboard["title"], size=26, bold=True)
    about = textwrap.shorten(dashboard.get("description", ""), 200, placeholder=" …")
    page.write(_EDGE + 4, 62, about, size=14, colour=MUTED)
    span = f"{moment_words(window.start_s, window)} to {moment_words(window.end_s, window)}"
    page.write(_WIDTH - _EDGE, 34, f"Run {window.run}", size=14, align="right")
    page.write(_WIDTH - _EDGE, 62, span, size=14, colour=MUTED, align="right")
    for number, line in enumerate(listed):
        x, y = _EDGE + 4.0, 88 + _MARK_LINE * number
        for colour, words in line:
            page.bar(Box(x, y - 6, 3, 12), colour)
            page.write(x + 8, y, words, size=12, colour=INK)
            x += _MARK_GAP + page.width_of(words, 12)


def _mark_lines(happened: Sequence[Mark], window: Window) -> list[list[tuple[str, str]]]:
    """Say what happened when, each with its colour, in lines that fit the page."""
    ruler = Page(10, 10)
    lines: list[list[tuple[str, str]]] = []
    x = float("inf")
    for (moment, _, colour), found in groupby(happened, key=lambda mark: _group(mark, window)):
        words = f"{moment} {_titles(list(found))}"
        width = _MARK_GAP + ruler.width_of(words, 12)
        if x + width > _WIDTH - 2 * _EDGE:
            lines.append([])
            x = 0.0
        lines[-1].append((colour, words))
        x += width
    return lines


def _group(mark: Mark, window: Window) -> tuple[str, str, str]:
    moment = moment_words(mark.start_s, window)
    if mark.end_s > mark.start_s:
        moment += f" to {moment_words(mark.end_s, window)}"
    return moment, mark.annotation, mark.colour


def _titles(found: Sequence[Mark]) -> str:
    """Name what happened at one moment, or count it where there is much of a kind."""
    if len(found) > _NAMED_MOST:
        return f"{found[0].annotation}: {len(found)}"
    return ", ".join(" ".join(mark.title.split()) for mark in found)
