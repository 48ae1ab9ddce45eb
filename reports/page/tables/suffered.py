"""Who suffered: what came of groups of students, and which errors they met."""

from collections.abc import Sequence
from typing import Final

from dress_rehearsal.plans.names import ENDS
from dress_rehearsal.reports.evidence.purchase_step import PurchaseStep
from dress_rehearsal.reports.page.tables.table import Table, bad_count, row
from dress_rehearsal.reports.part import BadEnd, ErrorMet, Group
from dress_rehearsal.reports.schema import Census
from dress_rehearsal.reports.students.bad_ends import moments
from dress_rehearsal.reports.students.suffered import FEWEST
from dress_rehearsal.reports.words import (
    EMPTY,
    cell,
    counted,
    offset,
    percent,
    span_words,
    written,
)

_CAPTIONS: Final = {
    "journey": ("Journey", "By journey"),
    "devices": ("Devices", "By how many devices they used"),
    "login": ("First login", "By when they first logged in"),
    "arrival": ("They came", "By when they came, in tenths of the students"),
    "early_click": ("A click of theirs", "By whether a click of theirs was refused as too early"),
}
_BY_DESIGN: Final = {
    "late": "late (they come after T-0)",
    "outsider": "outsider (they may not buy)",
}
"""Journeys of which a bad-looking number is what the plan wants, with the reason."""

_MOST_JOURNEYS: Final = 3
"""So many journeys stand in a cell; all are in the verdict."""


def group_tables(groups: Sequence[Group], buying: PurchaseStep | None = None) -> list[Table]:
    """Return a table for each thing that students may have in common; none without students.

    Args:
        buying: what stands for buying elsewhere; of several steps the p99 here is of all together.
    """
    whose = "Purchase, all steps, p99 (ms)" if buying and buying.which else "Purchase, p99 (ms)"
    return [
        _group_table(by, own, whose)
        for by in _CAPTIONS
        if (own := [group for group in groups if group.by == by])
    ]


def _group_table(by: str, groups: Sequence[Group], whose: str) -> Table:
    first, caption = _CAPTIONS[by]
    rows = [
        row(
            _BY_DESIGN.get(group.group, group.group),
            written(group.students),
            f"{written(group.ticket)} ({percent(group.ticket, group.students)})",
            written(group.sold_out),
            written(group.refused),
            bad_count(group.no_good_end),
            cell(group.amplification),
            _p99(group),
            EMPTY if group.at_least else span_words(group.p99_low, group.p99_high),
        )
        for group in groups
    ]
    numbers = (
        "Students",
        "Got a ticket",
        "Sold out",
        "Refused",
        "No good end",
        "Clicks each",
        whose,
        "95% interval (ms)",
    )
    columns = ((first, "text"), *((word, "number") for word in numbers))
    return Table(f"by-{by}", caption, columns, rows)


def _p99(group: Group) -> str:
    """Return the p99 of buying; of too few requests a dash, and how many there are."""
    if group.p99 is not None:
        return f"≥ {written(group.p99)}" if group.at_least else written(group.p99)
    if group.waited < FEWEST:
        few = f"only {counted(group.waited, 'request')}" if group.waited else "no request"
        return f"{EMPTY} ({few})"
    return EMPTY


def bad_ends_table(bad_ends: Sequence[BadEnd], census: Census) -> Table | None:
    """Return who had no good end, and what they had asked for last; None where nobody did.

    Args:
        census: how many did: who is in none of these ways stands in the last row.
    """
    if not bad_ends:
        return None
    rows = [
        row(
            ENDS[each.outcome].title,
            bad_count(each.students),
            _journeys(each),
            each.step or "none on record",
            ": ".join(filter(None, (each.answer, each.answer_error))) or EMPTY,
            _last_error(each),
            moments(each) or EMPTY,
            ", ".join(map(written, each.such_as)),
        )
        for each in bad_ends
    ]
    every = census.no_good_end
    listed = sum(each.students for each in bad_ends)
    caption = "Who had no good end, and after what"
    if listed < every:
        others = counted(every - listed, "student")
        caption += f": the {len(bad_ends)} most frequent ways, without {others} in others"
    columns = (
        ("Outcome", "text"),
        ("Students", "number"),
        ("Journeys", "text"),
        ("Their last request", "text"),
        ("Result", "text"),
        ("Last error", "text"),
        ("Ended", "when"),
        ("Such as student", "text"),
    )
    return Table("bad-ends", caption, columns, rows)


def _journeys(way: BadEnd) -> str:
    """Return the most frequent journeys of those who came to a bad end in one way."""
    counts = dict(way.journeys)
    if len(counts) > _MOST_JOURNEYS:
        first = list(counts)[: _MOST_JOURNEYS - 1]
        others = sum(number for name, number in counts.items() if name not in first)
        counts = {name: counts[name] for name in first} | {"others": others}
    return ", ".join(f"{name} {written(number)}" for name, number in counts.items()) or EMPTY


def _last_error(way: BadEnd) -> str:
    if way.error is None:
        return "none"
    here = way.error == way.answer_error and way.error_step == way.step
    return way.error if here or not way.error_step else f"{way.error} at {way.error_step}"


def errors_table(errors: Sequence[ErrorMet], kinds: int) -> Table | None:
    """Return the errors that students met; None where there was none.

    Args:
        kinds: how many there are, of which these are the most frequent.
    """
    caption = "Errors by code"
    if kinds > len(errors):
        caption += f": the {len(errors)} most frequent of {written(kinds)}"
    rows = [
        row(
            each.error,
            each.step,
            bad_count(each.requests),
            written(each.students),
            written(each.got_over),
            cell(each.first_s, offset),
            cell(each.last_s, offset),
        )
        for each in errors
    ]
    numbers = ("Requests", "Students", "Of them ended well", "First", "Last")
    columns = (("Error", "text"), ("Step", "text"), *((word, "number") for word in numbers))
    return Table("errors", caption, columns, rows) if rows else None
