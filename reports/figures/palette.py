"""How every figure looks: colours that colour-blind readers can tell apart, and sizes."""

from dataclasses import dataclass
from typing import Final

# Okabe and Ito's palette (https://jfly.uni-koeln.de/color/), without its yellow, too pale on paper.
BLUE: Final = "#0072b2"
ORANGE: Final = "#e69f00"
GREEN: Final = "#009e73"
SKY: Final = "#56b4e9"
VERMILLION: Final = "#d55e00"
PURPLE: Final = "#cc79a7"

INK: Final = "#1b1f24"
MUTED: Final = "#57606a"
LOSS: Final = "#a40000"
FAULT: Final = "#8250df"
GRID: Final = "#d8dee4"
PAPER: Final = "#ffffff"

COLOURS: Final = {
    colour: name.lower() for name, colour in globals().items() if str(colour).startswith("#")
}
"""The names of those above: a page may set each by a CSS variable (`--figure-ink`, …), as for a
dark theme."""

OUTCOME_COLOURS: Final = {
    "ok": GREEN,
    "refused": SKY,
    "failed": VERMILLION,
    "unknown": PURPLE,
}


@dataclass(frozen=True, slots=True)
class Form:
    """A shape every figure is drawn in; lengths in points, which become SVG units."""

    name: str
    width_pt: float
    font_pt: float
    columns: int
    """How many panels may stand side by side."""


WIDE: Final = Form("wide", width_pt=760, font_pt=9.5, columns=2)
NARROW: Final = Form("narrow", width_pt=360, font_pt=11, columns=1)
FORMS: Final = (WIDE, NARROW)
"""For screens and paper, and for telephones: a page shows the one that fits."""
