"""Regressions: whether a number became worse by more than its gate lets it, beyond chance.

Worse is a number that reached all margins of its gate and whose difference's 95% interval excludes
zero. One that reached them, but within what chance does, is undecided, and so is one that too few
runs tell of, or that is of another plan or another machine. Everything else is no worse.
"""

from collections.abc import Iterator, Sequence

from dress_rehearsal.plans import Gate
from dress_rehearsal.plans.sections.margins import parse_margins
from dress_rehearsal.reports.alike import plan_differences
from dress_rehearsal.reports.comparison.intervals import FEWEST
from dress_rehearsal.reports.comparison.numbers import (
    Metric,
    compared_number,
    counts,
    values_of,
)
from dress_rehearsal.reports.comparison.schema import (
    Change,
    ComparedNumber,
    HeldRegression,
    Outcome,
)
from dress_rehearsal.reports.comparison.sides import Side, one_machine
from dress_rehearsal.reports.comparison.words import change_words, interval_words
from dress_rehearsal.reports.directions import unit_of, worse_when
from dress_rehearsal.reports.numbers import exact
from dress_rehearsal.reports.words import counted, quantity


def held_regressions(base: Side, side: Side) -> Iterator[HeldRegression]:
    """Yield what became of each number that a side's plan lets become worse by its margins only."""
    obstacle = obstacle_between(base, side)
    for gate in side.plan.gates:
        if gate.regression is None:
            continue
        status, sentence = _held(gate, base, side, obstacle)
        yield HeldRegression(
            metric=gate.path,
            window=gate.span,
            margins=gate.regression,
            side=side.name,
            status=status,
            sentence=sentence,
        )


def obstacle_between(base: Side, side: Side) -> str | None:
    """Return why two sides may differ by no doing of the target's, as the end of a sentence."""
    keys = plan_differences([base.plan, side.plan])
    if keys:
        more = f" and {len(keys) - 3} more" if len(keys) > 3 else ""
        return f"the plans differ in {', '.join(keys[:3])}{more}, and so may what they come to"
    if {run.scenario for run in base.runs} != {run.scenario for run in side.runs}:
        return "the scenarios differ, and so may what they come to"
    if not one_machine([base, side]):
        return "the runs were not made on one machine, and a difference may be the machines'"
    return None


def _held(gate: Gate, base: Side, side: Side, obstacle: str | None) -> tuple[Outcome, str]:
    metric = Metric(gate.path, gate.span)
    number = compared_number([base, side], metric)
    change = number.changes[0]
    if obstacle is not None:
        return "undecided", f"Undecided: {metric.name}: {obstacle}."
    if change.missing or change.absolute is None:
        return "undecided", f"Undecided: {metric.name}: {_too_few([base, side], metric)}."
    margins = parse_margins(gate.regression or "")
    said = _said(number, change, side.name)
    scale = 1000 if unit_of(gate.path) == "s" else 1
    sign = 1 if worse_when(gate.path) == "more" else -1
    median = number.sides[0].median
    assert median is not None
    worse = sign * exact(change.absolute) * scale
    ends = [sign * end for end in (change.low, change.high) if end is not None]
    if not margins.reached(worse, exact(median) * scale):
        return "no_worse", f"No worse: {said}, within {gate.regression}."
    if min(ends) > 0:
        return "worse", f"Worse: {said}, beyond {gate.regression}."
    return "undecided", (
        f"Undecided: {said}, beyond {gate.regression}, but chance may have done it: repeat both "
        f"more often."
    )


def _said(number: ComparedNumber, change: Change, side: str) -> str:
    unit = unit_of(number.metric)
    before, after = (quantity(each.median, unit) for each in number.sides)
    return (
        f"{number.name} is {after} in {side}, {before} before: {change_words(change, unit)} (95% "
        f"interval {interval_words(change, unit)})"
    )


def _too_few(sides: Sequence[Side], metric: Metric) -> str:
    """Return how many runs are missing of which side, and why some do not count."""
    said = []
    for side in sides:
        there = len(values_of(side, metric))
        if there >= FEWEST:
            continue
        out = sum(not counts(run, metric) for run in side.runs)
        why = f", for {counted(out, 'disturbed run')} {'does' if out == 1 else 'do'} not count"
        said.append(
            f"{side.name} has {counted(there, 'run')} of the {FEWEST} that it takes, "
            f"{FEWEST - there} {'is' if FEWEST - there == 1 else 'are'} missing{why if out else ''}"
        )
    return f"{'; '.join(said)} (`rehearse run PLAN --repeat {FEWEST}` makes a side of five)"
