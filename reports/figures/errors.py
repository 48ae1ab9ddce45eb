"""Figure: errors by code over time."""

from typing import Final

import numpy as np

from dress_rehearsal.records.tables import ABANDONED
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.figures.drawing import Drawing, Missing, drawn
from dress_rehearsal.reports.figures.layout import Sheet
from dress_rehearsal.reports.figures.palette import (
    BLUE,
    GREEN,
    MUTED,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
)
from dress_rehearsal.reports.figures.time_axis import bins_s, counts
from dress_rehearsal.reports.students.errors_met import met_errors
from dress_rehearsal.reports.words import counted, percent, seconds, written

_COLOURS: Final = (VERMILLION, PURPLE, ORANGE, BLUE, GREEN, SKY)
"""The most frequent codes have one each; all others share another."""


def draw_errors(evidence: Evidence, window_s: tuple[float, float] | None) -> Drawing | Missing:
    """Return how many requests met which error when."""
    name, heading = "errors", "Errors over time"
    met, timeline = met_errors(evidence), evidence.timeline
    if window_s is None or evidence.requests.empty:
        return Missing(name, heading, "No request was recorded, so no error is known.")
    if not len(met):
        return Missing(name, heading, _none(evidence))
    requests = len(evidence.requests) - _abandoned(evidence)
    # All of them, also those of a long lead that other figures cut.
    room = 0.01 * (window_s[1] - window_s[0])
    first_s, last_s = float(np.min(met.at_s)), float(np.max(met.at_s))
    window_s = min(window_s[0], first_s - room), max(window_s[1], last_s + room)
    edges = bins_s(window_s, events=len(met))
    order = np.argsort(-np.bincount(met.code, minlength=len(met.codes)), kind="stable")
    alone = order[: len(_COLOURS)]
    stack = [
        (counts(met.at_s[met.code == place], edges), colour, f"{met.codes[place]}")
        for place, colour in zip(alone, _COLOURS, strict=False)
    ]
    others = ~np.isin(met.code, alone)
    if others.any():
        words = f"{counted(len(order) - len(alone), 'other code')}"
        stack.append((counts(met.at_s[others], edges), MUTED, words))
    width = seconds(edges[1] - edges[0])
    title = (
        f"{counted(len(met), 'request')} of {written(requests)} "
        f"({percent(len(met), requests)}) failed or got no answer"
    )
    if len(order) > 1:
        first = int((met.code == order[0]).sum())
        title += f", {written(first)} of them {met.codes[order[0]]}"
    caption = (
        f"Requests that failed or got no answer, per {width}, at the moment when that was known. "
        "Refusals (sold out, not enrolled, too early) are answers, and no errors."
        f"{_left_out(evidence)}{timeline.note}"
    )

    def draw(sheet: Sheet) -> None:
        panel = sheet.timed_panel(f"Errors per {width}", 150, window_s, timeline)
        panel.stack(stack, edges)
        panel.axis_of_counts(0, float(np.sum([part for part, *_ in stack], axis=0).max()))

    return drawn(name, heading, title, caption, timeline.label, draw)


def _none(evidence: Evidence) -> str:
    """Return that no request met an error: of those that somebody still wanted."""
    wanted = len(evidence.requests) - _abandoned(evidence)
    said = (
        f"Every one of {counted(wanted, 'request')} was answered without an error."
        if wanted
        else "No request was wanted to its end."
    )
    return f"{said}{_left_out(evidence)}"


def _left_out(evidence: Evidence) -> str:
    """Return how many requests are not counted, as a sentence; empty where there are none."""
    abandoned = _abandoned(evidence)
    return f" Left out: {written(abandoned)} that a student no longer needed." if abandoned else ""


def _abandoned(evidence: Evidence) -> int:
    """Return how many requests were given up because the student needed the answer no more."""
    return int((evidence.requests["error"] == ABANDONED).sum())
