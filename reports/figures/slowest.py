"""Figure: where the slowest 1% spent their time, in stacked parts, beside the others."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from dress_rehearsal.reports.cause.attribution import WHY_MOVED, moved_words, within
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
_AS_SAID: Final = "as its answers say it"
"""The label of a second bar of the same requests, where parts were moved."""

_Row = tuple[Band, Mapping[str, float]]
"""Some requests, and one of the two ways in which their time is split."""


def draw_slowest(bands: Sequence[Band], *, closed: bool = False) -> Drawing | Missing:
    """Return a bar of parts for the slowest 1%, the slowest tenth and all of a step; of the first
    a second one as answers say it themselves, where that is otherwise.

    Args:
        closed: whether it is a load without students, of which only what was slow is taken apart.
    """
    name, heading = "slowest", "Where the slowest spent their time"
    known = [band for band in bands if band.felt_ms]
    if not known:
        return Missing(name, heading, _reason(bands, closed=closed))
    first = {band.step: band for band in reversed(known)}
    rows = [
        (band, split)
        for band in known
        for split in (
            band.parts,
            *([band.said] if moved_words(band) and band is first[band.step] else []),
        )
    ]
    parts = _largest(rows)
    legend = [Legend(colour, capitalized(resource_words(part))) for part, colour in parts.items()]
    others = any(_rest(band, split, parts) > _LEAST_SHARE * _whole(band) for band, split in rows)
    if others:
        legend.append(Legend(GRID, "all other parts"))
    bars, shown = [], ""
    for band, split in rows:
        lengths = [split.get(part, 0.0) for part in parts]
        lengths += [_rest(band, split, parts)] if others else []
        words = f"{milliseconds(round(_whole(band), 1))}, mean of {band.requests:,}"
        label = band.band if split is band.parts else _AS_SAID
        bars.append(Bar(label, lengths, words, "" if band.step == shown else band.step))
        shown = band.step
    caption = (
        "Mean time of the requests in each row, in parts that add up. A request's time is split by "
        "what its answer said (Server-Timing), or the app's log where that came too late, and by "
        "what loops and pools did meanwhile; where nothing said it by the latter alone, which is "
        "an estimate."
    )
    if not closed:
        caption += f" Requests intended for earlier than {offset(-BEFORE_T0_S)} are left out."
    moves = [words for band in first.values() if (words := moved_words(band))]
    if moves:
        own = "The second bar is split as the answers say it (Server-Timing)."
        caption = " ".join([caption, own, *moves, WHY_MOVED])
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


def _rest(band: Band, split: Mapping[str, float], parts: Collection[str]) -> float:
    """Return what of a row's time is in none of these parts."""
    return max(_whole(band) - sum(split.get(part, 0.0) for part in parts), 0.0)


def _largest(rows: Sequence[_Row]) -> dict[str, str]:
    """Return the largest parts with their colours, the largest of the first row first."""
    shares: dict[str, float] = {}
    for band, split in rows:
        for part, ms in split.items():
            shares[part] = max(shares.get(part, 0.0), ms / _whole(band))
    slowest = rows[0][1]
    ordered = sorted(shares, key=lambda part: (-slowest.get(part, 0.0), -shares[part]))
    worth = [part for part in ordered if shares[part] >= _LEAST_SHARE]
    return dict(zip(worth, _COLOURS, strict=False))


def _finding(band: Band) -> str:
    part = max(band.parts, key=lambda name: band.parts[name])
    share = percent(round(band.parts[part] / _whole(band), 3))
    which = f"The {band.band}" if band.band != "all" else "All"
    took = (
        f"{which} of the requests to {band.step} took {milliseconds(round(_whole(band), 1))} "
        f"on average"
    )
    if unknown := where_unknown(band):
        return f"{took}; {unknown}"
    waited = within(band.parts, band.said)
    more = f", {waited.words}" if waited else ""
    return f"{took}; {share} of it was {resource_words(part)}{more}"
