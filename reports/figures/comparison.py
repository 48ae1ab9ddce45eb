"""Figure: sides beside each other, one small panel of bars a quantity, and what came of each."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from dress_rehearsal.reports.figures.layout import LINE, Poster
from dress_rehearsal.reports.figures.palette import (
    BLUE,
    GRID,
    INK,
    MUTED,
    VERMILLION,
    WIDE,
    Form,
)
from dress_rehearsal.reports.figures.style import own_style
from dress_rehearsal.reports.figures.svg import Svg, text_width_pt, wrapped
from dress_rehearsal.reports.words import NOT_MEASURED, bound_words, capitalized

_ROW: Final = 2.3
"""A bar's height and what is around it, over font size."""
_GAP_PT: Final = 26.0
_LABEL_SHARE: Final = 0.35
"""Of a panel's width: longer labels stand above their bars and leave these the room."""
NO_VERDICT: Final = "no verdict"
_NAMED_PT: Final = 160.0
"""How long a side's name may be in the title."""


class Spread(NamedTuple):
    """From where to where a quantity spreads; `goes_on`: `high` is a lower bound."""

    low: float
    high: float
    goes_on: bool = False


@dataclass(frozen=True, slots=True)
class Bars:
    """One quantity of every side; how far it spreads is drawn as a line over its bar, without a
    mark at an end that is a lower bound. `at_least`: which values are lower bounds. `unjudged`: the
    places of sides that have no verdict, and so none of these; a cross stands for their bar.
    """

    label: str
    values: Sequence[float | None]
    words: Callable[[float], str]
    spreads: Sequence[Spread | None] = ()
    at_least: Sequence[bool] = ()
    unjudged: Collection[int] = ()

    @property
    def sides(self) -> Iterator[tuple[float | None, Spread | None, bool]]:
        """Each side's value, how far it spreads, and whether the value is a lower bound."""
        none: Sequence[None] = [None] * len(self.values)
        return zip(
            self.values,
            self.spreads or none,
            self.at_least or [False] * len(self.values),
            strict=True,
        )

    def said(self, place: int) -> str:
        """Return what stands beside the bar of a side."""
        value, _, bound = list(self.sides)[place]
        if value is None:
            return NO_VERDICT if place in self.unjudged else NOT_MEASURED
        return bound_words(self.words(value), at_least=bound)


@own_style()
def draw_comparison(
    labels: Sequence[str],
    quantities: Sequence[Bars],
    ends: Sequence[str] = (),
    *,
    form: Form = WIDE,
) -> Svg:
    """Return a drawing of a panel a quantity, each with a bar a side.

    Args:
        ends: what came of each side, in words below the panels.
        form: how wide it is, and how many panels stand beside each other.
    """
    font, columns = form.font_pt, form.columns
    wide = (form.width_pt - 16 - (columns - 1) * _GAP_PT) / columns
    above = max(text_width_pt(name, font) for name in labels) > _LABEL_SHARE * wide
    lines = 2 if above else 1
    panel = font * 2.2 + len(labels) * lines * font * _ROW + _GAP_PT / 2
    told = [
        wrapped(f"{name}: {words}", form.width_pt - 16, font)
        for name, words in zip(labels, ends or [""] * len(labels), strict=True)
        if words
    ]
    panels_pt = -(-len(quantities) // columns) * panel
    body = panels_pt + font + sum(map(len, told)) * font * LINE
    poster = Poster(_finding(labels, quantities), body, form)
    names = [_shortened(name, wide, font) for name in labels]
    for position, bars in enumerate(quantities):
        x = 8 + (position % columns) * (wide + _GAP_PT)
        top = poster.top_pt + (position // columns) * panel
        _draw_panel(poster, x, top, wide, names, bars, font, above=above)
    y = poster.top_pt + panels_pt
    for line in (line for lines in told for line in lines):
        y += font * LINE
        poster.write(8, y, line, colour=MUTED)
    unjudged = sorted({place for bars in quantities for place in bars.unjudged})
    said = "One panel a quantity, one bar a side, all from zero."
    if unjudged:
        said += f" A cross: {NO_VERDICT} of {', '.join(labels[place] for place in unjudged)}."
    return poster.svg(f"comparison-{form.name}", said)


def _draw_panel(
    poster: Poster,
    x: float,
    top: float,
    wide: float,
    labels: Sequence[str],
    bars: Bars,
    font: float,
    *,
    above: bool,
) -> None:
    row = font * _ROW
    poster.write(x, top + font * 1.4, bars.label, bold=True)
    said = [bars.said(place) for place in range(len(labels))]
    left = 0.0 if above else max(text_width_pt(name, font) for name in labels) + 8
    right = max(text_width_pt(words, font) for words in said) + 8
    ends = [end for spread in bars.spreads if spread for end in (spread.low, spread.high)]
    known = [value for value in (*bars.values, *ends) if value is not None]
    scale = max(wide - left - right, 20.0) / max([*known, 1e-9])
    y = top + font * 2.2
    sides = zip(labels, bars.sides, said, strict=True)
    for place, (name, (value, spread, _), words) in enumerate(sides):
        poster.write(x, y + row * 0.64, name)
        if above:
            y += row
        poster.box(x + left, y + 4, wide - left - right, row - 8, GRID, alpha=0.45)
        if value is not None:
            poster.box(x + left, y + 4, value * scale, row - 8, BLUE)
        if place in bars.unjudged:
            poster.write(x + left + 4, y + row * 0.64, "×", bold=True, colour=VERMILLION)
        if spread is not None:
            _draw_spread(poster, x + left, y, row, scale, spread)
        poster.write(
            x + wide - right + 8, y + row * 0.64, words, colour=MUTED if value is None else INK
        )
        y += row


def _draw_spread(
    poster: Poster, x: float, y: float, row: float, scale: float, spread: Spread
) -> None:
    """Draw from where to where, with an edge at both ends; at one where it goes on."""
    low, high = (x + end * scale for end in (spread.low, spread.high))
    poster.box(low, y + row / 2 - 1, high - low, 2, VERMILLION)
    for end in (low,) if spread.goes_on else (low, high):
        poster.box(end - 1, y + 5, 2, row - 10, VERMILLION)


def _shortened(name: str, wide: float, font: float = WIDE.font_pt) -> str:
    """Return a name as long as there is room for it."""
    if text_width_pt(name, font) <= wide:
        return name
    while name and text_width_pt(f"{name}…", font) > wide:
        name = name[:-1]
    return f"{name}…"


def _finding(labels: Sequence[str], quantities: Sequence[Bars]) -> str:
    """Return who has least and who most of each quantity that differs by a tenth or more, or may.

    Who has least is certain only where that is no lower bound, and who has most only where nobody
    else's is one.
    """
    said, unknown = [], []
    for bars in quantities:
        known = [
            (value, bound, name)
            for (value, _, bound), name in zip(bars.sides, labels, strict=True)
            if value is not None
        ]
        if len(known) < 2:
            continue
        least, most = min(known), max(known)
        subject = bars.label.partition(":")[0].partition(",")[0].lower().replace("cpu", "CPU")
        apart = most[0] > 1.1 * least[0]
        if least[1]:
            unknown.append(subject)
        elif any(each[1] and each is not most for each in known):
            low = f"{_shortened(least[2], _NAMED_PT)}: {bars.words(least[0])}"
            said.append(f"{subject}, {low} is least, and who has most is not known")
        elif apart or most[1]:
            low, high = (
                f"{_shortened(name, _NAMED_PT)}: {bound_words(bars.words(value), at_least=bound)}"
                for value, bound, name in (least, most)
            )
            said.append(f"{subject}, {low} against {high}")
    if unknown:
        said.append(f"of {' and '.join(unknown)} only lower bounds are known, so not who has least")
    if not said:
        return "The sides do not differ by a tenth in anything shown"
    return capitalized("; ".join(said))
