"""Where the time went: what students felt at each step, and what of it was the server's."""

import pandas as pd

from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.latency import (
    FELT,
    PARTS,
    at_least,
    says_little,
    server_parts,
    unanswered_by_step,
)
from dress_rehearsal.reports.page.tables.table import SOME_RUSHES, Cell, Table, bad_count, row
from dress_rehearsal.reports.schema import Latency
from dress_rehearsal.reports.words import (
    EMPTY,
    SERVER_PARTS,
    capitalized,
    cell,
    milliseconds,
    percent,
    span_words,
    written,
)


def latency_table(latency_ms: dict[str, Latency], evidence: Evidence) -> Table:
    """Return each step's felt latency, and what was not answered beside it.

    Steps that not every rush has are left out where nobody took them.
    """
    if evidence.plan.load is not None:
        return _load_table(latency_ms)
    bad = unanswered_by_step(evidence.latency, evidence.steps)
    rows = []
    sums = [0, 0, 0, 0]
    for step, part in latency_ms.items():
        failed, unknown, abandoned = (
            int(bad.at[step, word]) if step in bad.index else 0
            for word in ("failed", "unknown", "abandoned")
        )
        if (
            evidence.steps.role_of(step) in SOME_RUSHES
            and not part.count + failed + unknown + abandoned
        ):
            continue
        numbers = (part.count, failed, unknown, abandoned)
        sums = [sum(both) for both in zip(sums, numbers, strict=True)]
        rows.append(
            row(
                step,
                written(part.count),
                *(_percentile(part, field) for field in (*FELT, "system_p99")),
                bad_count(failed),
                bad_count(unknown),
                written(abandoned),
            )
        )
    foot = row(
        "All steps",
        written(sums[0]),
        *([EMPTY] * (len(FELT) + 1)),
        *(bad_count(number) for number in sums[1:3]),
        written(sums[3]),
    )
    latencies = ("Count", "p50", "p90", "p99", "p99.9", "Max", "System p99")
    words = (*latencies, "Failed", "Unknown", "Abandoned")
    columns = (("Step", "text"), *((word, "number") for word in words))
    caption = "What students felt, in ms; abandoned: the student needed the answer no more"
    return Table("latency-table", caption, columns, rows, foot if rows else ())


def _load_table(latency_ms: dict[str, Latency]) -> Table:
    """Return the same of a load without students: nothing is abandoned, nothing started late."""
    rows = [
        row(
            step,
            written(part.count),
            *(_percentile(part, field) for field in FELT),
            bad_count(part.failed),
        )
        for step, part in latency_ms.items()
    ]
    words = ("Count", "p50", "p90", "p99", "p99.9", "Max", "Failed")
    columns = (("Request", "text"), *((word, "number") for word in words))
    return Table("latency-table", "How long each kind of request took, in ms", columns, rows)


def certainty_table(latency_ms: dict[str, Latency], kind: str = "Step") -> Table:
    """Return between what values each step's p99 lies, and what it is of good answers alone.

    Steps that nobody took are left out, and what is of good answers where nothing failed.

    Args:
        kind: what a row is called; `latency_table` calls it the same.
    """
    taken = {step: part for step, part in latency_ms.items() if part.count}
    failing = any(part.failed for part in taken.values())
    rows = [
        row(
            step,
            _percentile(part, "p99"),
            _interval(part),
            *(_good_answers(part) if failing else []),
        )
        for step, part in taken.items()
    ]
    good = ("Not answered well", "p99 of good answers") if failing else ()
    words = ("p99", "95% interval", *good)
    columns = ((kind, "text"), *((word, "number") for word in words))
    return Table("certainty", "How sure each p99 is, in ms: of this run alone", columns, rows)


def _good_answers(part: Latency) -> tuple[Cell, Cell]:
    bad = f"{written(part.failed)} ({percent(part.failed, part.count)})"
    return Cell(bad, "found" if part.failed else ""), _percentile(part, "good_p99")


def _interval(latency: Latency) -> str:
    """Return p99's interval, open at its end where given-up requests are there."""
    if at_least(latency, "p99"):
        return EMPTY
    high = None if at_least(latency, "p99_high") else latency.p99_high
    return span_words(latency.p99_low, high)


def _percentile(latency: Latency, field: str) -> Cell:
    """Return a number of a step's latency, with a sign where it is a lower bound, and a word where
    too few requests are behind it."""
    value = getattr(latency, field)
    words = cell(value)
    if at_least(latency, field):
        words = f"≥ {words}"
    return Cell(f"{words} (few)" if says_little(latency, field) else words, sort=value)


def server_split_table(evidence: Evidence) -> Table | None:
    """Return where the server says the time went; None when no answer carried Server-Timing."""
    half, most = server_parts(evidence.latency, evidence.requests, [50.0, 99.0])
    parts = [part for part in PARTS if not most.empty and most[f"{part}_ms"].notna().any()]
    if not parts:
        return None
    rows = []
    for step in evidence.steps.in_order(most.index):
        if step not in most.index:
            continue
        cells = []
        for part in parts:
            middle, far = half.at[step, f"{part}_ms"], most.at[step, f"{part}_ms"]
            shown = f"{milliseconds(middle)} / {milliseconds(far)}"
            cells.append(EMPTY if pd.isna(far) else shown)
        rows.append(row(str(step), *cells))
    heads = (f"{capitalized(SERVER_PARTS[part])}, p50 / p99" for part in parts)
    columns = (("Step", "text"), *((head, "number") for head in heads))
    return Table("server", "Where the server says the time went", columns, rows)
