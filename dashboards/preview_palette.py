"""The preview's colours: of its page, and of series to which a dashboard gives none."""

from collections.abc import Collection, Sequence
from typing import Final
from zlib import crc32

INK: Final = "#24292e"
MUTED: Final = "#6e7681"
FAINT: Final = "#d8dee4"
PAGE: Final = "#f4f5f5"
PAPER: Final = "#ffffff"
ALARM: Final = "#c4162a"

_SERIES: Final = (
    "#0072b2",
    "#e69f00",
    "#009e73",
    "#cc79a7",
    "#56b4e9",
    "#d55e00",
    "#6a3d9a",
    "#7f6d00",
    "#40616b",
    "#b2182b",
    "#8c510a",
    "#1b7837",
)
"""Okabe and Ito's (https://jfly.uni-koeln.de/color/) first, then darker ones."""
_WHITE_FROM: Final = 2.6
"""The contrast from which on white letters read well when they are large and bold."""


def colours_of(names: Sequence[str], taken: Collection[str] = ()) -> dict[str, str]:
    """Return series colours by their names: no two alike while there are enough for all.

    Args:
        names: those first that must be told apart.
        taken: colours of other series.
    """
    chosen: dict[str, str] = {}
    for name in names:
        first = crc32(name.encode()) % len(_SERIES)
        circle = _SERIES[first:] + _SERIES[:first]
        free = [one for one in circle if one not in taken and one not in chosen.values()]
        chosen.setdefault(name, (free or circle)[0])
    return chosen


def is_dark(colour: str) -> bool:
    """Return whether white letters are the ones to read on a colour `#rrggbb`."""
    return 1.05 / (_luminance(colour) + 0.05) > _WHITE_FROM


def _luminance(colour: str) -> float:
    """Return the relative luminance, https://www.w3.org/TR/WCAG21/#dfn-relative-luminance."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
