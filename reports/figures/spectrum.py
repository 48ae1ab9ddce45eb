"""Figure: the whole distribution of every step's latency, to 99.99 %."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.ticker import FixedLocator, FuncFormatter

from dress_rehearsal.records.steps import PURCHASE
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.latency import at_least, latency_spectrum
from dress_rehearsal.reports.evidence.purchase_step import slowest_purchase_step
from dress_rehearsal.reports.figures.drawing import Drawing, Missing, drawn
from dress_rehearsal.reports.figures.layout import Sheet
from dress_rehearsal.reports.figures.palette import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
)
from dress_rehearsal.reports.figures.panel import Entry, Kind, Panel
from dress_rehearsal.reports.schema import Latency
from dress_rehearsal.reports.words import given_up_words, milliseconds, written

_FLOOR_MS = 0.1
_LOOKS: Final[tuple[tuple[str, Kind], ...]] = (
    (GREEN, "line"),
    (PURPLE, "line"),
    (ORANGE, "line"),
    (BLUE, "line"),
    (SKY, "dashed"),
    (MUTED, "dashed"),
    (VERMILLION, "dashed"),
    (GREEN, "dashed"),
    (PURPLE, "dashed"),
    (ORANGE, "dashed"),
)
"""Of each line; there are no more lines than that."""
_TICKS: Final = (0.5, 0.9, 0.99, 0.999, 0.9999)


def draw_spectrum(evidence: Evidence, latency_ms: Mapping[str, Latency]) -> Drawing | Missing:
    """Return the drawing of felt latency against the share of requests, one line a step."""
    name, heading = "spectrum", "Percentile spectrum"
    shown = _shown(evidence, latency_ms)
    curves = {step: latency_spectrum(evidence.latency, step) for step in shown}
    curves = {step: curve for step, curve in curves.items() if not curve.empty}
    if not curves:
        return Missing(
            name, heading, "No request was answered or waited for, so no latency has percentiles."
        )
    title = _finding(latency_ms)
    students = evidence.plan.load is None
    kind = "step" if students else "kind"
    caption = (
        f"Read upwards from a percentile: that share of the {kind}'s requests was over within "
        f"this time{', as it was felt' if students else ''}. A line ends where there are too few "
        f"requests to say more. The scale spreads the slowest: each mark on it is ten times rarer "
        f"than the one before."
    )
    if len(shown) < len(latency_ms):
        caption += f" Of {written(len(latency_ms))} {kind}s it has the {len(shown)} asked most."
    buying = slowest_purchase_step(evidence.steps.of_role(PURCHASE), latency_ms)
    bought = None if buying is None else curves.get(buying.step)
    system = pd.Series(dtype=float) if bought is None else bought["system_ms"].dropna()

    def draw(sheet: Sheet) -> None:
        panel = sheet.panel("Latency felt, ms (log)" if students else "Latency, ms (log)", 230)
        for (colour, kind), (step, curve) in zip(_LOOKS, curves.items(), strict=False):
            width = 2.4 if evidence.steps.role_of(step) == PURCHASE else 1.5
            _draw_curve(panel, curve["nines"], curve["felt_ms"], Entry(kind, colour, step), width)
        lowest = min(float(curve["felt_ms"].min()) for curve in curves.values())
        if buying is not None and bought is not None and len(system):
            whose = buying.step if buying.which else "buying"
            entry = Entry("dotted", INK, f"{whose}, the system's part")
            _draw_curve(panel, bought["nines"], bought["system_ms"], entry, 1.6)
            lowest = min(lowest, float(system.min()))
        highest = max(float(curve["felt_ms"].max()) for curve in curves.values())
        panel.axis_of_time(max(lowest, _FLOOR_MS), highest)
        _axis_of_shares(panel, max(float(curve["nines"].max()) for curve in curves.values()))

    return drawn(name, heading, title, caption, "share of requests (log axis)", draw)


def _shown(evidence: Evidence, latency_ms: Mapping[str, Latency]) -> list[str]:
    """Return the steps that lines can be told apart of: those for buying, then those asked most."""
    bought = evidence.steps.of_role(PURCHASE)
    asked = evidence.latency["step"].value_counts()
    most = sorted(latency_ms, key=lambda step: (step not in bought, -asked.get(step, 0)))
    kept = set(most[: len(_LOOKS)])
    return [step for step in latency_ms if step in kept]


def _draw_curve(panel: Panel, nines: Any, values_ms: Any, entry: Entry, width: float) -> None:
    panel.line(
        nines.to_numpy(),
        np.maximum(values_ms.to_numpy(dtype=float), _FLOOR_MS),
        entry.colour,
        entry.text,
        kind=entry.kind,
        width=width,
    )


def _axis_of_shares(panel: Panel, deepest: float) -> None:
    end = min(max(deepest, 1.0), 4.0)
    marks = {-np.log10(1.0 - share): f"{share * 100:g}%" for share in _TICKS}
    ticks = [mark for mark in marks if mark <= end + 1e-9]
    panel.axes.set_xlim(0, end)
    panel.axes.xaxis.set_major_locator(FixedLocator(ticks))
    panel.axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: marks.get(value, "")))


def _finding(latency_ms: Mapping[str, Latency]) -> str:
    far = {step: part.p99_9 for step, part in latency_ms.items() if part.p99_9 is not None}
    if not far:
        return "No step has a 99.9th percentile to show"
    slowest = max(far, key=lambda step: far[step])
    own = latency_ms[slowest]
    if at_least(own, "p99_9"):
        told = given_up_words(own.given_up / own.count)
        return f"Slowest at the far end is {slowest}: {told}, after up to {milliseconds(own.max)}"
    return (
        f"Slowest at the far end is {slowest}: "
        + (f"half within {milliseconds(own.p50)}, " if own.p50 is not None else "")
        + f"99.9% within {milliseconds(far[slowest])}"
    )
