"""Figure: whether the generator kept up: late starts, read lag, its loop and its CPU."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.latency import read_lag_ms
from dress_rehearsal.reports.evidence.timeline import Floats
from dress_rehearsal.reports.figures.drawing import Drawing, Missing, drawn
from dress_rehearsal.reports.figures.layout import Sheet
from dress_rehearsal.reports.figures.palette import BLUE, GREEN, INK, MUTED, ORANGE, PURPLE
from dress_rehearsal.reports.figures.panel import Panel
from dress_rehearsal.reports.figures.time_axis import RunSeries, Series, bins_s, in_ms, quantiles
from dress_rehearsal.reports.schema import Generator
from dress_rehearsal.reports.trust.busy import how_busy
from dress_rehearsal.reports.trust.generator import TIMELY_SHARE
from dress_rehearsal.reports.words import milliseconds, offset, percent, seconds

_FLOOR_MS = 0.1
_READ_LAG = "p99 read lag"
_Delay = tuple[Floats, str, str, float]
"""A delay over time (ms), its colour, its name and how thick it is drawn."""
_CPU = "process_cpu_seconds_total"
_LOOKS = {
    "generator": (BLUE, "generator", 1.8),
    "app": (MUTED, "app, all workers", 1.2),
}


def draw_generator(evidence: Evidence, run: RunSeries, generator: Generator) -> Drawing | Missing:
    """Return the drawing of the generator's own delays and CPU over time."""
    name, heading = "generator", "The generator's health"
    window, frame, timeline = run.window_s, evidence.latency, evidence.timeline
    cpu = {component: run.rate(_CPU, "processes", component=component) for component in _LOOKS}
    if window is None or np.isnan(frame.values("generator_ms")).all():
        return Missing(name, heading, "No request was sent, so the generator cannot be judged.")
    closed = evidence.plan.load is not None
    edges = bins_s(window, events=len(frame))
    limit_ms = evidence.plan.generator.max_late_start * 1e3
    caption = (
        f"Percentiles per {seconds(edges[1] - edges[0])}. Late start is from the moment the "
        "student meant to act until the request left; read lag is from the answer's arrival in "
        "the kernel, when it is drawn, until the generator read it: no part of that answer's own "
        "latency, but what the student does next waits for it. "
    )
    if closed:
        caption = (
            "Loop lag is how late the loop wakes whom it should: no user acts meanwhile, and no "
            "answer is read, so it is in every latency. "
        )
    elif np.isnan(read_lag_ms(evidence.requests)).all():
        caption += "No request has a kernel receive time: read lag could not be split off. "
    caption += (
        "One generator process can use one core at most."
        if cpu["generator"] is not None
        else "The generator's CPU was not recorded."
    )
    caption += timeline.note
    at_s = timeline.seconds(evidence.requests["intended_ns"])
    delays = [] if closed else [*_delays(evidence, at_s, edges)]
    title = (
        _kept_pace(evidence, generator)
        if closed
        else _finding(generator, _longest_read_lag(delays, edges))
    )

    def draw(sheet: Sheet) -> None:
        panel = sheet.timed_panel("The generator's own delays, ms (log)", 165, window, timeline)
        centres = (edges[:-1] + edges[1:]) / 2
        highest = limit_ms
        for most, colour, text, width in delays:
            panel.line(centres, np.maximum(most, _FLOOR_MS), colour, text, width=width)
            highest = max(highest, float(np.nanmax(most, initial=_FLOOR_MS)))
        lag = in_ms(run.worst("generator_loop_lag_seconds", "generator"))
        if lag is not None:
            values = np.maximum(lag.values, _FLOOR_MS)
            panel.line(lag.at_s, values, PURPLE, "loop lag", kind="dashed")
            highest = max(highest, lag.highest)
        limit = "the loop" if closed else "late starts"
        panel.limit(limit_ms, INK, f"plan's limit for {limit}, {milliseconds(limit_ms)}")
        panel.axis_of_time(_FLOOR_MS, highest)
        if cpu["generator"] is not None:
            _draw_cpu(
                sheet.timed_panel(
                    "CPU over the last second, share of one core", 90, window, timeline
                ),
                cpu,
            )

    return drawn(name, heading, title, caption, timeline.label, draw)


def _draw_cpu(panel: Panel, cpu: Mapping[str, Series | None]) -> None:
    highest = 1.0
    for component, (colour, text, width) in _LOOKS.items():
        used = cpu[component]
        if used is not None and not np.isnan(used.highest):
            panel.line(*used, colour, text, width=width)
            highest = max(highest, used.highest)
    panel.axis_of_counts(0, highest, percent)


def _delays(evidence: Evidence, at_s: Floats, edges: Floats) -> Iterator[_Delay]:
    """Yield the p99 of each known delay, in ms, and how it is drawn; one of them is in memory."""
    late = evidence.latency.values("generator_ms")
    if not np.isnan(late).all():
        yield quantiles(at_s, late, edges, [0.99])[0], GREEN, "p99 late start", 2.2
    del late
    read_lag = read_lag_ms(evidence.requests)
    if not np.isnan(read_lag).all():
        came_s = evidence.timeline.seconds(evidence.requests["done_ns"])
        yield quantiles(came_s, read_lag, edges, [0.99])[0], ORANGE, _READ_LAG, 1.5


def _kept_pace(evidence: Evidence, generator: Generator) -> str:
    """Return the finding of a closed load, whose requests have no time of their own to be late."""
    longest = milliseconds(1e3 * how_busy(evidence).longest_s)
    if generator.limited:
        return f"The generator was the limit: it stood still for up to {longest} at a time"
    return "The generator kept up: it never stood still for long"


def _longest_read_lag(delays: Sequence[_Delay], edges: Floats) -> str:
    """Return when answers were read latest, and how late, by the same bins as are drawn; empty
    where it is not known."""
    lag = next((own for own, _, text, _ in delays if text == _READ_LAG), None)
    if lag is None or np.isnan(lag).all():
        return ""
    worst = int(np.nanargmax(lag))
    width = seconds(round(float(edges[1] - edges[0]), 3))
    return (
        f" ({milliseconds(round(float(lag[worst]), 1))} in the worst {width}, "
        f"from {offset(round(float(edges[worst]), 2))} on)"
    )


def _finding(generator: Generator, worst: str) -> str:
    started = (
        "whether requests started on time was not measured"
        if generator.late_start_p99_ms is None
        else "99 of 100 requests started within "
        f"{milliseconds(generator.late_start_p99_ms)} of their time"
    )
    read = (
        "read lag could not be split off"
        if generator.read_lag_p99_ms is None
        else f"99 of 100 answers were read within {milliseconds(generator.read_lag_p99_ms)}{worst}"
    )
    if not generator.limited:
        return f"The generator kept up: {started}, {read}"
    return f"The generator was the limit: {_late_at_t0(generator)}{started}, {read}"


def _late_at_t0(generator: Generator) -> str:
    """Return how many of the clicks at T-0 were sent late, which a p99 of all requests need not
    show; empty where enough were sent in time."""
    late = generator.released - generator.timely
    if generator.timely >= TIMELY_SHARE * generator.released:
        return ""
    return f"{percent(late, generator.released)} of the clicks around T-0 left late; in all "
