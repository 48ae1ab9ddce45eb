"""The numbers of sides beside each other: which there are, of how many runs, and how far apart."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from dress_rehearsal.reports.comparison.schema import Bound, Change, ComparedNumber, SideNumber
from dress_rehearsal.reports.comparison.sides import Side, SideRun
from dress_rehearsal.reports.doubts import believed, may_be_its_own_doing, may_be_others_doing
from dress_rehearsal.reports.errors import MetricUnknownError
from dress_rehearsal.reports.evidence.latency import at_least
from dress_rehearsal.reports.history.intervals import FEWEST, difference_interval
from dress_rehearsal.reports.lower_bounds import (
    RunNumber,
    difference_extremes,
    is_lower_bound,
    over_runs,
)
from dress_rehearsal.reports.metrics import metric_value
from dress_rehearsal.reports.numbers import significant
from dress_rehearsal.reports.schema import GateResult, Number, Regression, Verdict, named

_BOUNDS: Final[dict[tuple[bool, bool], Bound | None]] = {
    (False, False): None,
    (False, True): "at_least",
    (True, False): "at_most",
    (True, True): "unknown",
}
"""What a difference is, by whether the base's median and the side's are lower bounds."""


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


def values_of(side: Side, metric: Metric) -> list[RunNumber]:
    """Return the number of each run of a side that counts."""
    return _values([run for run in side.runs if counts(run, metric)], metric)


def left_out_values(side: Side, metric: Metric) -> list[RunNumber]:
    """Return the number of each run of a side that does not count though the target itself may be
    why: left out, such runs would leave the quick ones of a build that is slow now and then."""
    own = [run for run in side.runs if may_be_its_own_doing(run.verdict.doubts or ())]
    return _values([run for run in own if not counts(run, metric)], metric)


def _values(runs: Iterable[SideRun], metric: Metric) -> list[RunNumber]:
    return [
        RunNumber(value, is_lower_bound(run.verdict, *metric))
        for run in runs
        if (value := value_in(run, metric)) is not None
    ]


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


def _side_number(side: Side, metric: Metric, counted: list[RunNumber]) -> SideNumber:
    values = counted or _values(side.runs, metric)
    if not values:
        return SideNumber(counted=0, median=None, least=None, most=None)
    median, least, most, at_least = over_runs(values)
    exact = len(side.runs) == 1 and not at_least
    low, high = _own_interval(side, metric) if exact else (None, None)
    return SideNumber(
        counted=len(counted),
        median=significant(median),
        least=least,
        most=most,
        at_least=at_least,
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
    return own.p99_low, None if at_least(own, "p99_high") else own.p99_high


def _change(
    base: SideNumber, other: SideNumber, before: Sequence[RunNumber], after: Sequence[RunNumber]
) -> Change:
    bound = _BOUNDS["median" in base.at_least, "median" in other.at_least]
    absolute = relative = None
    if base.median is not None and other.median is not None and bound != "unknown":
        absolute = significant(other.median - base.median)
        relative = None if not base.median else (other.median - base.median) / abs(base.median)
    low = high = None  # also of an end without end
    least, most = difference_extremes(before, after, difference_interval)
    if least is not None and most is not None:
        low, high = significant(least[0]), significant(most[1])
    return Change(
        absolute=absolute,
        relative=None if relative is None else significant(relative),
        bound=bound,
        low=low,
        high=high,
        missing=sum(max(FEWEST - len(values), 0) for values in (before, after)),
    )
