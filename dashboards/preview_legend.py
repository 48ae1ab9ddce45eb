"""Legends: which line is what; as a list, or as a table with what each line came to."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dress_rehearsal.dashboards.preview_answers import Series
from dress_rehearsal.dashboards.preview_fields import Look, PreviewImpossible
from dress_rehearsal.dashboards.preview_page import Box, Page
from dress_rehearsal.dashboards.preview_palette import FAINT, MUTED
from dress_rehearsal.dashboards.preview_units import written

_SIZE: Final = 12
_LINE: Final = 18
_SWATCH: Final = 14
_GAP: Final = 16
_SHARE: Final = 0.42
"""Of the panel's height at most; what does not fit, Grafana lets one scroll to."""

_CALCS: Final[Mapping[str, tuple[str, Callable[[Series], float | None]]]] = {
    "lastNotNull": ("Last *", lambda series: series.last),
    "max": ("Max", lambda series: series.highest),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A series in a legend."""

    series: Series
    look: Look
    colour: str


def draw_legend(page: Page, box: Box, legend: Mapping[str, Any], entries: Sequence[Entry]) -> float:
    """Draw a legend at the bottom of a box; gives the height it took."""
    if legend["placement"] != "bottom":
        raise PreviewImpossible("The preview draws legends at the bottom only.")
    most = max(2, int(box.height * _SHARE / _LINE))
    match legend["displayMode"]:
        case "list":
            return _list(page, box, entries, most)
        case "table":
            return _table(page, box, legend, entries, most)
        case other:
            raise PreviewImpossible(f"The preview draws no legend as {other!r}.")


def _list(page: Page, box: Box, entries: Sequence[Entry], most: int) -> float:
    lines: list[list[tuple[float, Entry]]] = [[]]
    x = 0.0
    for entry in entries:
        width = _SWATCH + 6 + page.width_of(entry.series.name, _SIZE)
        if lines[-1] and x + width > box.width:
            lines.append([])
            x = 0.0
        lines[-1].append((x, entry))
        x += width + _GAP
    shown, hidden = lines, 0
    if len(lines) > most:
        shown, hidden = lines[: most - 1], sum(len(line) for line in lines[most - 1 :])
    height = _LINE * (len(shown) + bool(hidden))
    for number, line in enumerate(shown):
        y = box.bottom - height + _LINE * (number + 0.5)
        for x, entry in line:
            _swatch(page, box.x + x, y, entry)
            name = box.x + x + _SWATCH + 6
            page.write(name, y, entry.series.name, size=_SIZE, within=box.right - name)
    if hidden:
        y = box.bottom - _LINE / 2
        page.write(box.x, y, _more(hidden), size=_SIZE - 1, colour=MUTED, italic=True)
    return height + 4


def _table(
    page: Page, box: Box, legend: Mapping[str, Any], entries: Sequence[Entry], most: int
) -> float:
    columns = []
    for calc in legend["calcs"]:
        if calc not in _CALCS:
            raise PreviewImpossible(f"The preview's legends know no column {calc!r}.")
        columns.append(_CALCS[calc])
    entries = _sorted(legend, columns, entries)
    shown = entries[: max(1, most - 1)]
    height = _LINE * (len(shown) + 1)
    top = box.bottom - height
    cells = [[_number(entry, calc(entry.series)) for _, calc in columns] for entry in shown]
    widths = [
        max(page.width_of(text, _SIZE) for text in (heading, *(row[place] for row in cells)))
        for place, (heading, _) in enumerate(columns)
    ]
    ends = [
        box.right - sum(widths[place + 1 :]) - _GAP * (len(columns) - 1 - place)
        for place in range(len(columns))
    ]
    hidden = len(entries) - len(shown)
    name = f"Name ({_more(hidden)})" if hidden else "Name"
    page.write(box.x, top + _LINE / 2, name, size=_SIZE - 1, colour=MUTED)
    for end, (heading, _) in zip(ends, columns, strict=True):
        page.write(end, top + _LINE / 2, heading, size=_SIZE - 1, colour=MUTED, align="right")
    page.stroke(box.x, top + _LINE, box.right, top + _LINE, FAINT)
    first = ends[0] - widths[0] - _GAP if ends else box.right
    for number, (entry, row) in enumerate(zip(shown, cells, strict=True), start=1):
        y = top + _LINE * (number + 0.5)
        _swatch(page, box.x, y, entry)
        start = box.x + _SWATCH + 6
        page.write(start, y, entry.series.name, size=_SIZE, within=first - start)
        for end, text in zip(ends, row, strict=True):
            page.write(end, y, text, size=_SIZE, align="right")
    return height + 4


def _sorted(
    legend: Mapping[str, Any],
    columns: Sequence[tuple[str, Callable[[Series], float | None]]],
    entries: Sequence[Entry],
) -> list[Entry]:
    by = legend.get("sortBy")
    if by is None:
        return list(entries)
    for heading, calc in columns:
        if heading == by:
            return sorted(
                entries,
                key=lambda entry: value if (value := calc(entry.series)) is not None else -1e300,
                reverse=bool(legend.get("sortDesc")),
            )
    raise PreviewImpossible(f"A legend is sorted by {by!r}, a column it has not.")


def _number(entry: Entry, value: float | None) -> str:
    return "" if value is None else written(value, entry.look.unit, entry.look.decimals)


def _swatch(page: Page, x: float, y: float, entry: Entry) -> None:
    if (entry.look.custom.get("lineStyle") or {}).get("fill", "solid") == "solid":
        page.bar(Box(x, y - 2, _SWATCH, 4), entry.colour)
        return
    for start in (0, _SWATCH * 0.6):
        page.bar(Box(x + start, y - 1.5, _SWATCH * 0.4, 3), entry.colour)


def _more(count: int) -> str:
    return f"and {count} more, by scrolling"
