"""Panels of words: tables, and texts in a little Markdown."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from dress_rehearsal.dashboards.preview_answers import Series
from dress_rehearsal.dashboards.preview_fields import Look
from dress_rehearsal.dashboards.preview_numbers import words_for
from dress_rehearsal.dashboards.preview_page import Box, Page
from dress_rehearsal.dashboards.preview_palette import FAINT, INK, MUTED
from dress_rehearsal.dashboards.preview_rows import Cell, Rows, rows

_SIZE: Final = 13
_ROW: Final = 34
_PAD: Final = 8
_NARROWEST: Final = 60
_STYLED: Final = re.compile(r"\*\*(?P<bold>.+?)\*\*|\*(?P<italic>.+?)\*|`(?P<code>.+?)`")


def draw_table(page: Page, box: Box, panel: Mapping[str, Any], series: Sequence[Series]) -> None:
    """Draw a `table` panel below its title."""
    table = rows(panel, series)
    widths = _widths(table, box.width)
    starts = [box.x + sum(widths[:place]) for place in range(len(widths))]
    numeric = [
        any(isinstance(row[place], float) for row in table.cells) for place in range(len(widths))
    ]
    for heading, start, width, right in zip(table.headings, starts, widths, numeric, strict=True):
        _cell(page, start, box.y + _ROW / 2, width, heading, INK, right=right, bold=True)
    page.stroke(box.x, box.y + _ROW, box.right, box.y + _ROW, FAINT, 1.5)
    fit = max(1, int((box.height - _ROW) / _ROW))
    more = len(table.cells) - fit
    if more > 0:
        fit -= 1
    for number, row in enumerate(table.cells[:fit], start=1):
        y = box.y + _ROW * (number + 0.5)
        for cell, look, start, width, right in zip(
            row, table.looks, starts, widths, numeric, strict=True
        ):
            if cell is not None:
                colour = _colour(look, cell)
                _cell(page, start, y, width, words_for(look, cell), colour, right=right)
        below = box.y + _ROW * (number + 1)
        page.stroke(box.x, below, box.right, below, FAINT, 0.7)
    if more > 0:
        y = box.y + _ROW * (fit + 1.5)
        text = f"and {more + 1} rows more, by scrolling"
        page.write(box.x + _PAD, y, text, size=_SIZE - 1, colour=MUTED, italic=True)


def draw_text(page: Page, box: Box, markdown: str) -> None:
    """Draw a `text` panel below its title: paragraphs, lists, bold, italic, code."""
    y = box.y
    for paragraph in markdown.split("\n"):
        indent = 0.0
        text = paragraph.strip()
        if text.startswith("- "):
            page.write(box.x + 4, y + 9, "•", size=_SIZE)
            text, indent = text[2:], 16.0
        y = _flow(page, Box(box.x + indent, y, box.width - indent, box.height), text) + 4


def _flow(page: Page, box: Box, text: str) -> float:
    """Write words from left to right, and on the next line where they do not fit."""
    x, y, space = box.x, box.y + 9, page.width_of("a b", _SIZE) - page.width_of("ab", _SIZE)
    for word, bold, italic, glued in _styled_words(text):
        width = page.width_of(word, _SIZE, bold=bold)
        if not glued and x > box.x:
            x += space
        if x + width > box.right and x > box.x:
            x, y = box.x, y + 18
        page.write(x, y, word, size=_SIZE, bold=bold, italic=italic)
        x += width
    return y + 9


def _styled_words(text: str) -> list[tuple[str, bool, bool, bool]]:
    """Split a text into words: bold, italic, and whether it follows without a space."""
    found: list[tuple[str, bool, bool, bool]] = []

    def add(part: str, *, bold: bool = False, italic: bool = False) -> None:
        for number, word in enumerate(part.split()):
            glued = number == 0 and not part[0].isspace() and not ended_with_space
            found.append((word, bold, italic, glued))

    end = 0
    ended_with_space = True
    for styled in _STYLED.finditer(text):
        plain = text[end : styled.start()]
        if plain:
            add(plain)
            ended_with_space = plain[-1].isspace()
        add(
            styled["bold"] or styled["italic"] or styled["code"],
            bold=styled["bold"] is not None,
            italic=styled["italic"] is not None,
        )
        ended_with_space = False
        end = styled.end()
    if text[end:]:
        add(text[end:])
    return found


def _widths(table: Rows, width: float) -> list[float]:
    """Return every column its width; those without one share what is left."""
    given = [look.custom.get("width") for look in table.looks]
    free = [place for place, one in enumerate(given) if one is None]
    left = width - sum(one for one in given if one is not None)
    share = max(left / len(free), _NARROWEST) if free else 0.0
    found = [share if one is None else float(one) for one in given]
    if not free or sum(found) > width:
        found = [one * width / sum(found) for one in found]
    return found


def _colour(look: Look, cell: Cell) -> str:
    if (look.custom.get("cellOptions") or {}).get("type") == "color-text":
        return look.colour_of_value(cell)
    return INK


def _cell(
    page: Page,
    start: float,
    y: float,
    width: float,
    text: str,
    colour: str,
    *,
    right: bool,
    bold: bool = False,
) -> None:
    x = start + width - _PAD if right else start + _PAD
    page.write(
        x,
        y,
        text,
        size=_SIZE,
        colour=colour,
        bold=bold,
        align="right" if right else "left",
        within=width - 2 * _PAD + 2,
    )
