"""Graphs of text: counts over time as columns of blocks, for a terminal or a pipe."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

_EIGHTHS: Final = " ▁▂▃▄▅▆▇█"
_NICE: Final = (1, 1.5, 2, 3, 4, 5, 6, 8)
_LONG_S: Final = 600
_EVERY: Final = 10
"""Columns from one label of the time to the next."""


def nice_width_s(span_s: float, columns: int) -> float:
    """Return how many seconds a column stands for: 0.1, 0.15, 0.2, 0.3 …, so that all fit."""
    power = 0.1
    while True:
        for step in _NICE:
            width_s = round(step * power, 6)
            if span_s / width_s <= columns:
                return width_s
        power *= 10


def counted_in(
    when: NDArray[np.float64], begin_s: float, width_s: float, columns: int
) -> list[int]:
    """Return how many of some moments fall into each column."""
    edges = begin_s + width_s * np.arange(columns + 1)
    return [int(count) for count in np.histogram(when - 1e-9 * width_s, edges - 2e-9 * width_s)[0]]


def bars(counts: Sequence[int], height: int = 1) -> list[str]:
    """Return the lines of a graph whose highest column fills its height; 0 leaves a blank.

    What is more than nothing is never drawn as nothing.
    """
    most = max(counts, default=0)
    levels = [math.ceil(8 * height * count / most) if most else 0 for count in counts]
    return [
        "".join(_EIGHTHS[min(max(level - 8 * row, 0), 8)] for level in levels).rstrip()
        for row in reversed(range(height))
    ]


def time_axis(begin_s: float, width_s: float, columns: int) -> str:
    """Return the line below a graph: T-0 where it is, and seconds from it every ten columns."""
    zero = round(-begin_s / width_s)
    is_there = 0 <= zero < columns
    first = zero % _EVERY if is_there else 0
    line = [" "] * columns
    for column in sorted(range(first, columns, _EVERY), key=lambda each: each != zero):
        moment = "T-0" if column == zero else _moment(begin_s + column * width_s)
        around = line[max(column - 1, 0) : column + len(moment) + 1]
        if column + len(moment) <= columns and not "".join(around).strip():
            line[column : column + len(moment)] = moment
    return "".join(line).rstrip()


def _moment(at_s: float) -> str:
    """Return seconds from T-0, or minutes where they are many: "+4s", "-2min"."""
    at_s = round(at_s, 3)
    if abs(at_s) >= _LONG_S and at_s % 60 == 0:
        return f"{at_s / 60:+g}min"
    return f"{at_s:+g}s"
