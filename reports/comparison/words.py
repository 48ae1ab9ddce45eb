"""How differences are written for people."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from dress_rehearsal.reports.comparison.schema import (
    Change,
    ComparedSide,
    HeldRegression,
    SideNumber,
)
from dress_rehearsal.reports.directions import unit_of
from dress_rehearsal.reports.history.entry import COMMIT_SHOWN, begun
from dress_rehearsal.reports.history.intervals import FEWEST
from dress_rehearsal.reports.words import (
    EMPTY,
    agreeing,
    bound_words,
    counted,
    percent,
    quantity,
    resource_words,
    span_words,
    written,
)

NOT_KNOWN: Final = "not known"
"""What a difference is of two lower bounds."""
_SIGNS = {True: "+", False: "−"}


def signed(value: float, unit: str) -> str:
    """Return a difference with its sign: "+12.5 ms", "−3", "0 ms"."""
    words = quantity(abs(value), unit)
    return words if value == 0 else f"{_SIGNS[value > 0]}{words}"


def change_words(change: Change, unit: str) -> str:
    """Return how far a number is from the base's: "+12.5 ms (+10.4%)", "at least +2 ms (+5%)"."""
    if change.absolute is None:
        return NOT_KNOWN if change.bound else EMPTY
    said = signed(change.absolute, unit)
    if change.relative is not None and change.absolute != 0:
        share = f"{_SIGNS[change.relative > 0]}{percent(abs(change.relative))}"
        said = f"{said} ({share})"
    return said if change.bound is None else f"{change.bound.replace('_', ' ')} {said}"


def interval_words(change: Change, unit: str) -> str:
    """Return the interval of a difference, open at an end where lower bounds leave it so: "+3 ms or
    more"; `EMPTY` where too few runs count for one."""
    if change.missing:
        return EMPTY
    low, high = (None if end is None else signed(end, unit) for end in (change.low, change.high))
    if low is None:
        return NOT_KNOWN if high is None else f"{high} or less"
    return f"{low} or more" if high is None else f"{low} to {high}"


def missing_words(before: SideNumber, here: SideNumber) -> str:
    """Return how many runs it takes on which side for an interval: "4 more of base, 5 here"."""
    base, side = (max(FEWEST - number.counted, 0) for number in (before, here))
    parts = [f"{side} more here" if side and not base else f"{side} here"] if side else []
    if base:
        parts.insert(0, f"{base} more of base")
    return f"runs needed: {' and '.join(parts)}"


def unseen_words(held: HeldRegression) -> str:
    """Return which change for the worse of a held number would not have been told here:
    "latency_ms[GET /].p99 becoming worse by less than 16.6 ms (37.1%)"; not known, by any."""
    if held.seen_from is None:
        return f"{held.name} becoming worse by what is not known, for requests were given up"
    share = "" if held.seen_from_share is None else f" ({percent(held.seen_from_share)})"
    least = quantity(held.seen_from, unit_of(held.metric))
    return f"{held.name} becoming worse by less than {least}{share}"


def side_words(number: SideNumber, unit: str, runs: int) -> str:
    """Return a number on one side: its median, and of how many runs where not of all of them.

    Of a single run with the interval within it, of several with their range.
    """
    if number.median is None:
        return EMPTY
    ends = (number.low, number.high) if runs == 1 else (number.least, number.most)
    said = median_words(number, unit)
    if ends[0] is not None and ends[0] != ends[1]:
        said = f"{said} ({_spread_words(number, unit, runs)})"
    if number.counted == runs:
        return said
    of = f"of {counted(number.counted, 'run')}" if number.counted else "disturbed"
    return f"{said}, {of}"


def median_words(number: SideNumber, unit: str) -> str:
    """Return a number's median: "120 ms", "at least 10,000 ms"."""
    return bound_words(quantity(number.median, unit), at_least="median" in number.at_least)


def _spread_words(number: SideNumber, unit: str, runs: int) -> str:
    if runs == 1:
        return span_words(number.low, number.high, lambda value: quantity(value, unit))
    least = bound_words(quantity(number.least, unit), at_least="least" in number.at_least)
    most = bound_words(quantity(number.most, unit), at_least="most" in number.at_least)
    return f"{least} to {most}"


def origin_words(side: ComparedSide) -> str:
    """Return when a side was run and what it was of: "old: 5 runs, 2026-11-30 11:53 to 11:57 UTC,
    by Dress Rehearsal 0.1.0 at commit 2347b043feb2"."""
    began = sorted(when for run in side.runs if (when := begun(run.run)) is not None)
    parts = [counted(len(side.runs), "run"), _begun_words(began)]
    if named := [build for build in side.builds if build]:
        parts.append(f"of the target's {agreeing(len(named), 'build')} {', '.join(named)}")
    if "" in side.builds:
        parts.append("of a build of the target that nobody named (--label)")
    commits = [each[:COMMIT_SHOWN] or "not known" for each in side.commits]
    at = f"{agreeing(len(commits), 'commit')} {', '.join(commits)}"
    made = f"Dress Rehearsal {' and '.join(each or 'not known' for each in side.versions)}"
    return f"{side.name}: {', '.join(parts)}, by {made} at {at}"


def _begun_words(began: Sequence[datetime]) -> str:
    if not began:
        return "begun nobody knows when"
    first, last = (f"{when:%Y-%m-%d %H:%M}" for when in (began[0], began[-1]))
    if first == last:
        return f"{first} UTC"
    return f"{first} to {last.removeprefix(f'{first[:10]} ')} UTC"


def verdict_words(side: ComparedSide) -> str:
    """Return the verdicts of a side's runs: "pass", or "4 pass, 1 fail"."""
    words = [run.verdict for run in side.runs]
    if len(words) == 1:
        return words[0]
    kinds = ("pass", "inconclusive", "fail")
    return ", ".join(f"{words.count(kind)} {kind}" for kind in kinds if kind in words)


def audit_words(audit: dict[str, int] | None) -> str:
    """Return the audit in words: `clean`, every wrong with its count, or `not audited`."""
    if audit is None:
        return "not audited"
    wrongs = [f"{name.replace('_', ' ')} {written(count)}" for name, count in audit.items()]
    return ", ".join(wrongs) or "clean"


def cause_words(side: ComparedSide) -> str:
    """Return what the slowest requests lost their time to, and in how many runs."""
    every = len(side.runs)
    return ", ".join(
        f"{resource_words(name) if name else 'none'}{f' ({runs} of {every})' if every > 1 else ''}"
        for name, runs in side.bottlenecks.items()
    )
