"""Figure: where the slowest 1% spent their time, in stacked parts, beside the others."""

from collections.abc import Sequence
from typing import Final

from dress_rehearsal.reports.cause.slowest import BEFORE_T0_S
from dress_rehearsal.reports.figures.drawing import Drawing, Missing
from dress_rehearsal.reports.figures.palette import (
    BLUE,
    GREEN,
    GRID,
    MUTED,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
)
from dress_rehearsal.reports.figures.stacks import Bar, Legend, draw_stacks
from dress_rehearsal.reports.part import Band
from dress_rehearsal.reports.words import (
    capitalized,
    counted,
    milliseconds,
    offset,
    percent,
    resource_words,
    where_unknown,
)

_COLOURS: Final = (VERMILLION, BLUE, ORANGE, PURPLE, GREEN, SKY, MUTED)
"""The largest parts have one each; what is left shares another."""
_LEAST_SHARE: Final = 0.01
"""A part that is less of every bar cannot be seen in it."""


def draw_slowest(bands: Sequence[Band], *, closed: bool = False) -> Drawing | Missing:
    """Return a bar of parts for the slowest 1%, the slowest tenth and all of a step.

    Args:
        closed: whether it is a load without students, of which only what was slow is taken apart.
    """
    name, heading = "slowest", "Where the slowest spent their time"
    known = [band for band in bands if band.felt_ms]
    if not known:
        return Missing(name, heading, _reason(bands, closed=closed))
    parts = _largest(known)
    legend = [Legend(colour, capitalized(resource_words(part))) for part, colour in parts.items()]
    rests = [
        max(_whole(band) - sum(band.parts.get(part, 0.0) for part in parts), 0.0) for band in known
    ]
    others = any(
        rest > _LEAST_SHARE * _whole(band) for band, rest in zip(known, rests, strict=True)
    )
    if others:
        legend.append(Legend(GRID, "all other parts"))
    bars, shown = [], ""
    for band, rest in zip(known, rests, strict=True):
        lengths = [band.parts.get(part, 0.0) for part in parts] + ([rest] if others else [])
        words = f"{milliseconds(round(_whole(band), 1))}, mean of {band.requests:,}"
        bars.append(Bar(band.band, lengths, words, "" if band.step == shown else band.step))
        shown = band.step
    caption = (
        "Mean time of the requests in each row, in parts that add up. A request's time is split by "
        "what its answer said (Server-Timing) and by what loops and pools did meanwhile; without "
        "an answer by the latter alone, which is an estimate."
    )
    if not closed:
        caption += f" Requests meant earlier than {offset(-BEFORE_T0_S)} are left out."
    return draw_stacks(name, heading, _finding(known[0]), caption, legend, bars)


def _reason(bands: Sequence[Band], *, closed: bool) -> str:
    """Return why there is nothing to draw."""
    if bands:
        few = f"of {bands[-1].step} there were only {counted(bands[-1].requests, 'request')}"
        return f"No mean is made of fewer than five requests: {few}."
    if closed:
        return "No kind of request was slow, so none was taken apart."
    return (
        "Of no purchase it is known where its time went: there was none, or nothing was measured "
        "then."
    )


def _whole(band: Band) -> float:
    return band.felt_ms or 0.0


def _largest(bands: Sequence[Band]) -> dict[str, str]:
    """Return the largest parts with their colours, the largest of the slowest first."""
    shares: dict[str, float] = {}
    for band in bands:
        for part, ms in band.parts.items():
            shares[part] = max(shares.get(part, 0.0), ms / _whole(band))
    ordered = sorted(shares, key=lambda part: (-bands[0].parts.get(part, 0.0), -shares[part]))
    worth = [part for part in ordered if shares[part] >= _LEAST_SHARE]
    return dict(zip(worth, _COLOURS, strict=False))


def _finding(band: Band) -> str:
    part = max(band.parts, key=lambda name: band.parts[name])
    share = percent(round(band.parts[part] / _whole(band), 3))
    which = f"The {band.band}" if band.band != "all" else "All"
    took = (
        f"{which} of the requests to {band.step} took {milliseconds(round(_whole(band), 1))} in "
        f"the mean"
    )
    if unknown := where_unknown(band):
        return f"{took}; {unknown}"
    return f"{took}; {share} of it was {resource_words(part)}"
