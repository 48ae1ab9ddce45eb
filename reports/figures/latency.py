"""Figure: what students felt over the run, split into generator and system, with failures."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np

from dress_rehearsal.records.steps import PURCHASE
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.latency import at_least
from dress_rehearsal.reports.evidence.latency_table import LatencyTable
from dress_rehearsal.reports.evidence.purchase_step import PurchaseStep
from dress_rehearsal.reports.evidence.timeline import Floats
from dress_rehearsal.reports.figures.drawing import Drawing, Missing, drawn
from dress_rehearsal.reports.figures.layout import Sheet
from dress_rehearsal.reports.figures.palette import BLUE, GREEN, INK, ORANGE, PURPLE, VERMILLION
from dress_rehearsal.reports.figures.panel import Panel
from dress_rehearsal.reports.figures.time_axis import bins_s, counts, quantiles
from dress_rehearsal.reports.words import counted, given_up_words, milliseconds, seconds, written

_FLOOR_MS: Final = 0.1


def draw_latency(
    evidence: Evidence,
    window_s: tuple[float, float] | None,
    bought: PurchaseStep | None,
) -> Drawing | Missing:
    """Return the drawing of latency over time, of buying and of everything else."""
    name, heading = "latency", "Latency over time"
    frame, timeline = evidence.latency, evidence.timeline
    if window_s is None or frame.empty:
        return Missing(name, heading, "No request was recorded, so there is no latency.")
    edges = bins_s(window_s, events=len(frame))
    meant_ns = evidence.requests["intended_ns"]
    buying = (frame["role"] == PURCHASE).to_numpy(dtype=bool)
    groups = [
        _group(label, frame, lambda which: timeline.seconds(meant_ns, which), chosen, edges)
        for label, chosen in (("Purchases", buying), ("All other steps", ~buying))
        if chosen.any()
    ]
    bin_width = seconds(edges[1] - edges[0])
    title = _finding(frame, bought)
    caption = (
        f"Percentiles per {bin_width} of the time the student meant to act. Felt is from that "
        "moment to the last byte of the answer; it is made of the generator's late start and the "
        "system's part. A p99 over fewer than 100 requests is their maximum. A failed request "
        "counts with the time it took, one without an answer for as long as it was waited for. "
        "Both are also shown by their number in the same chart, at the moment the student meant to "
        "act. What a student no longer needed is left out."
    )
    caption += f"{_outside(evidence, edges)}{timeline.note}"

    def draw(sheet: Sheet) -> None:
        for group in groups:
            _draw_group(sheet.timed_panel(group.words, 165, window_s, timeline), group, edges)

    return drawn(name, heading, title, caption, timeline.label, draw)


class _Group(NamedTuple):
    """What a panel shows of some requests; each series has a value a bin.

    Attributes:
        lines: of the times in ms, how each is drawn.
        bad: how many ended badly, for each way to.
    """

    words: str
    lines: list[tuple[Floats, str, str, Any]]
    bad: list[tuple[Floats, str, str]]


def _group(
    label: str, frame: LatencyTable, at_s: Callable[[Any], Floats], chosen: Any, edges: Floats
) -> _Group:
    counting = chosen & frame["counts"].to_numpy(dtype=bool)
    meant_s = at_s(counting)
    half, most = _percentiles(frame, "felt_ms", meant_s, counting, edges, [0.5, 0.99])
    (system_most,) = _percentiles(frame, "system_ms", meant_s, counting, edges, [0.99])
    (late_most,) = _percentiles(frame, "generator_ms", meant_s, counting, edges, [0.99])
    del meant_s
    wanted = chosen & ~frame["abandoned"].to_numpy(dtype=bool)
    bad = []
    for outcome, colour in (("failed", VERMILLION), ("unknown", PURPLE)):
        ended = wanted & (frame["outcome"] == outcome).to_numpy(dtype=bool)
        if ended.any():
            text = f"{outcome}, per {seconds(edges[1] - edges[0])} (right axis)"
            bad.append((counts(at_s(ended), edges), colour, text))
    return _Group(
        f"{label}: latency, ms (log), {counted(int(counting.sum()), 'request')}",
        [
            (most, BLUE, "p99 felt", {"width": 2.4}),
            (half, INK, "p50 felt", {"width": 1.1}),
            (system_most, ORANGE, "p99 system", {"kind": "dashed"}),
            (late_most, GREEN, "p99 late start", {"kind": "dotted"}),
        ],
        bad,
    )


def _percentiles(
    frame: LatencyTable, column: str, at_s: Floats, chosen: Any, edges: Floats, shares: list[float]
) -> list[Floats]:
    return quantiles(at_s, frame.values(column, chosen), edges, shares)


def _draw_group(panel: Panel, group: _Group, edges: Floats) -> None:
    centres = (edges[:-1] + edges[1:]) / 2
    for values, colour, text, looks in group.lines:
        panel.line(centres, np.maximum(values, _FLOOR_MS), colour, text, **looks)
    shown = np.concatenate([values for values, *_ in group.lines])
    shown = np.maximum(shown[~np.isnan(shown)], _FLOOR_MS)
    panel.axis_of_time(*((shown.min(), shown.max()) if len(shown) else (1.0, 1000.0)))
    if group.bad:
        panel.stack_on_the_right(group.bad, edges)


def _outside(evidence: Evidence, edges: Floats) -> str:
    """Return how many requests count and are of before or after the time shown, as a sentence."""
    meant_s = evidence.timeline.seconds(evidence.requests["intended_ns"])
    outside = (meant_s < edges[0]) | (meant_s > edges[-1])
    number = int((outside & evidence.latency["counts"].to_numpy(dtype=bool)).sum())
    return f" Outside the time shown: {counted(number, 'request')}." if number else ""


def _finding(frame: LatencyTable, buying: PurchaseStep | None) -> str:
    wanted = ~frame["abandoned"]
    failed, unknown = (
        int((wanted & (frame["outcome"] == outcome)).sum()) for outcome in ("failed", "unknown")
    )
    parts = [f"{written(failed)} failed"] if failed else []
    parts += [f"{written(unknown)} got no answer"] if unknown else []
    requests = counted(int(wanted.sum()), "request")
    bad = f"of {requests} {' and '.join(parts)}" if parts else f"none of {requests} failed"
    if buying is None or buying.latency.p99 is None:
        return f"No click to buy was answered; {bad}"
    bought = buying.latency
    clicks = f"requests of {buying.step} ({buying.which})" if buying.which else "clicks to buy"
    if at_least(bought, "p99"):
        told = given_up_words(bought.given_up / bought.count)
        return (
            f"{bad[0].upper()}{bad[1:]}; p99 of {clicks} is at least "
            f"{milliseconds(bought.p99)}: {told}"
        )
    felt, system = milliseconds(bought.p99), ""
    if bought.system_p99 is not None:
        system = f" (the system's part: {milliseconds(bought.system_p99)})"
    if parts:  # an answer's percentiles mean little without what got none
        clicks = clicks if buying.which else "clicks"
        told = f"99 of 100 {clicks} that were answered or waited for took at most"
        return f"{bad[0].upper()}{bad[1:]}; {told} {felt}{system}"
    return f"99 of 100 {clicks} were answered within {felt}{system}; {bad}"
