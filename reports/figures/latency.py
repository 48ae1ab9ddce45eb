"""Figure: what students felt over the run, split into generator and system, with failures."""

from typing import Any

import numpy as np
import pandas as pd

from dress_rehearsal.records.steps import PURCHASE
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.figures.drawing import Drawing, Missing, drawn
from dress_rehearsal.reports.figures.layout import Sheet
from dress_rehearsal.reports.figures.palette import BLUE, GREEN, INK, ORANGE, PURPLE, VERMILLION
from dress_rehearsal.reports.figures.panel import Panel
from dress_rehearsal.reports.figures.time_axis import bins_s, counts, quantiles
from dress_rehearsal.reports.schema import Latency
from dress_rehearsal.reports.words import counted, milliseconds, seconds, written


def draw_latency(
    evidence: Evidence,
    window_s: tuple[float, float] | None,
    bought: Latency | None,
) -> Drawing | Missing:
    """Return the drawing of latency over time, of buying and of everything else."""
    name, heading = "latency", "Latency over time"
    frame, timeline = evidence.latency, evidence.timeline
    if window_s is None or frame.empty:
        return Missing(name, heading, "No request was recorded, so there is no latency.")
    edges = bins_s(window_s, events=len(frame))
    timed = frame.assign(at_s=timeline.seconds(evidence.requests["intended_ns"]))
    buying = timed["role"] == PURCHASE
    groups = [
        (label, rows)
        for label, rows in (("Buying", timed[buying]), ("All other steps", timed[~buying]))
        if not rows.empty
    ]
    bin_width = seconds(edges[1] - edges[0])
    title = _finding(frame, bought)
    caption = (
        f"Percentiles per {bin_width} of the time the student meant to act. Felt is from that "
        "moment to the last byte of the answer; it is made of the generator's late start and the "
        "system's part. A p99 over fewer than 100 requests is their maximum. A failed request "
        "counts with the time it took, one without an answer for as long as it was waited for. "
        "Both also stand by their number in the same chart, at the moment the student meant to act."
    )
    caption += timeline.note

    def draw(sheet: Sheet) -> None:
        for label, rows in groups:
            words = f"{label}: latency, ms (log), {counted(len(rows), 'request')}"
            panel = sheet.timed_panel(words, 165, window_s, timeline)
            _draw_group(panel, rows, edges)

    return drawn(name, heading, title, caption, timeline.label, draw)


def _draw_group(panel: Panel, rows: pd.DataFrame, edges: Any) -> None:
    centres = (edges[:-1] + edges[1:]) / 2
    counting = rows[rows["counts"]]
    at_s = counting["at_s"].to_numpy()
    half, most = quantiles(at_s, counting["felt_ms"].to_numpy(), edges, [0.5, 0.99])
    (system_most,) = quantiles(at_s, counting["system_ms"].to_numpy(), edges, [0.99])
    (late_most,) = quantiles(at_s, counting["generator_ms"].to_numpy(), edges, [0.99])
    floor = 0.1
    panel.line(centres, np.maximum(most, floor), BLUE, "p99 felt", width=2.4)
    panel.line(centres, np.maximum(half, floor), INK, "p50 felt", width=1.1)
    panel.line(centres, np.maximum(system_most, floor), ORANGE, "p99 system", kind="dashed")
    panel.line(centres, np.maximum(late_most, floor), GREEN, "p99 late start", kind="dotted")
    shown = np.concatenate([half, most, system_most, late_most])
    shown = np.maximum(shown[~np.isnan(shown)], floor)
    panel.axis_of_time(*((shown.min(), shown.max()) if len(shown) else (1.0, 1000.0)))
    stack = []
    for outcome, colour in (("failed", VERMILLION), ("unknown", PURPLE)):
        chosen = ((rows["outcome"] == outcome) & ~rows["abandoned"]).to_numpy(dtype=bool)
        if chosen.any():
            text = f"{outcome}, per {seconds(edges[1] - edges[0])} (right axis)"
            stack.append((counts(rows["at_s"].to_numpy()[chosen], edges), colour, text))
    if stack:
        panel.stack_on_the_right(stack, edges)


def _finding(frame: pd.DataFrame, bought: Latency | None) -> str:
    wanted = frame.loc[~frame["abandoned"], "outcome"]
    failed, unknown = int((wanted == "failed").sum()), int((wanted == "unknown").sum())
    parts = [f"{written(failed)} failed"] if failed else []
    parts += [f"{written(unknown)} got no answer"] if unknown else []
    requests = counted(len(frame), "request")
    bad = f"of {requests} {' and '.join(parts)}" if parts else f"none of {requests} failed"
    if bought is None or bought.p99 is None:
        return f"No click to buy was answered; {bad}"
    felt, system = milliseconds(bought.p99), ""
    if bought.system_p99 is not None:
        system = f" (the system's part: {milliseconds(bought.system_p99)})"
    if parts:  # an answer's percentiles mean little without what got none
        clicks = "99 of 100 clicks that were answered or waited for took at most"
        return f"{bad[0].upper()}{bad[1:]}; {clicks} {felt}{system}"
    return f"99 of 100 clicks to buy were answered within {felt}{system}; {bad}"
