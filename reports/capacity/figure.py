"""Figure: latency and answers against load, every try a mark that says whether it passed."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from dress_rehearsal.reports.capacity.schema import Capacity, CapacityTry
from dress_rehearsal.reports.capacity.standing import Outcome
from dress_rehearsal.reports.figures.drawing import Drawing, Missing, drawn
from dress_rehearsal.reports.figures.layout import Sheet
from dress_rehearsal.reports.figures.palette import BLUE, INK, LOSS, MUTED, ORANGE, VERMILLION
from dress_rehearsal.reports.figures.panel import DASHES, Entry, Panel
from dress_rehearsal.reports.words import milliseconds, written

_MARKS: Final[dict[Outcome, tuple[str, str, str]]] = {
    "pass": ("o", BLUE, "passed"),
    "fail": ("X", VERMILLION, "did not pass"),
    "wrong": ("v", LOSS, "went wrong, by more than its limits"),
    "limited": ("s", ORANGE, "the generator was at its end"),
    "undecided": ("D", MUTED, "undecided"),
}
"""Marker, colour and words of each outcome: the shape says it too."""
_FLOOR_MS: Final = 0.1
_ABOVE: Final = 1.25
"""So far above its mark stands the sign of a lower bound."""
_ROOM: Final = 0.08


def draw_capacity(capacity: Capacity) -> Drawing | Missing:
    """Return latency, and tickets or answers a second, of every try against its load."""
    name, heading = "capacity", "Load, latency and answers"
    timed = [each for each in capacity.tries if each.p99_ms is not None]
    if not timed:
        return Missing(name, heading, "No try answered anything whose time could be taken.")
    caption = (
        f"Every mark is one run. Above: p99 of {capacity.step}, from the moment a student meant to "
        f"act, with its 95% interval within that run. Below: answers of any kind, in the second "
        f"in which most came; and tickets a second from the first to the last. The dotted lines "
        f"are the plan's own number and 1.5 times it."
    )
    if capacity.over == "load.users":
        caption = caption.replace(", from the moment a student meant to act,", ",").replace(
            "; and tickets a second from the first to the last", ""
        )

    def draw(sheet: Sheet) -> None:
        above = sheet.panel(f"p99 of {capacity.step}, ms (log)", 150)
        _latencies(above, capacity, timed)
        _loads(above, capacity)
        above.entries.append(Entry("dotted", INK, "the plan's own number, and 1.5 × it"))
        below = sheet.panel("Answers and tickets a second", 120)
        _answers(below, capacity.tries)
        _loads(below, capacity)

    finding = capacity.sentence.partition(". ")[0].removesuffix(".")
    return drawn(name, heading, finding, caption, capacity.unit, draw)


def _latencies(panel: Panel, capacity: Capacity, timed: Sequence[CapacityTry]) -> None:
    highest = [_upper(each) for each in timed]
    lowest = [max(each.p99_low or each.p99_ms or 0.0, _FLOOR_MS) for each in timed]
    for each, low, high in zip(timed, lowest, highest, strict=True):
        panel.axes.plot([each.load] * 2, [low, high], color=MUTED, linewidth=1.2)
    _marks(panel, timed, lambda each: max(each.p99_ms or 0.0, _FLOOR_MS))
    bounds = [each for each in timed if each.p99_at_least or _is_open(each)]
    if bounds:
        above = [_ABOVE * max(each.p99_ms or 0.0, _FLOOR_MS) for each in bounds]
        text = "triangle: or more, requests were given up"
        panel.points([float(each.load) for each in bounds], above, INK, text, marker="^")
        highest += above
    if capacity.limit_ms is not None:
        panel.limit(capacity.limit_ms, INK, f"the plan's limit, {milliseconds(capacity.limit_ms)}")
        highest.append(capacity.limit_ms)
    panel.axis_of_time(min(lowest), max(highest))


def _is_open(each: CapacityTry) -> bool:
    """Return whether the interval of a p99 has no end, for requests were given up."""
    return each.p99_low is not None and each.p99_high is None


def _upper(each: CapacityTry) -> float:
    """Return up to where the line of an interval goes; without an end, to the sign that says so."""
    ms = each.p99_high or each.p99_ms or 0.0
    return _ABOVE * max(ms, _FLOOR_MS) if _is_open(each) else ms


def _answers(panel: Panel, tries: Sequence[CapacityTry]) -> None:
    rates = [float(each.answers_per_s or 0) for each in tries]
    _median_line(panel, tries, lambda each: each.answers_per_s, INK, "answers, most in a second")
    if any(each.tickets_per_s for each in tries):
        _median_line(panel, tries, lambda each: each.tickets_per_s, BLUE, "tickets", dashed=True)
        rates += [each.tickets_per_s or 0.0 for each in tries]
    shown = [each for each in tries if each.answers_per_s is not None]
    _marks(panel, shown, lambda each: float(each.answers_per_s or 0), named=False)
    panel.axis_of_counts(0, max(rates, default=1.0) or 1.0)


def _median_line(
    panel: Panel,
    tries: Sequence[CapacityTry],
    rate: Callable[[CapacityTry], float | None],
    colour: str,
    text: str,
    *,
    dashed: bool = False,
) -> None:
    """Draw a line through the medians of each load's tries."""
    known = [(float(each.load), value) for each in tries if (value := rate(each)) is not None]
    loads = sorted({load for load, _ in known})
    medians = [float(np.median([value for at, value in known if at == load])) for load in loads]
    panel.line(loads, medians, colour, text, kind="dashed" if dashed else "line", width=1.2)


def _marks(
    panel: Panel,
    tries: Sequence[CapacityTry],
    height: Callable[[CapacityTry], float],
    *,
    named: bool = True,
) -> None:
    for outcome, (marker, colour, words) in _MARKS.items():
        those = [each for each in tries if each.outcome == outcome]
        if not those:
            continue
        panel.axes.plot(
            [each.load for each in those],
            [height(each) for each in those],
            linestyle="",
            marker=marker,
            ms=7,
            color=colour,
            zorder=3,
        )
        if named:
            panel.entries.append(Entry("level", colour, f"{_SHAPES[marker]} {words}"))


_SHAPES: Final = {
    "o": "circle:",
    "X": "cross:",
    "v": "triangle on its tip:",
    "s": "square:",
    "D": "diamond:",
}


def _loads(panel: Panel, capacity: Capacity) -> None:
    """Make x the axis of loads, and mark the plan's own number and 1.5 times it."""
    marked = [float(each.load) for each in capacity.headroom]
    loads = [*marked, *(float(each.load) for each in capacity.tries)]
    room = _ROOM * (max(loads) - min(loads) or max(loads))
    panel.axes.set_xlim(max(min(loads) - room, 0), max(loads) + room)
    panel.tick_numbers(6)
    panel.axes.xaxis.set_major_formatter(_written)
    for load in marked:
        panel.axes.axvline(load, color=INK, linewidth=1.0, linestyle=DASHES["dotted"], zorder=0.8)


def _written(value: float, _position: Any) -> str:
    return written(value)
