"""Regressions: whether a number became worse by more than its gate lets it, beyond chance.

Worse is a number that reached all margins of its gate and whose difference's 95% interval excludes
zero. One that reached them, but within what chance does, is undecided, and so is one that too few
runs tell of, or that is of another plan or another machine, or of one whose own speed may be why.
Everything else is no worse.

Where runs have only a lower bound of it, that decides as far as it is certain: whatever the number
really is, the same has to come of it. A side whose bound alone is beyond the margins is worse.
"""

import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from dress_rehearsal.plans import Plan
from dress_rehearsal.plans.sections.margins import Margins, parse_margins
from dress_rehearsal.reports.alike import plan_differences
from dress_rehearsal.reports.comparison.machine_speed import machines_doing, may_be_slowed
from dress_rehearsal.reports.comparison.numbers import (
    Metric,
    compared_number,
    counts,
    left_out_values,
    unmeasured,
    values_of,
)
from dress_rehearsal.reports.comparison.schema import (
    Change,
    ComparedNumber,
    HeldRegression,
    Outcome,
)
from dress_rehearsal.reports.comparison.sides import Side, one_machine
from dress_rehearsal.reports.comparison.words import (
    change_words,
    interval_words,
    median_words,
)
from dress_rehearsal.reports.directions import unit_of, worse_when
from dress_rehearsal.reports.history.intervals import FEWEST, difference_interval
from dress_rehearsal.reports.lower_bounds import RunNumber, difference_extremes
from dress_rehearsal.reports.numbers import exact, significant
from dress_rehearsal.reports.schema import Number
from dress_rehearsal.reports.words import counted, quantity


def held_regressions(base: Side, side: Side, *, anyway: bool = False) -> Iterator[HeldRegression]:
    """Yield what became of each number that a plan of any run of both lets become worse by its
    margins only: undecided where a later run's plan, or that of some runs of the base, does not,
    or where margins differ and so does what they say.

    Args:
        anyway: whether it is decided where the machine's speed may be why.
    """
    obstacle = obstacle_between(base, side)
    for metric, margins in _asked([base, side]).items():
        number = compared_number([base, side], metric)
        excusable = may_be_slowed(metric.path) and not anyway
        told = [_held(number, each, base, side, obstacle, excusable) for each in margins]
        status, sentence = told[0]
        where, said = _not_asked(base, side, metric), ", ".join(margins)
        why = f"the margins of the runs differ ({said}), and so does what they say"
        if where or len({outcome for outcome, _ in told}) > 1:
            status = "undecided"
            sentence = f"Undecided: {metric.name}: {where or why}."
        seen = _seen_from(number, margins) if status == "no_worse" else None
        median = number.sides[0].median
        yield HeldRegression(
            metric=metric.path,
            window=metric.window,
            margins=margins[0],
            side=side.name,
            status=status,
            sentence=sentence,
            seen_from=seen,
            seen_from_share=significant(seen / abs(median)) if seen and median else None,
        )


def _asked(sides: Sequence[Side]) -> dict[Metric, list[str]]:
    """Return the numbers that a run of some side has margins for, and all of these; the later
    side's first."""
    found: dict[Metric, dict[str, None]] = {}
    for gate in (gate for side in reversed(sides) for run in side.runs for gate in run.plan.gates):
        if gate.regression is not None:
            found.setdefault(Metric(gate.path, gate.span), {})[gate.regression] = None
    return {metric: list(margins) for metric, margins in found.items()}


def _not_asked(base: Side, side: Side, metric: Metric) -> str:
    """Return which runs' plans have no margins for a number, in words; a base none of whose runs
    has them is of before they were asked for."""
    said = []
    for own in (base, side):
        lacking = sum(not _has_margins(run.plan, metric) for run in own.runs)
        if lacking and not (own is base and lacking == len(base.runs)):
            said.append(f"{lacking} of {counted(len(own.runs), 'run')} of {own.name}")
    return f"no regression is asked for in {' and '.join(said)}" if said else ""


def _has_margins(plan: Plan, metric: Metric) -> bool:
    return any(gate.regression and (gate.path, gate.span) == metric for gate in plan.gates)


def obstacle_between(base: Side, side: Side) -> str | None:
    """Return why two sides may differ by no doing of the target's, as the end of a sentence."""
    keys = plan_differences([base.plan, side.plan])
    if keys:
        more = f" and {len(keys) - 3} more" if len(keys) > 3 else ""
        return f"the plans differ in {', '.join(keys[:3])}{more}, and so may what they come to"
    for own in (base, side):
        if any(run.lacks_scenario for run in own.runs):
            return (
                f"{own.name} has no copy of its scenario (scenario.py is kept with a run's other "
                f"files), and another one may come to something else"
            )
    if len({run.scenario for own in (base, side) for run in own.runs}) > 1:
        return "the scenarios differ, and so may what they come to"
    if not one_machine([base, side]):
        return "the runs were not made on one machine, and a difference may be the machines'"
    return None


def _held(
    number: ComparedNumber,
    told: str,
    base: Side,
    side: Side,
    obstacle: str | None,
    excusable: bool,
) -> tuple[Outcome, str]:
    """Return what became of a number of both sides under such margins."""
    metric, change = Metric(number.metric, number.window), number.changes[0]
    if obstacle is not None:
        return "undecided", f"Undecided: {metric.name}: {obstacle}."
    without = [
        f"{lacking} of {counted(len(own.runs), 'run')} of {own.name}"
        for own in (base, side)
        if (lacking := unmeasured(own, metric))
    ]
    if without:
        return "undecided", (
            f"Undecided: {metric.name}: not measured in {' and '.join(without)}, and what those "
            f"would have said is not known."
        )
    if change.missing:
        return "undecided", f"Undecided: {metric.name}: {_too_few([base, side], metric)}."
    said = _said(number, change, side.name)
    becomes = partial(_outcome, metric=metric, margins=parse_margins(told))
    before, after = values_of(base, metric), values_of(side, metric)
    outcomes = difference_extremes(before, after, becomes)
    chance = (
        f"Undecided: {said}, beyond {told}, but chance may have done it: repeat both more often"
    )
    if set(outcomes) == {"undecided", "worse"}:
        return "undecided", f"{chance}, and have students wait longer (students.timeout)."
    if len(set(outcomes)) > 1:
        return "undecided", (
            f"Undecided: {said}, of which no more is known, for requests were given up; whether "
            f"that is within {told} is open: have students wait longer (students.timeout)."
        )
    if runs := _left_out(base, side, metric, outcomes[0], becomes):
        return "undecided", (
            f"Undecided: {said}, without {runs} that do not count, as the rehearsal itself was "
            f"late there or at a CPU limit. The build may be why, and with them the outcome would "
            f"be another: leave the rehearsal more CPU, and repeat."
        )
    earlier, later = ([run for run in own.runs if counts(run, metric)] for own in (base, side))
    at = partial(_outcomes_at, before=before, after=after, becomes=becomes)
    machine = machines_doing(earlier, later, side.name, outcomes[0], at) if excusable else None
    if machine is not None:
        reach = "beyond" if outcomes[0] == "worse" else "within"
        return "undecided", f"Undecided: {said}, {reach} {told}, but {machine}."
    if outcomes[0] == "no_worse":
        further = _not_excluded(number, change, metric, parse_margins(told))
        return "no_worse", f"No worse: {said}, within {told}{further}."
    if outcomes[0] == "worse":
        return "worse", f"Worse: {said}, beyond {told}."
    return "undecided", f"{chance}."


def _outcomes_at(
    factor: float,
    *,
    before: Sequence[RunNumber],
    after: Sequence[RunNumber],
    becomes: Callable[[Sequence[float], Sequence[float]], Outcome],
) -> tuple[Outcome, Outcome]:
    """Return what would become of a number with so many times of the later side's."""
    scaled = [RunNumber(each.value * factor, each.at_least) for each in after]
    return difference_extremes(before, scaled, becomes)


def _left_out(
    base: Side,
    side: Side,
    metric: Metric,
    outcome: Outcome,
    becomes: Callable[[Sequence[float], Sequence[float]], Outcome],
) -> str:
    """Return in words which runs of a side do not count with which the outcome would be another;
    empty where there are none.

    Of the base only where the other side is worse and would not be past its margins with them: left
    out, they may have left the base's quick runs alone.
    """
    before, after = values_of(base, metric), values_of(side, metric)
    theirs, ours = left_out_values(base, metric), left_out_values(side, metric)
    for worst in _worst(ours, metric):
        if set(difference_extremes(before, [*after, *worst], becomes)) != {outcome}:
            return f"{len(ours)} of {counted(len(side.runs), 'run')} of {side.name}"
    for worst in _worst(theirs, metric) if outcome == "worse" else ():
        if "no_worse" in difference_extremes([*before, *worst], after, becomes):
            return f"{len(theirs)} of {counted(len(base.runs), 'run')} of {base.name}"
    return ""


def _worst(left_out: Sequence[RunNumber], metric: Metric) -> Iterator[list[RunNumber]]:
    """Yield what runs that were left out may really have had: as it is known, and without end in
    the way that is worse."""
    if left_out and worse_when(metric.path) == "more":
        yield [RunNumber(each.value, at_least=True) for each in left_out]
    elif left_out:
        yield list(left_out)
        yield [RunNumber(-math.inf) for _ in left_out]


def _outcome(
    before: Sequence[float], after: Sequence[float], *, metric: Metric, margins: Margins
) -> Outcome:
    """Return what becomes of a number with these values of five runs or more; those of one side may
    be infinite."""
    sign = 1 if worse_when(metric.path) == "more" else -1
    base, here = statistics.median(before), statistics.median(after)
    if math.isinf(here - base):
        reached = sign * (here - base) > 0
    else:
        median = _told(base)
        apart = _told(_told(here) - median)
        reached = _reached(apart, median, metric=metric, margins=margins)
    if not reached:
        return "no_worse"
    interval = difference_interval(before, after)
    assert interval is not None
    return "worse" if min(sign * end for end in interval) > 0 else "undecided"


def _seen_from(number: ComparedNumber, margins: Sequence[str]) -> Number | None:
    """Return by how much a number would have had to become worse at least to be told so.

    Had the later side's runs all been worse by so much more that the medians lie so far apart, the
    difference had reached all margins, and its interval had excluded zero: the interval moves with
    the runs, so it takes what lies between the medians' difference and its better end.
    """
    change, base = number.changes[0], number.sides[0].median
    if change.bound or base is None or None in (change.absolute, change.low, change.high):
        return None
    sign = 1 if worse_when(number.metric) == "more" else -1
    assert change.absolute is not None
    better = min(sign * end for end in (change.low, change.high) if end is not None)
    asked = [parse_margins(each) for each in margins]
    scale = 1000 if unit_of(number.metric) == "s" else 1
    shares = [float(each.relative) * abs(base) for each in asked if each.relative is not None]
    fixed = [float(each.absolute.value) / scale for each in asked if each.absolute is not None]
    return significant(max([sign * change.absolute - better, *shares, *fixed]))


def _reached(apart: Number, base: Number, *, metric: Metric, margins: Margins) -> bool:
    """Return whether a difference from the base's median reaches all margins."""
    sign = 1 if worse_when(metric.path) == "more" else -1
    scale = 1000 if unit_of(metric.path) == "s" else 1
    return margins.reached(sign * exact(apart) * scale, exact(base) * scale)


def _not_excluded(number: ComparedNumber, change: Change, metric: Metric, margins: Margins) -> str:
    """Return as the end of a sentence how much worse a number that is no worse may still be, where
    that is beyond the margins."""
    more = worse_when(metric.path) == "more"
    end, base = change.high if more else change.low, number.sides[0].median
    assert base is not None
    if end is not None and not _reached(end, base, metric=metric, margins=margins):
        return ""
    kind = "an increase" if more else "a decrease"
    far = "of any size" if end is None else f"of up to {quantity(abs(end), unit_of(metric.path))}"
    return f"; {kind} {far} is not excluded, so repeat both more often"


def _told(value: float) -> Number:
    """Return a number to the digits that a comparison tells of it."""
    kept = significant(value)
    assert kept is not None
    return kept


def _said(number: ComparedNumber, change: Change, side: str) -> str:
    unit = unit_of(number.metric)
    before, after = (median_words(each, unit) for each in number.sides)
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
