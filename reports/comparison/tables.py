"""The tables of a comparison: a row a side, a row a number, a row a thing that differs."""

from collections.abc import Iterator
from typing import Final

from dress_rehearsal.plans.names import pool_words
from dress_rehearsal.records.tables import CLIENT_POOLS
from dress_rehearsal.reports.comparison.schema import (
    ComparedNumber,
    ComparedSide,
    Comparison,
    HeldRegression,
    Outcome,
)
from dress_rehearsal.reports.comparison.words import (
    audit_words,
    cause_words,
    change_words,
    interval_words,
    missing_words,
    side_words,
    verdict_words,
)
from dress_rehearsal.reports.directions import unit_of
from dress_rehearsal.reports.lower_bounds import step_of
from dress_rehearsal.reports.words import EMPTY, cell, quantity, wait_p99_words, written

Row = tuple[str, ...]

OUTCOMES: Final[dict[Outcome, str]] = {
    "no_worse": "no worse",
    "worse": "worse",
    "undecided": "undecided",
}
SIDE_COLUMNS: Final = (
    *("run", "verdict", "tickets/s", "sold out after", "purchase p99", "pool wait p99", "audit"),
    *("cause", "tickets", "failed/unknown"),
)
_NUMBER_COLUMNS: Final = ("base", "here", "difference", "95% interval", "held")
POOL_COLUMNS: Final = ("pool", "side", "saturated in", "wait p99", "never given back")


def side_rows(comparison: Comparison) -> Iterator[Row]:
    """Yield what one compares for: the sale, buying, who was wronged, and the cause."""
    for place, side in enumerate(comparison.sides):
        yield (
            side.name if len(side.runs) == 1 else f"{side.name} ({len(side.runs)} runs)",
            verdict_words(side),
            _number(comparison, "sale.tickets_per_s", place),
            _number(comparison, "sale.sold_out_after_s", place),
            _bought(comparison, place),
            _longest_wait(side),
            audit_words(side.audit),
            cause_words(side),
            written(side.census["ticket"]),
            "/".join(written(side.census[word]) for word in ("failed", "unknown")),
        )


def bought_steps(comparison: Comparison) -> dict[str, str]:
    """Return the steps of buying that are compared, by their metrics."""
    metrics = [each.metric for each in comparison.overview if each.metric.startswith("latency_ms[")]
    return {metric: step_of(metric) for metric in metrics}


def number_columns(comparison: Comparison) -> Row:
    """Return what `number_rows` has: the side is told where there are several beside the base."""
    return ("number", *(["side"] if len(comparison.sides) > 2 else []), *_NUMBER_COLUMNS)


def number_rows(comparison: Comparison) -> Iterator[Row]:
    """Yield every number that is not the same in all runs, a row for each side but the first."""
    held = {(one.name, one.side): one for one in comparison.regressions}
    base = comparison.sides[0]
    for number in comparison.numbers:
        if number.same:
            continue
        unit = unit_of(number.metric)
        before = side_words(number.sides[0], unit, len(base.runs))
        for side, own, change in zip(
            comparison.sides[1:], number.sides[1:], number.changes, strict=True
        ):
            yield (
                number.name,
                *([side.name] if len(comparison.sides) > 2 else []),
                before,
                side_words(own, unit, len(side.runs)),
                change_words(change, unit),
                missing_words(number.sides[0], own)
                if change.missing
                else interval_words(change, unit),
                _held_words(held.get((number.name, side.name))),
            )


def pool_rows(comparison: Comparison) -> Iterator[Row]:
    """Yield the pools that were saturated or leaked on some side, a row for each side."""
    every = [pool for side in comparison.sides for pool in side.pools]
    for name in dict.fromkeys(pool.name for pool in every if pool.saturated or pool.leaked):
        for side in comparison.sides:
            for pool in side.pools:
                if pool.name == name:
                    yield (
                        pool_words(name),
                        side.name,
                        f"{pool.saturated} of {len(side.runs)}",
                        wait_p99_words(pool),
                        cell(pool.leaked),
                    )


def census_rows(comparison: Comparison) -> Iterator[Row]:
    """Yield where students ended, the medians of each side; ends that nobody had are left out."""
    for word in comparison.sides[0].census:
        values = [side.census[word] for side in comparison.sides]
        if any(values):
            yield (word.replace("_", " "), *map(written, values))


def same_words(comparison: Comparison) -> str:
    """Return the numbers that are the same in every run of every side, in a sentence."""
    same = [number for number in comparison.numbers if number.same]
    if not same:
        return ""
    told = ", ".join(f"{each.name} {_same(each)}" for each in same)
    return f"The same in every run of every side: {told}."


def _same(number: ComparedNumber) -> str:
    return cell(number.sides[0].median, lambda value: quantity(value, unit_of(number.metric)))


def _number(comparison: Comparison, metric: str | None, place: int) -> str:
    for number in comparison.overview:
        if number.metric == metric:
            side = comparison.sides[place]
            return side_words(number.sides[place], unit_of(number.metric), len(side.runs))
    return EMPTY


def _bought(comparison: Comparison, place: int) -> str:
    """Return how long buying took, and of which of several requests that is."""
    said, steps = _number(comparison, comparison.purchase, place), bought_steps(comparison)
    if len(steps) < 2 or said == EMPTY:
        return said
    return f"{said} at {steps[str(comparison.purchase)]}"


def _longest_wait(side: ComparedSide) -> str:
    waited = [
        pool for pool in side.pools if pool.name in CLIENT_POOLS and pool.wait_p99_ms is not None
    ]
    if not waited:
        return EMPTY
    longest = max(waited, key=lambda pool: (pool.wait_p99_ms or 0.0, pool.name))
    return f"{wait_p99_words(longest)} ({longest.name})"


def _held_words(held: HeldRegression | None) -> str:
    return EMPTY if held is None else f"{OUTCOMES[held.status]} ({held.margins})"
