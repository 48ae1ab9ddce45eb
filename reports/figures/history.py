"""Figure: numbers over the last runs of a plan on a machine, with the changes of their level."""

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from dress_rehearsal.reports.directions import unit_of
from dress_rehearsal.reports.figures.drawing import Drawing, Missing, drawn
from dress_rehearsal.reports.figures.layout import Sheet
from dress_rehearsal.reports.figures.palette import BLUE, INK, MUTED, VERMILLION
from dress_rehearsal.reports.history.entry import metric_of
from dress_rehearsal.reports.history.series import FEWEST, Change, Series
from dress_rehearsal.reports.words import counted, written

_HEADING: Final = "Over the last runs"
_BOUNDS: Final = (
    " A triangle is a lower bound, for requests were given up: the number is at least that."
)


def draw_history(
    series: Series, metrics: Sequence[str], last: int = 100, name: str = "history"
) -> Drawing | Missing:
    """Return numbers over the last runs, a panel each; a change of level is a line between runs."""
    entries = series.entries[-last:]
    if len(entries) < 2 or not metrics:
        return Missing(name, _HEADING, "There is one run only: nothing to draw it beside.")
    places = {entry.run: place for place, entry in enumerate(entries, start=1)}
    shown, undecided = (
        [change for change in changes if change.run in places]
        for changes in (series.changes, series.undecided)
    )
    caption = (
        f"{counted(len(entries), 'run')}, {entries[0].when:%Y-%m-%d %H:%M} to "
        f"{entries[-1].when:%Y-%m-%d %H:%M} UTC, at equal distances. Each point is a run; grey "
        f"ones were disturbed and are left out where changes are looked for. A line between two "
        f"runs: there the level changed; dashes: the means before and after."
    )
    if any(metric in entry.at_least for entry in entries for metric in metrics):
        caption += _BOUNDS

    def draw(sheet: Sheet) -> None:
        for place, metric in enumerate(metrics):
            counts = np.array([entry.counts(metric) for entry in entries])
            values = np.array([_float(entry.numbers.get(metric)) for entry in entries], dtype=float)
            unit = unit_of(metric_of(metric))
            panel = sheet.panel(f"{metric}{f', {unit}' if unit else ''}", 90, beside=place % 2 > 0)
            x = np.arange(1, len(entries) + 1)
            bounds = np.array([metric in entry.at_least for entry in entries])
            for chosen, colour, words in ((counts, BLUE, "a run"), (~counts, MUTED, "disturbed")):
                exact, bound = chosen & ~bounds, chosen & bounds
                if not np.isnan(values[exact]).all():
                    panel.points(x[exact], values[exact], colour, words)
                if bound.any():
                    panel.points(x[bound], values[bound], colour, f"{words}: at least", marker="^")
            own = [change for change in shown if change.metric == metric]
            left_open = [change for change in undecided if change.metric == metric]
            _levels(panel, own, left_open, places, len(entries))
            known = values[~np.isnan(values)]
            lowest, highest = (known.min(), known.max()) if len(known) else (0.0, 1.0)
            panel.axis_of_counts(min(0.0, lowest), max(0.0, highest), _plain)
            panel.axes.set_xlim(0.5, len(entries) + 0.5)
            panel.tick_numbers(6, integer=True)

    return drawn(name, _HEADING, _finding(series, shown), caption, "Runs, the oldest first", draw)


def _levels(
    panel: Any,
    changes: Sequence[Change],
    undecided: Sequence[Change],
    places: dict[str, int],
    runs: int,
) -> None:
    """Mark each change, and draw the level on both sides, up to the next, be that undecided."""
    ends = [0.5, *(places[each.run] - 0.5 for each in (*changes, *undecided)), runs + 0.5]
    ordered = sorted(changes, key=lambda change: places[change.run])
    for number, change in enumerate(ordered):
        at = places[change.run] - 0.5
        since = max((end for end in ends if end < at), default=at)
        until = min(end for end in ends if end > at)
        panel.mark(at, VERMILLION, "" if number else "the level changed")
        panel.line([since, at], [change.before] * 2, INK, kind="dashed", width=1.0)
        panel.line([at, until], [change.after] * 2, INK, kind="dashed", width=1.0)


def _finding(series: Series, changes: Sequence[Change]) -> str:
    if changes:
        newest = changes[0]
        ends = newest.level_words
        more = f", the newest of {len(changes)} changes" if len(changes) > 1 else ""
        return f"{newest.metric} changed from {' to '.join(ends)} with the run {newest.run}{more}"
    if series.believed < FEWEST:
        return (
            f"{counted(series.believed, 'undisturbed run')}: fewer than {FEWEST}, in which no "
            f"change can be told from chance"
        )
    among = f"{counted(series.believed, 'undisturbed run')}{series.left_out_words}"
    if series.undecided:
        return f"Of no number it is certain that its level changed in {among}"
    return f"No number changed its level in {among}"


def _plain(value: float) -> str:
    """Return a number without its unit, which the label has; also between whole ones."""
    return written(value)


def _float(value: float | None) -> float:
    return math.nan if value is None else float(value)
