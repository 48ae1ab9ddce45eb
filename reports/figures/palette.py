"""How every figure looks: colours that colour-blind readers can tell apart, sizes, number words."""

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


def milliseconds(value_ms: float) -> str:
    """Write a time span as people say it, to three digits: `0.4 ms`, `37 ms`, `1.25 s`."""
    if 0 < abs(value_ms) < 0.01:
        return "< 0.01 ms"
    unit, value = ("ms", value_ms) if float(f"{value_ms:.3g}") < 1000 else ("s", value_ms / 1e3)
    if float(f"{value:.3g}") >= 100:
        return f"{value:,.0f} {unit}"
    return f"{float(f'{value:.3g}'):g} {unit}"


def seconds(value_s: float) -> str:
    """Write seconds as `milliseconds` does."""
    return milliseconds(value_s * 1e3)


def count(value: float, noun: str = "", plural: str = "") -> str:
    """Write a whole number with its noun: `1 request`, `12,000 requests`."""
    number = f"{value:,.0f}"
    if not noun:
        return number
    return f"{number} {noun if round(value) == 1 else plural or noun + 's'}"


def offset(value_s: float) -> str:
    """Write a moment on T-0's axis: `T-0`, `T-0 + 3.2 s`, `T-0 − 400 ms`."""
    if abs(value_s) < 0.0005:
        return "T-0"
    return f"T-0 {'−' if value_s < 0 else '+'} {seconds(abs(value_s))}"
