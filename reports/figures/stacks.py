"""Figures made of level bars, each stacked of coloured parts, with a label and words at its end."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from dress_rehearsal.reports.figures.drawing import Drawing
from dress_rehearsal.reports.figures.layout import LINE, Poster
from dress_rehearsal.reports.figures.palette import MUTED, NARROW, WIDE, Form
from dress_rehearsal.reports.figures.style import own_style
from dress_rehearsal.reports.figures.svg import Svg, text_width_pt

_BAR: Final = 1.25
"""A bar's height over font size."""
_ROW: Final = 1.9
_EDGE_PT: Final = 8.0


class Legend(NamedTuple):
    """A colour, and what it stands for."""

    colour: str
    text: str


class Bar(NamedTuple):
    """One bar: how long each colour of the legend is in it, and what is said at its end.

    Attributes:
        heading: words above it, where it is the first of several that belong together.
    """

    label: str
    parts: Sequence[float]
    words: str
    heading: str = ""


@own_style()
def draw_stacks(
    name: str,
    heading: str,
    title: str,
    caption: str,
    legend: Sequence[Legend],
    bars: Sequence[Bar],
) -> Drawing:
    """Return a figure of bars on one scale, which ends at the longest, in both forms."""
    wide, narrow = (_drawn(form, name, title, caption, legend, bars) for form in (WIDE, NARROW))
    return Drawing(name, heading, title, caption, wide, narrow)


def _drawn(
    form: Form,
    name: str,
    title: str,
    caption: str,
    legend: Sequence[Legend],
    bars: Sequence[Bar],
) -> Svg:
    font, above = form.font_pt, form.columns == 1
    lines = _flowing(legend, form)
    head = font * (LINE * len(lines) + 0.8)
    step = font * (_ROW + (LINE if above else 0))
    headings = sum(font * (LINE + 0.7) for bar in bars if bar.heading)
    poster = Poster(title, head + step * len(bars) + headings + font, form)
    y = poster.top_pt
    for line in lines:
        y += font * LINE
        for x, (colour, text) in line:
            poster.box(x, y - font * 0.75, font * 1.1, font * 0.8, colour)
            poster.write(x + font * 1.5, y, text)
    y = poster.top_pt + head
    widest = max((text_width_pt(bar.label, font) for bar in bars), default=0.0)
    left = _EDGE_PT + (0.0 if above else widest + font)
    room = max((text_width_pt(bar.words, font) for bar in bars), default=0.0) + font * 1.4
    scale = max(form.width_pt - left - room, 60.0) / max([sum(b.parts) for b in bars] + [1e-9])
    for bar in bars:
        if bar.heading:
            y += font * (LINE + 0.7)
            poster.write(_EDGE_PT, y - font * 0.5, bar.heading, bold=True)
        if above:
            y += font * LINE
            poster.write(_EDGE_PT, y - font * 0.4, bar.label, colour=MUTED)
        else:
            poster.write(_EDGE_PT, y + font * 1.05, bar.label)
        x = left
        for length, (colour, _) in zip(bar.parts, legend, strict=True):
            if length > 0:
                poster.box(x, y, length * scale, font * _BAR, colour)
                x += length * scale
        poster.write(x + font * 0.5, y + font * 1.0, bar.words)
        y += font * _ROW
    return poster.svg(f"{name}-{form.name}", caption)


def _flowing(legend: Sequence[Legend], form: Form) -> list[list[tuple[float, Legend]]]:
    """Arrange a legend's entries, each with its x in points, in as few lines as fit."""
    font = form.font_pt
    lines: list[list[tuple[float, Legend]]] = []
    x = form.width_pt
    for entry in legend:
        needed = font * 1.5 + text_width_pt(entry.text, font)
        if not lines or x + needed > form.width_pt - _EDGE_PT:
            lines.append([])
            x = _EDGE_PT
        lines[-1].append((x, entry))
        x += needed + font * 1.4
    return lines
