"""The numbers of sides beside each other: which there are, of how many runs, and how far apart."""

import statistics
from collections.abc import Sequence
from typing import NamedTuple

from dress_rehearsal.reports.comparison.intervals import FEWEST, difference_interval
from dress_rehearsal.reports.comparison.schema import Change, ComparedNumber, SideNumber
from dress_rehearsal.reports.comparison.sides import Side, SideRun
from dress_rehearsal.reports.doubts import believed, may_be_others_doing
from dress_rehearsal.reports.errors import MetricUnknownError
from dress_rehearsal.reports.metrics import metric_value
from dress_rehearsal.reports.numbers import significant
from dress_rehearsal.reports.schema import GateResult, Number, Regression, Verdict, named


class Metric(NamedTuple):
    """A number of the verdict, of the whole rush or of a window."""

    path: str
    window: str | None

    @property
    def name(self) -> str:
        """As people name it."""
        return named(*self)


def metrics_of(sides: Sequence[Side]) -> list[Metric]:
    """Return what is compared: every number of a gate of any side, then p99 of every step taken."""
    verdicts = [run.verdict for side in sides for run in side.runs]
    gated = [Metric(each.metric, each.window) for verdict in verdicts for each in _kept(verdict)]
    steps = [
        Metric(f"latency_ms[{step}].p99", None)
        for verdict in verdicts
        for step, own in verdict.latency_ms.items()
        if own.count
    ]
    return list(dict.fromkeys([*gated, *steps]))


def value_in(run: SideRun, metric: Metric) -> Number | None:
    """Return a run's number, None where it was not measured, or is of another scenario."""
    if metric.window is None:
        try:
            return metric_value(run.verdict, metric.path)
        except MetricUnknownError:
            return None
    kept = _kept(run.verdict)
    return next((each.value for each in kept if each.name == metric.name), None)


def _kept(verdict: Verdict) -> tuple[GateResult | Regression, ...]:
    """Return the numbers that a verdict keeps beside those of its tables."""
    return (*verdict.regressions, *verdict.gates)


def counts(run: SideRun, metric: Metric) -> bool:
    """Return whether a number of a run is one of the planned rush, undisturbed."""
    doubts = run.verdict.doubts
    if doubts is None:  # written by a version that did not tell
        return not may_be_others_doing(metric.path) or run.verdict.verdict != "inconclusive"
    return believed(doubts, metric.path)


def values_of(side: Side, metric: Metric) -> list[Number]:
    """Return the number of each run of a side that counts."""
    values = [value_in(run, metric) for run in side.runs if counts(run, metric)]
    return [value for value in values if value is not None]


def unmeasured(side: Side, metric: Metric) -> int:
    """Return how many runs of a side count and have no such number."""
    counted = [run for run in side.runs if counts(run, metric)]
    return sum(value_in(run, metric) is None for run in counted)


def compared_number(sides: Sequence[Side], metric: Metric) -> ComparedNumber:
    """Return one number on every side, and how far each is from the first."""
    values = [values_of(side, metric) for side in sides]
    told = [_side_number(side, metric, own) for side, own in zip(sides, values, strict=True)]
    return ComparedNumber(
        metric=metric.path,
        window=metric.window,
        sides=tuple(told),
        changes=tuple(
            _change(told[0], other, values[0], own)
            for other, own in zip(told[1:], values[1:], strict=True)
        ),
    )


def _side_number(side: Side, metric: Metric, counted: list[Number]) -> SideNumber:
    every = (value_in(run, metric) for run in side.runs)
    values = counted or [value for value in every if value is not None]
    low, high = _own_interval(side, metric) if len(side.runs) == 1 else (None, None)
    return SideNumber(
        counted=len(counted),
        median=significant(statistics.median(values)) if values else None,
        least=min(values, default=None),
        most=max(values, default=None),
        low=low,
        high=high,
    )


def _own_interval(side: Side, metric: Metric) -> tuple[Number | None, Number | None]:
    """Return the interval of a number within a single run, which is about that run alone."""
    verdict = side.runs[0].verdict
    for gate in verdict.gates:
        if gate.name == metric.name:
            return gate.low, gate.high
    step, _, field = metric.path.removeprefix("latency_ms[").rpartition("].")
    own = verdict.latency_ms.get(step)
    if own is None or field != "p99" or metric.window is not None:
        return None, None
    return own.p99_low, own.p99_high


def _change(
    base: SideNumber, other: SideNumber, before: Sequence[Number], after: Sequence[Number]
) -> Change:
    interval = difference_interval(before, after)
    low, high = (None, None) if interval is None else map(significant, interval)
    absolute = relative = None
    if base.median is not None and other.median is not None:
        absolute = significant(other.median - base.median)
        relative = None if not base.median else (other.median - base.median) / abs(base.median)
    missing = sum(max(FEWEST - len(values), 0) for values in (before, after))
    return Change(
        absolute=absolute,
        relative=None if relative is None else significant(relative),
        low=low,
        high=high,
        missing=missing,
    )
