"""Where the slowest spent their time, part by part."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from dress_rehearsal.reports.cause.attribution import moved_words
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
"""A part of which no column has more is not worth a line."""
_ANY_MS = 0.05
"""Less of all other parts is not told: it would be 0 ms."""


class _Split(NamedTuple):
    """Some requests, and one of the ways in which their time is split: a column."""

    band: Band
    parts: Mapping[str, float]

    def words(self, ms: float) -> str:
        """Return what stands in the column for so much."""
        return EMPTY if self.band.felt_ms is None else milliseconds(round(ms, 1))

    def besides(self, shown: Collection[str]) -> float:
        """Return what is in none of the parts that have a row."""
        whole = self.band.felt_ms or 0.0
        return max(whole - sum(self.parts.get(part, 0.0) for part in shown), 0.0)


def parts_tables(verdict: Verdict) -> list[Table]:
    """Return a table of parts for each step that is taken apart; none where none is."""
    steps = dict.fromkeys(band.step for band in verdict.bands)
    return [_parts_table(verdict, step, number) for number, step in enumerate(steps) if step]


def _parts_table(verdict: Verdict, step: str, number: int) -> Table:
    bands = [band for band in verdict.bands if band.step == step]
    first = bands[0]
    known = next((band for band in bands if moved_words(band)), None)
    splits = [_Split(band, band.parts) for band in bands]
    if known is not None:
        splits.insert(0, _Split(known, known.said))
    most = {
        part: max(split.parts.get(part, 0.0) for split in splits)
        for split in splits
        for part in split.parts
    }
    ranked = {part: max(first.parts.get(part, 0.0), first.said.get(part, 0.0)) for part in most}
    ordered = sorted(most, key=lambda part: (-ranked[part], -most[part]))
    shown = [part for part in ordered if most[part] >= _LEAST_MS]
    rows = [
        row(
            capitalized(resource_words(part)),
            *(split.words(split.parts.get(part, 0.0)) for split in splits),
            _share(first, first.parts.get(part, 0.0)),
            "estimated" if _is_estimated(verdict, part, first, number) else "",
        )
        for part in ordered
        if part in shown
    ]
    others = [split.besides(shown) for split in splits]
    if max(others) >= _ANY_MS:
        rows.append(
            row(
                "All other parts",
                *(split.words(ms) for split, ms in zip(splits, others, strict=True)),
                _share(first, others[splits.index(_Split(first, first.parts))]),
                "",
            )
        )
    rows += [
        row(
            capitalized(resource_words(part)),
            *(NOT_MEASURED for _ in splits),
            EMPTY,
            "its metrics do not tell",
        )
        for part in verdict.not_known
        if number == 0
    ]
    heads = [f"{capitalized(band.band)} ({counted(band.requests, 'request')})" for band in bands]
    if known is not None:
        heads.insert(0, f"{capitalized(known.band)}, as answers say it (Server-Timing)")
    columns = (
        ("Where the time went", "text"),
        *((head, "number") for head in heads),
        (f"Share of the {first.band}", "number"),
        ("", "text"),
    )
    sums = [sum(round(ms, 1) for ms in column) for column in _columns(splits, shown, others)]
    rounds = any(
        split.band.felt_ms is not None and abs(added - round(split.band.felt_ms, 1)) >= _ANY_MS
        for split, added in zip(splits, sums, strict=True)
    )
    foot = row(
        "All of it",
        *(_whole(split.band) for split in splits),
        percent(1) if first.felt_ms else EMPTY,
        "each part is rounded: they add up to nearly this" if rounds else "",
    )
    caption = f"Where requests to {step} spent their time: means"
    if known is not None:
        caption += ", by what made it long (in the first column: as answers say it)"
    caption += _earlier_words(verdict, bands)
    if unknown := where_unknown(first):
        caption += f" ({unknown})"
    return Table("lost" if number == 0 else f"lost-{number}", caption, columns, rows, foot)


def _columns(
    splits: Sequence[_Split], shown: Collection[str], others: Sequence[float]
) -> Iterator[list[float]]:
    """Yield what stands in each column (ms)."""
    told = max(others) >= _ANY_MS
    for split, rest in zip(splits, others, strict=True):
        yield [*(split.parts.get(part, 0.0) for part in shown), *([rest] if told else [])]


def _earlier_words(verdict: Verdict, bands: Sequence[Band]) -> str:
    """Return how many requests were meant before those of the bands; empty where none was."""
    own = verdict.latency_ms.get(bands[0].step)
    every = own.count if own else 0
    earlier = every - bands[-1].requests
    if earlier <= 0:
        return ""
    since = offset(-BEFORE_T0_S)
    return f", of {written(every)} without {written(earlier)} intended for earlier than {since}"


def _is_estimated(verdict: Verdict, part: str, first: Band, number: int) -> bool:
    """Return whether a part is estimated: of the first table the verdict says so, for it is that of
    the purchases."""
    if part in verdict.estimated:
        return True
    return number > 0 and part not in RECORDED_PARTS and bool(where_unknown(first))


def _whole(band: Band) -> str:
    if band.felt_ms is None:
        return f"{EMPTY} (only {band.requests})"
    return milliseconds(round(band.felt_ms, 1))


def _share(band: Band, ms: float) -> str:
    return percent(round(ms / band.felt_ms, 3)) if band.felt_ms else EMPTY
