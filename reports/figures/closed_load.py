"""Figures of a load without students: what was asked and answered, and how long it took."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.latency import at_least, slowest_step
from dress_rehearsal.reports.figures.drawing import Drawing, Missing, drawn
from dress_rehearsal.reports.figures.layout import Sheet
from dress_rehearsal.reports.figures.palette import BLUE, INK, OUTCOME_COLOURS, VERMILLION
from dress_rehearsal.reports.figures.time_axis import bins_s, counts, quantiles
from dress_rehearsal.reports.schema import Latency, Load
from dress_rehearsal.reports.words import counted, given_up_words, milliseconds, seconds, written

_ALONE: Final = 3
"""The busiest kinds of request have a chart each; all others share one."""
_FLOOR_MS: Final = 0.1


def draw_load(
    evidence: Evidence, window_s: tuple[float, float] | None, load: Load
) -> Drawing | Missing:
    """Return the requests and their answers over time."""
    name, heading = "arrivals", "The load"
    requests, timeline = evidence.requests, evidence.timeline
    if window_s is None or requests.empty:
        return Missing(name, heading, "No request was recorded, so there is no load to be drawn.")
    edges = bins_s(window_s, events=len(requests))
    width = seconds(edges[1] - edges[0])
    done_s = timeline.seconds(requests["done_ns"])
    sent = counts(timeline.seconds(requests["sent_ns"]), edges)
    failed = (requests["outcome"] == "failed").to_numpy(dtype=bool)
    busiest = written(load.busiest_second)
    said = f"{written(int(failed.sum()))} failed" if failed.any() else "none failed"
    title = f"{counted(len(requests), 'request')}, up to {busiest} within a second; {said}"
    caption = (
        f"Requests are counted when they were sent, answers when they had come, each per {width}. "
        f"Each user waits for its answer, so a slower target is asked less often."
    )

    def draw(sheet: Sheet) -> None:
        panel = sheet.timed_panel(f"Requests per {width}", 170, window_s, timeline)
        stack = [
            (counts(done_s[chosen], edges), OUTCOME_COLOURS[outcome], words)
            for outcome, chosen, words in (
                ("ok", ~failed, "answered"),
                ("failed", failed, "failed"),
            )
            if chosen.any()
        ]
        panel.stack(stack, edges)
        panel.line(edges, np.append(sent, sent[-1]), INK, "sent", width=1.1, held=True)
        answered = np.sum([part[0] for part in stack], axis=0)
        panel.axis_of_counts(0, max(float(sent.max()), float(answered.max())))

    return drawn(name, heading, title, caption, timeline.label, draw, png=True)


def draw_load_latency(
    evidence: Evidence,
    window_s: tuple[float, float] | None,
    latency_ms: Mapping[str, Latency],
) -> Drawing | Missing:
    """Return the latency of the busiest kinds of request over time, and of all others."""
    name, heading = "latency", "Latency over time"
    frame, timeline = evidence.latency, evidence.timeline
    if window_s is None or frame.empty:
        return Missing(name, heading, "No request was recorded, so there is no latency.")
    edges = bins_s(window_s, events=len(frame))
    at_s = timeline.seconds(evidence.requests["intended_ns"])
    timed = frame[["step", "felt_ms", "outcome"]].assign(at_s=at_s)
    busiest = list(timed["step"].astype("object").value_counts().index[:_ALONE])
    others = timed[~timed["step"].isin(busiest)]
    groups = [(str(step), timed[timed["step"] == step]) for step in busiest]
    groups += [("All others", others)] if len(others) else []
    width = seconds(edges[1] - edges[0])
    caption = (
        f"Percentiles per {width}, at the moment a request was sent; a p99 over fewer than 100 "
        f"requests is their maximum. Times are those of Locust's clients, and a failed request "
        f"counts with the time it took; it stands by its number in the same chart."
    )

    def draw(sheet: Sheet) -> None:
        centres = (edges[:-1] + edges[1:]) / 2
        for label, rows in groups:
            words = f"{label}: latency, ms (log), {counted(len(rows), 'request')}"
            panel = sheet.timed_panel(words, 130, window_s, timeline)
            at_s, took = rows["at_s"].to_numpy(), rows["felt_ms"].to_numpy()
            half, most = (
                np.maximum(each, _FLOOR_MS) for each in quantiles(at_s, took, edges, [0.5, 0.99])
            )
            panel.line(centres, most, BLUE, "p99", width=2.2)
            panel.line(centres, half, INK, "p50", width=1.1)
            shown = np.concatenate([half, most])
            shown = shown[~np.isnan(shown)]
            panel.axis_of_time(*((shown.min(), shown.max()) if len(shown) else (1.0, 1000.0)))
            bad = (rows["outcome"] == "failed").to_numpy(dtype=bool)
            if bad.any():
                text = f"failed, per {width} (right axis)"
                panel.stack_on_the_right([(counts(at_s[bad], edges), VERMILLION, text)], edges)

    return drawn(name, heading, _finding(latency_ms), caption, timeline.label, draw)


def _finding(latency_ms: Mapping[str, Latency]) -> str:
    slowest = slowest_step(latency_ms)
    if slowest is None:
        return "Of no request it is known how long it took"
    own = latency_ms[slowest]
    took = milliseconds(own.p99)
    if at_least(own, "p99"):
        return f"p99 of {slowest} is at least {took}: {given_up_words(own.given_up / own.count)}"
    return f"{slowest} was slowest: 99 of 100 took at most {took}"
