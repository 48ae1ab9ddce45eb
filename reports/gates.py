"""The gates: correctness first (always applied), then the plan's own limits.

Besides the audit's counters these hold without being asked for, unless the plan has a gate of its
own on the same metric: `census.failed`, `census.unknown` and `census.in_flight`, each `<= 1%`. A
sale whose students met errors did not hold, whatever its audit says.

A gate whose number was not measured is inconclusive, never passed, and so is one that holds of a
pool whose sources were silent when it mattered, or of a cause that could not be decided; nor are
limits on times passed where a clock was set meanwhile. So is a limit that is broken

- in a run that was cut short: its numbers are not those of the planned rush;
- while other programs took the CPU, a clock was set or ports were short: then everything that slows
  down or fails in time may be their doing, which wrongs and leaks are not;
- while the generator was late or stood still, on felt latency unless the system's part alone breaks
  it, on how the sale and its load went, or on students who were served too late to end well;

and a limit on a latency's percentile that lies within the 95% interval of it: too close to call.
"""

import math
from dataclasses import dataclass

from dress_rehearsal.plans import Gate, parse_limit
from dress_rehearsal.plans.latecomers import latecomers
from dress_rehearsal.reports.audit import AuditFinding
from dress_rehearsal.reports.closed_load import NONE_FAILED, is_strict
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.interval import Interval
from dress_rehearsal.reports.evidence.latency import FELT, latency_interval, system_ms
from dress_rehearsal.reports.evidence.timeline import MEASURING
from dress_rehearsal.reports.metrics import (
    gate_words,
    in_unit_of,
    metric_value,
    never_happened,
    pool_of,
    unit_of,
)
from dress_rehearsal.reports.numbers import exact
from dress_rehearsal.reports.pools import half_heard
from dress_rehearsal.reports.schema import GateResult, Measured, Number, Status
from dress_rehearsal.reports.students.census import CensusFinding
from dress_rehearsal.reports.trust import TrustFinding
from dress_rehearsal.reports.words import milliseconds, percent

IMPLICIT = tuple(
    Gate(metric=f"census.{word}", limit="<= 1%") for word in ("failed", "unknown", "in_flight")
)
"""Limits of every run whose plan sets none on the same metric."""

_IN_FLIGHT = "census.in_flight"
_SIGMAS = 3

_PACED_BY_GENERATOR = ("sale", "load", "bottleneck")
"""Tables whose numbers follow from when requests are sent."""

_ENDS_BY_GENERATOR = ("unknown", "in_flight", "gave_up")
"""Ends of students' stories that come of time-outs and of the closing of the sale: a generator that
is late lets both pass. One that stands still lets its connections be cut, too."""


@dataclass(frozen=True, slots=True)
class GatesFinding:
    """Every gate's result, and a sentence for each limit that did not pass."""

    results: tuple[GateResult, ...]
    broken: tuple[str, ...]
    undecided: tuple[str, ...]


def apply_gates(
    evidence: Evidence,
    measured: Measured,
    census: CensusFinding,
    audit: AuditFinding,
    trust: TrustFinding,
    *,
    cause_decided: bool,
) -> GatesFinding:
    """Return what is found when the run is held against correctness and the plan's limits.

    Args:
        cause_decided: whether it is known where time was lost, be it nowhere.

    Raises:
        MetricUnknownError: a gate of the plan names a number that no verdict holds.
    """
    students = evidence.plan.load is None
    results = [_adds_up(census, unproven=trust.unproven is not None)] if students else []
    for counter in audit.applicable:
        count = getattr(audit.audit, counter)
        unknown = count is None or (count and trust.unproven)
        status: Status = "inconclusive" if unknown else "fail" if count else "pass"
        results.append(_result(f"audit.{counter}", "== 0", count, status))
    named = {gate.metric for gate in evidence.plan.gates}
    strict = (NONE_FAILED,) if is_strict(evidence) else ()
    implicit = [gate for gate in (IMPLICIT if students else strict) if gate.metric not in named]
    broken, undecided = [], []
    for gate in (*implicit, *evidence.plan.gates):
        result, why = _held_against(gate, measured, evidence, trust, cause_decided)
        results.append(result)
        if gate in strict and result.value:
            continue  # what failed and of what is told by `closed_load`, as wrongs are by the audit
        if result.status == "fail":
            broken.append(why)
        elif result.status == "inconclusive":
            undecided.append(why)
    return GatesFinding(tuple(results), tuple(broken), tuple(undecided))


def _held_against(
    gate: Gate, measured: Measured, evidence: Evidence, trust: TrustFinding, cause_decided: bool
) -> tuple[GateResult, str]:
    """Return what became of one limit, and a sentence where it did not pass."""
    value = metric_value(measured, gate.metric)
    watched = evidence.t0_ns is not None
    status = _status(gate, value, measured, watched=watched, cause_decided=cause_decided)
    interval = None if value is None else _interval(gate.metric, measured, evidence)
    result = _result(gate.metric, gate.limit, value, status, interval)
    said = f"{gate.metric} is {gate_words(result, measured)}"
    undecided = _result(gate.metric, gate.limit, value, "inconclusive", interval)
    # What was seen of a pool is true, but what nobody saw may break the limit.
    unknown = half_heard(evidence) | {
        pool.name for pool in measured.pools if pool.diagnosis == "not_measured"
    }
    unheard = status == "pass" and pool_of(measured, gate.metric) in unknown
    if status == "inconclusive" or (unheard and value is None):
        return undecided, (
            f"Gate undecided: {gate.metric} was not measured, so {gate.limit} could not be checked."
        )
    if unheard:
        return undecided, (
            f"Gate undecided: {said} by what was heard of it, which is not all, so {gate.limit} "
            f"could not be checked."
        )
    if _too_close(gate, interval):
        return undecided, f"Gate undecided: {said}, too close to the limit {gate.limit} to call."
    excuse = _excuse(gate, measured, evidence, trust) if status == "fail" else None
    if evidence.clock_steps and _by_times(gate.metric):
        excuse = trust.untimely
    if excuse:
        return undecided, f"Gate undecided: {said}, the limit is {gate.limit}, but {excuse}."
    return result, f"Gate broken: {said}, the limit is {gate.limit}."


def _adds_up(census: CensusFinding, *, unproven: bool) -> GateResult:
    counts = census.census.model_dump()
    students = counts.pop("students")
    total = sum(counts.values())
    fine = total == students and not census.problems
    status: Status = "pass" if fine else "inconclusive" if unproven else "fail"
    return _result("census.students", f"== {students}", total, status)


def _status(
    gate: Gate, value: Number | None, measured: Measured, *, watched: bool, cause_decided: bool
) -> Status:
    limit = parse_limit(gate.limit)
    if value is not None:
        holds = limit.holds(in_unit_of(limit, gate.metric, value, measured))
    elif watched and never_happened(measured, gate.metric, cause_decided=cause_decided):
        holds = limit.holds(float("inf"))
    else:
        return "inconclusive"
    return "pass" if holds else "fail"


def _interval(metric: str, measured: Measured, evidence: Evidence) -> Interval | None:
    """Return the 95% interval of a latency's percentile, None of any other number."""
    table, _, field = metric.rpartition(".")
    if not table.startswith("latency_ms["):
        return None
    if field == "p99":
        known = measured.latency_ms[_step(table)]
        ends = (known.p99_low, known.p99_high)
        return None if ends[0] is None or ends[1] is None else (ends[0], ends[1])
    return latency_interval(evidence.latency, _step(table), field, evidence.plan.seed)


def _too_close(gate: Gate, interval: Interval | None) -> bool:
    """Return whether chance alone might have put the number on the limit's other side."""
    if interval is None or interval[0] == interval[1]:
        return False
    low, high = map(exact, interval)
    return low <= parse_limit(gate.limit).value <= high


def _step(table: str) -> str:
    return table.removeprefix("latency_ms[").removesuffix("]")


def _excuse(gate: Gate, measured: Measured, evidence: Evidence, trust: TrustFinding) -> str | None:
    """Return why a broken limit is not the target's doing, None when it is."""
    if trust.unproven is not None:
        return trust.unproven
    if not evidence.timeline.as_planned:
        return "the rush was not carried out as planned"
    if gate.metric == NONE_FAILED.metric and evidence.plan.load is not None:
        return None  # Locust's users were answered so, whoever else was busy
    table, _, field = gate.metric.rpartition(".")
    if gate.metric == _IN_FLIGHT and (share := _too_late(gate, measured, evidence)):
        return (
            f"by the plan's own timetable {percent(share)} of the students click only after the "
            f"sale has closed"
        )
    if trust.untimely is not None and _may_be_others_doing(table, field):
        return trust.untimely
    still = any(gap.source.partition(":")[0] == MEASURING for gap in evidence.gaps)
    if not (still or trust.generator.limited):
        return None
    late = "the generator stood still for a while" if still else "the generator was late"
    ends = (*_ENDS_BY_GENERATOR, "failed") if still else _ENDS_BY_GENERATOR
    paced = table in _PACED_BY_GENERATOR and not field.startswith("failed")
    if paced or (table == "census" and field in ends):
        return late
    if not table.startswith("latency_ms[") or field not in (*FELT, "good_p99"):
        return None
    own = system_ms(evidence.latency, _step(table), field)
    if own is not None and not parse_limit(gate.limit).holds(exact(own)):
        return None
    return f"{late}; the system's part is {milliseconds(own)}"


def _too_late(gate: Gate, measured: Measured, evidence: Evidence) -> float:
    """Return the share of latecomers of a plan, without whom a limit on `in_flight` would hold.

    0 where it would not, or there are none. How many of them the draws made is chance.
    """
    share, census = latecomers(evidence.plan), measured.census
    expected = share * census.students
    rest = max(census.in_flight - math.floor(expected + _SIGMAS * math.sqrt(expected)), 0)
    others = census.model_copy(update={"in_flight": rest})
    without = measured.model_copy(update={"census": others})
    limit = parse_limit(gate.limit)
    return share if limit.holds(in_unit_of(limit, gate.metric, rest, without)) else 0.0


def _by_times(metric: str) -> bool:
    """Return whether a number of the sale compares times."""
    return bool(unit_of(metric)) and not metric.startswith("generator.")


def _may_be_others_doing(table: str, field: str) -> bool:
    """Return whether a number suffers from what else goes on on the machine.

    A wrong or a leak is nobody else's, and the measurement's own numbers are about the machine.
    """
    return field == "settle_ms" or (table not in ("audit", "generator") and field != "leaked")


def _result(
    metric: str,
    limit: str,
    value: Number | None,
    status: Status,
    interval: Interval | None = None,
) -> GateResult:
    low, high = (None, None) if interval is None else interval
    return GateResult(
        metric=metric, limit=limit, value=value, low=low, high=high, baseline=None, status=status
    )
