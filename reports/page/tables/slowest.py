"""Where the slowest spent their time, part by part."""

from collections.abc import Sequence

from dress_rehearsal.reports.cause.decomposition import RECORDED_PARTS
from dress_rehearsal.reports.cause.slowest import BEFORE_T0_S
from dress_rehearsal.reports.page.tables.table import Table, row
from dress_rehearsal.reports.part import Band
from dress_rehearsal.reports.schema import Verdict
from dress_rehearsal.reports.words import (
    EMPTY,
    NOT_MEASURED,
    capitalized,
    counted,
    milliseconds,
    offset,
    percent,
    resource_words,
    where_unknown,
    written,
)

_LEAST_MS = 1.0
"""A part of which no row has more is not worth a line."""


def parts_tables(verdict: Verdict) -> list[Table]:
    """Return a table of parts for each step that is taken apart; none where none is."""
    steps = dict.fromkeys(band.step for band in verdict.bands)
    return [_parts_table(verdict, step, number) for number, step in enumerate(steps) if step]


def _parts_table(verdict: Verdict, step: str, number: int) -> Table:
    bands = [band for band in verdict.bands if band.step == step]
    first = bands[0]
    parts = {
        part: max(band.parts.get(part, 0.0) for band in bands)
        for band in bands
        for part in band.parts
    }
    ordered = sorted(parts, key=lambda part: (-first.parts.get(part, 0.0), -parts[part]))
    rows = [
        row(
            capitalized(resource_words(part)),
            *(_part(band, part) for band in bands),
            _share(first, part),
            "estimated" if _is_estimated(verdict, part, first, number) else "",
        )
        for part in ordered
        if parts[part] >= _LEAST_MS
    ]
    rows += [
        row(
            capitalized(resource_words(part)),
            *(NOT_MEASURED for _ in bands),
            EMPTY,
            "its metrics do not tell",
        )
        for part in verdict.not_known
        if number == 0
    ]
    heads = [f"{capitalized(band.band)} ({counted(band.requests, 'request')})" for band in bands]
    columns = (
        ("Where the time went", "text"),
        *((head, "number") for head in heads),
        (f"Share of the {first.band}", "number"),
        ("", "text"),
    )
    foot = row(
        "All of it",
        *(_whole(band) for band in bands),
        percent(1) if first.felt_ms else EMPTY,
        "",
    )
    caption = f"Where requests to {step} spent their time: means{_earlier_words(verdict, bands)}"
    if unknown := where_unknown(first):
        caption += f" ({unknown})"
    return Table("lost" if number == 0 else f"lost-{number}", caption, columns, rows, foot)


def _earlier_words(verdict: Verdict, bands: Sequence[Band]) -> str:
    """Return how many requests were meant before those of the bands; empty where none was.

    The purchases' bands are of all that is for buying.
    """
    step = bands[0].step
    steps = verdict.purchases if step in verdict.purchases else (step,)
    every = sum(verdict.latency_ms[each].count for each in steps if each in verdict.latency_ms)
    earlier = every - bands[-1].requests
    if earlier <= 0:
        return ""
    since = offset(-BEFORE_T0_S)
    return f", of {written(every)} without {written(earlier)} meant earlier than {since}"


def _is_estimated(verdict: Verdict, part: str, first: Band, number: int) -> bool:
    """Return whether a part is estimated: of the first table the verdict says so, for it is that of
    the purchases."""
    if part in verdict.estimated:
        return True
    return number > 0 and part not in RECORDED_PARTS and bool(where_unknown(first))


def _part(band: Band, part: str) -> str:
    return EMPTY if band.felt_ms is None else milliseconds(round(band.parts.get(part, 0.0), 1))


def _whole(band: Band) -> str:
    if band.felt_ms is None:
        return f"{EMPTY} (only {band.requests})"
    return milliseconds(round(band.felt_ms, 1))


def _share(band: Band, part: str) -> str:
    return percent(round(band.parts.get(part, 0.0) / band.felt_ms, 3)) if band.felt_ms else EMPTY
