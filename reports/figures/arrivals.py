"""Figure: clicks to buy and their answers around T-0, with the tickets left on the same axis."""

import numpy as np
import pandas as pd

from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.sale import Sale
from dress_rehearsal.reports.evidence.timeline import Floats, Timeline
from dress_rehearsal.reports.figures.drawing import Drawing, Missing, drawn
from dress_rehearsal.reports.figures.layout import Sheet
from dress_rehearsal.reports.figures.palette import BLUE, INK, OUTCOME_COLOURS, VERMILLION
from dress_rehearsal.reports.figures.time_axis import bins_s, counts
from dress_rehearsal.reports.words import counted, seconds, written

_BIN_S = 0.1
_LONGEST_S = 20.0
"""A longer window has wider bins, so that each can be seen."""
_WORDS = {
    "ok": "answered: ticket",
    "refused": "answered: refused",
    "failed": "failed",
    "unknown": "no answer (when given up)",
}
_COLUMNS = ("intended_ns", "done_ns", "read_ns", "outcome", "status")


def draw_arrivals(evidence: Evidence) -> Drawing | Missing:
    """Return how the rush to buy came in and was answered, per 0.1 s or, when long, wider."""
    name, heading = "arrivals", "The rush"
    timeline, sale = evidence.timeline, evidence.sale
    buying = _tries(evidence)
    if buying.empty:
        return Missing(name, heading, "No student tried to buy a ticket, so there is no rush.")
    clicks_s = timeline.seconds(buying["intended_ns"])
    untimed = bool((buying["done_ns"].isna() & buying["read_ns"].notna()).any())
    buying = buying.assign(done_ns=buying["done_ns"].fillna(buying["read_ns"]))
    answers_s = {
        outcome: timeline.seconds(buying.loc[buying["outcome"] == outcome, "done_ns"])
        for outcome in _WORDS
    }
    window = _window_s(clicks_s, np.concatenate(list(answers_s.values())), sale)
    edges = bins_s(window, _BIN_S if window[1] - window[0] <= _LONGEST_S else None)
    width = seconds(edges[1] - edges[0])
    lag_s = answers_lag_s(buying, timeline)
    title = _finding(sale, lag_s, len(answers_s["unknown"]), len(answers_s["failed"]))
    beyond = int((clicks_s > window[1]).sum() + (clicks_s < window[0]).sum())
    caption = (
        "Clicks are counted when the student meant to click, answers when they arrived, each per "
        f"{width}; the gap between the line and the filled steps is waiting."
    )
    if lag_s is not None:
        caption += (
            f" The lag is the longest time from the n-th click to the n-th answer, of the clicks "
            f"{'meant from T-0 on ' if timeline.has_t0 else ''}that were answered, by their own "
            f"times and not by these intervals: {seconds(lag_s)}."
        )
    if untimed:
        caption += (
            " Answers without a kernel receive time are shown where the generator read them, "
            "which is later than they arrived."
        )
    if beyond:
        caption += f" {counted(beyond, 'click')} outside the time shown."
    caption += timeline.note
    counted_here = "Purchase requests"
    if evidence.buying.steps.any():
        counted_here = "Tries to buy"
        caption += (
            " A try that takes several requests is clicked with its first and answered with its "
            "last."
        )

    def draw(sheet: Sheet) -> None:
        rush = sheet.timed_panel(f"{counted_here} per {width}", 170, window, timeline)
        stack = [
            (counts(answers_s[outcome], edges), OUTCOME_COLOURS[outcome], words)
            for outcome, words in _WORDS.items()
            if len(answers_s[outcome])
        ]
        if stack:
            rush.stack(stack, edges)
        clicked = counts(clicks_s, edges)
        rush.line(edges, np.append(clicked, clicked[-1]), INK, "clicks", width=1.1, held=True)
        answered = np.sum([part[0] for part in stack], axis=0) if stack else np.zeros(1)
        rush.axis_of_counts(0, max(float(clicked.max()), float(answered.max())))
        if sale.granted:
            _draw_tickets_left(sheet, sale, window, timeline)

    return drawn(name, heading, title, caption, timeline.label, draw, png=True)


def _tries(evidence: Evidence) -> pd.DataFrame:
    """Return the tries to buy: when each was meant to begin, and how its last request ended."""
    tries = evidence.buying
    ended = np.flatnonzero(tries.rows == tries.last)
    ended = ended[np.argsort(tries.last[ended])]
    began = evidence.requests["intended_ns"].iloc[tries.first[ended]]
    last = evidence.requests[list(_COLUMNS)].iloc[tries.last[ended]]
    return last.assign(intended_ns=began.array)


def answers_lag_s(buying: pd.DataFrame, timeline: Timeline) -> float | None:
    """Return the longest time from the n-th click to the n-th answer, of answered clicks after T-0.

    None when nobody who clicked from T-0 on was answered.
    """
    answered = buying[buying["outcome"].isin(["ok", "refused", "failed"]) & (buying["status"] > 0)]
    clicked = timeline.seconds(answered["intended_ns"])
    done = timeline.seconds(answered["done_ns"])
    keep = ~np.isnan(clicked) & ~np.isnan(done) & (clicked >= 0 if timeline.has_t0 else True)
    if not keep.any():
        return None
    return max(float((np.sort(done[keep]) - np.sort(clicked[keep])).max()), 0.0)


def _window_s(clicks_s: Floats, answers_s: Floats, sale: Sale) -> tuple[float, float]:
    """Return the span (s) from before the first clicks until nearly all answers are there."""
    known = answers_s[~np.isnan(answers_s)]
    last = float(known.max()) if len(known) else float(clicks_s.max())
    most = float(np.quantile(known, 0.95)) if len(known) else last
    end = max(most, 2 * (sale.sold_out_s or 0.0), 3.0)
    start = max(float(np.quantile(clicks_s, 0.002)) - 0.3, -max(end, 3.0))
    return min(start, -0.5), max(min(end, last + 0.3), 0.5)


def _draw_tickets_left(
    sheet: Sheet, sale: Sale, window: tuple[float, float], timeline: Timeline
) -> None:
    panel = sheet.timed_panel(f"Tickets left, {sale.witness}", 105, window, timeline)
    at_s = np.linspace(window[0], window[1], 240)
    left = sale.capacity - np.searchsorted(sale.granted_s, at_s, side="right").astype(float)
    panel.area(at_s, np.maximum(left, 0), BLUE, "tickets left")
    if left.min() < 0:
        beyond = f"{written(sale.granted - sale.capacity)} granted beyond the last ticket"
        panel.area(at_s, np.where(left < 0, left, np.nan), VERMILLION, beyond)
    panel.axis_of_counts(min(left.min(), 0), max(sale.capacity, 1))


def _finding(sale: Sale, lag_s: float | None, unknown: int, failed: int) -> str:
    tickets = counted(sale.capacity, "ticket")
    if sale.sold_out_s is not None and sale.granted > sale.capacity:
        finding = (
            f"{written(sale.granted)} grants for {tickets}: "
            f"the last real one went after {seconds(sale.sold_out_s)}"
        )
    elif sale.sold_out_s is not None:
        finding = f"{tickets} went in {seconds(sale.sold_out_s)}"
    elif sale.granted:
        finding = f"{written(sale.granted)} of {tickets} went"
    else:
        finding = f"None of {tickets} went"
    if lag_s is not None:
        finding += f"; answers lagged clicks by up to {seconds(lag_s)}"
    if unknown or failed:
        lost = " and ".join(
            words
            for number, words in (
                (failed, f"{written(failed)} failed"),
                (unknown, f"{written(unknown)} got no answer"),
            )
            if number
        )
        finding += f"; {lost}"
    return finding
