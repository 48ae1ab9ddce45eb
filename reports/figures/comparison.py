"""Figure: several runs side by side, one small panel of bars a quantity."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from dress_rehearsal.reports.figures.layout import FONT_PT, WIDTH_PT, Poster
from dress_rehearsal.reports.figures.palette import BLUE, GRID, INK, MUTED, VERMILLION
from dress_rehearsal.reports.figures.style import own_style
from dress_rehearsal.reports.figures.svg import Svg, text_width_pt

_ROW_PT: Final = 22.0
_GAP_PT: Final = 26.0
_LABEL_SHARE: Final = 0.35
"""Of a panel's width: longer labels stand above their bars and leave these the room."""
_NAMED_PT: Final = 160.0
"""How long a run's name may be in the title."""


@dataclass(frozen=True, slots=True)
class Bars:
    """One quantity of every run; `marks` are drawn as a line beyond each bar."""

    label: str
    values: Sequence[float | None]
    words: Callable[[float], str]
    marks: Sequence[float | None] = ()


@own_style()
def draw_comparison(labels: Sequence[str], quantities: Sequence[Bars]) -> Svg:
    """Return a drawing of a panel a quantity, two beside each other, each with a bar a run."""
    wide = (WIDTH_PT - 16 - _GAP_PT) / 2
    above = max(text_width_pt(name, FONT_PT) for name in labels) > _LABEL_SHARE * wide
    lines = 2 if above else 1
    panel = FONT_PT * 2.2 + len(labels) * lines * _ROW_PT + _GAP_PT / 2
    body = -(-len(quantities) // 2) * panel + FONT_PT
    poster = Poster(_finding(labels, quantities), body)
    names = [_shortened(name, wide) for name in labels]
    for position, bars in enumerate(quantities):
        x = 8 + (position % 2) * (wide + _GAP_PT)
        top = poster.top_pt + (position // 2) * panel
        _draw_panel(poster, x, top, wide, names, bars, above=above)
    return poster.svg("comparison", "One panel a quantity, one bar a run, all from zero.")


def _draw_panel(
    poster: Poster,
    x: float,
    top: float,
    wide: float,
    labels: Sequence[str],
    bars: Bars,
    *,
    above: bool,
) -> None:
    poster.write(x, top + FONT_PT * 1.4, bars.label, bold=True)
    marks = list(bars.marks) or [None] * len(labels)
    said = [_said(value, mark, bars) for value, mark in zip(bars.values, marks, strict=True)]
    left = 0.0 if above else max(text_width_pt(name, FONT_PT) for name in labels) + 8
    right = max(text_width_pt(words, FONT_PT) for words in said) + 8
    known = [value for value in (*bars.values, *marks) if value is not None]
    scale = max(wide - left - right, 20.0) / max([*known, 1e-9])
    y = top + FONT_PT * 2.2
    for name, value, mark, words in zip(labels, bars.values, marks, said, strict=True):
        poster.write(x, y + _ROW_PT * 0.64, name)
        if above:
            y += _ROW_PT
        poster.box(x + left, y + 4, wide - left - right, _ROW_PT - 8, GRID, alpha=0.45)
        end = x + left
        if value is not None:
            poster.box(end, y + 4, value * scale, _ROW_PT - 8, BLUE)
            end += value * scale
        if mark is not None:
            poster.box(x + left + mark * scale - 1, y + 2, 2, _ROW_PT - 4, VERMILLION)
            end = max(end, x + left + mark * scale)
        poster.write(end + 5, y + _ROW_PT * 0.64, words, colour=INK if words else MUTED)
        y += _ROW_PT


def _shortened(name: str, wide: float) -> str:
    """Return a name as long as there is room for it."""
    if text_width_pt(name, FONT_PT) <= wide:
        return name
    while name and text_width_pt(f"{name}…", FONT_PT) > wide:
        name = name[:-1]
    return f"{name}…"


def _said(value: float | None, mark: float | None, bars: Bars) -> str:
    if value is None:
        return "not measured"
    return bars.words(value) if mark is None else f"{bars.words(value)} / {bars.words(mark)}"


def _finding(labels: Sequence[str], quantities: Sequence[Bars]) -> str:
    """Return which run needed least of each quantity that differs by a tenth or more."""
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
            low, high = (_shortened(name, _NAMED_PT) for name in (best, worst))
            said.append(f"{subject}, {low}: {bars.words(least)} against {high}: {bars.words(most)}")
    if not said:
        return "The runs do not differ by a tenth in anything shown"
    finding = "; ".join(said)
    return finding[0].upper() + finding[1:]
