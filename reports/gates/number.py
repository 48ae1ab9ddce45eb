"""The number that a gate is about: of the whole rush, or of the requests of its window."""

import math
from dataclasses import dataclass, replace
from typing import Final

from dress_rehearsal.plans import Gate
from dress_rehearsal.reports.directions import COUNTS_OF_LATENCY
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.interval import Interval
from dress_rehearsal.reports.evidence.latency import (
    ESTIMATES,
    if_never_answered,
    latency_interval,
    latency_of,
    latency_within,
    requests_behind,
    requests_needed,
)
from dress_rehearsal.reports.evidence.latency_table import LatencyTable
from dress_rehearsal.reports.lower_bounds import given_up_share, is_given_up_by, step_of
from dress_rehearsal.reports.metrics import bucket_of, metric_value
from dress_rehearsal.reports.schema import Measured, Number, named
from dress_rehearsal.reports.words import counted

Bucket = tuple[float, float | None]
_OF_LATENCY: Final = "latency_ms["


@dataclass(frozen=True, slots=True)
class GateNumber:
    """What a gate is held against.

    Attributes:
        value: None where it was not measured, or never happened.
        interval: its 95% interval, None where it has none.
        measured: the numbers that it is one of; within a window, with the window's own latency.
        frame: the requests that it is of, as `evidence.latency` has them.
        missing: why it was not measured, where the window says so; the end of a sentence.
        given_up: the share of the requests that were given up, where the value is a lower bound
            for them; no interval is told then. None elsewhere.
        most: what the value might be had these been waited for: the value where none was given up
            sooner, infinite where nobody knows an end.
        ends: the interval with its upper end as far up as it might be then.
        bucket: the ends of the histogram's bucket that is all that is known of it; None of a number
            that was measured.
        open_end: whether the interval's upper end is no end then, but a lower bound of it.
    """

    name: str
    value: Number | None
    interval: Interval | None
    measured: Measured
    frame: LatencyTable
    missing: str = ""
    given_up: float | None = None
    most: float = math.inf
    ends: Interval | None = None
    open_end: bool = False
    bucket: Bucket | None = None


def number_of(gate: Gate, measured: Measured, evidence: Evidence) -> GateNumber:
    """Return the number that a gate is about.

    A percentile of so few requests within a window that it is their maximum is not measured.

    Raises:
        MetricUnknownError: it names a number that no verdict holds.
    """
    path, window, frame = gate.path, gate.within, evidence.latency
    missing = ""
    value = metric_value(measured, path)
    if window is not None:
        step, field = step_of(path), path.rpartition(".")[2]
        frame = latency_within(frame, window.begin_s, window.end_s)
        own = latency_of(frame, step, evidence.plan.seed)
        measured = measured.model_copy(update={"latency_ms": {**measured.latency_ms, step: own}})
        value, there, needed = getattr(own, field), requests_behind(own, field), 0
        if field not in COUNTS_OF_LATENCY:
            needed = requests_needed(field)
        if there < needed:
            value, missing = None, _too_few(there, needed)
    given_up = None if value is None else given_up_share(measured, path)
    name, seed = named(path, gate.span), evidence.plan.seed
    interval = None if value is None else _interval(path, measured, frame, seed)
    most, ends = math.inf if value is None or given_up is not None else value, interval
    end = value if interval is None else interval[1]
    step, field = step_of(path), path.rpartition(".")[2]
    open_end = is_given_up_by(measured, path, end)
    if field in ESTIMATES and open_end:
        most, waited = if_never_answered(frame, step, field, seed)
        ends = None if interval is None or waited is None else (interval[0], waited[1])
    if given_up is not None:
        interval = None
    number = GateNumber(name, value, interval, measured, frame, missing, given_up, most, ends)
    return replace(number, open_end=open_end, bucket=bucket_of(measured, path))


def _interval(path: str, measured: Measured, frame: LatencyTable, seed: int) -> Interval | None:
    """Return the 95% interval of a latency's percentile, None of any other number."""
    if not path.startswith(_OF_LATENCY):
        return None
    step, field = step_of(path), path.rpartition(".")[2]
    if field == "p99":
        known = measured.latency_ms[step]
        ends = (known.p99_low, known.p99_high)
        return None if ends[0] is None or ends[1] is None else (ends[0], ends[1])
    return latency_interval(frame, step, field, seed)


def _too_few(there: int, needed: int) -> str:
    if not there:
        return "no request was meant then"
    were = "was" if there == 1 else "were"
    return (
        f"only {counted(there, 'request')} {were} meant then, and it takes {needed} at least for "
        f"it to be more than the slowest of them"
    )
