"""The gates: correctness first (always applied), then the plan's own limits.

Besides the audit's counters these hold without being asked for, unless the plan has a gate of its
own on the same metric: `census.failed`, `census.unknown` and `census.in_flight`, each `<= 1%`. A
sale whose students met errors did not hold, whatever its audit says.

A gate whose number was not measured is inconclusive, never passed. So is a limit broken in a run
that was cut short (its numbers are not those of the planned rush), and a limit on felt latency that
is broken while the generator was the limit, unless the system's part alone breaks it; and a limit
on a latency or a pool that is broken while other programs took the CPU or a clock was set.
"""

from dataclasses import dataclass

from dress_rehearsal.plans import Gate, parse_limit
from dress_rehearsal.reports.audit import AuditFinding
from dress_rehearsal.reports.census import CensusFinding
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.latency import FELT, system_ms
from dress_rehearsal.reports.metrics import in_unit_of, metric_value, never_happened, value_words
from dress_rehearsal.reports.schema import GateResult, Measured, Number, Status
from dress_rehearsal.reports.trust import judge_trust
from dress_rehearsal.reports.words import milliseconds

IMPLICIT = tuple(
    Gate(metric=f"census.{word}", limit="<= 1%") for word in ("failed", "unknown", "in_flight")
)
"""Limits of every run whose plan sets none on the same metric."""

_TIMES = ("latency_ms[", "pools[")
"""Metrics that are slower for everything else that goes on on the machine."""


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
) -> GatesFinding:
    """Return what is found when the run is held against correctness and the plan's limits.

    Raises:
        MetricUnknownError: a gate of the plan names a number that no verdict holds.
    """
    results = [_adds_up(census)]
    for counter in audit.applicable:
        count = getattr(audit.audit, counter)
        status: Status = "inconclusive" if count is None else "fail" if count else "pass"
        results.append(_result(f"audit.{counter}", "== 0", count, status))
    named = {gate.metric for gate in evidence.plan.gates}
    implicit = [gate for gate in IMPLICIT if gate.metric not in named]
    broken, undecided = [], []
    for gate in (*implicit, *evidence.plan.gates):
        value = metric_value(measured, gate.metric)
        status = _status(gate, value, measured, opened=evidence.t0_ns is not None)
        words = value_words(
            gate.metric, gate.limit, value, measured.census.students, never=value is None
        )
        said = f"{gate.metric} is {words}, the limit is {gate.limit}"
        if status == "inconclusive":
            undecided.append(
                f"Gate undecided: {gate.metric} was not measured, so {gate.limit} could not be "
                f"checked."
            )
        elif status == "fail":
            excuse = _excuse(gate, measured, evidence)
            if excuse:
                status = "inconclusive"
                undecided.append(f"Gate undecided: {said}, but {excuse}.")
            else:
                broken.append(f"Gate broken: {said}.")
        results.append(_result(gate.metric, gate.limit, value, status))
    return GatesFinding(tuple(results), tuple(broken), tuple(undecided))


def _adds_up(census: CensusFinding) -> GateResult:
    counts = census.census.model_dump()
    students = counts.pop("students")
    total = sum(counts.values())
    fine = total == students and not census.problems
    return _result("census.students", f"== {students}", total, "pass" if fine else "fail")


def _status(gate: Gate, value: Number | None, measured: Measured, *, opened: bool) -> Status:
    limit = parse_limit(gate.limit)
    if value is not None:
        holds = limit.holds(in_unit_of(limit, gate.metric, value, measured))
    elif opened and never_happened(measured, gate.metric):
        holds = limit.holds(float("inf"))
    else:
        return "inconclusive"
    return "pass" if holds else "fail"


def _excuse(gate: Gate, measured: Measured, evidence: Evidence) -> str | None:
    """Return why a broken limit is not the target's doing, None when it is."""
    if not evidence.timeline.as_planned:
        return "the rush was not carried out as planned"
    table, _, field = gate.metric.rpartition(".")
    if table.startswith(_TIMES) and not measured.generator.limited:
        return judge_trust(evidence).untimely
    if not measured.generator.limited or not table.startswith("latency_ms[") or field not in FELT:
        return None
    own = system_ms(evidence.latency, table.removeprefix("latency_ms[").removesuffix("]"), field)
    if own is not None and not parse_limit(gate.limit).holds(own):
        return None
    return f"the generator was late; the system's part is {milliseconds(own)}"


def _result(metric: str, limit: str, value: Number | None, status: Status) -> GateResult:
    return GateResult(metric=metric, limit=limit, value=value, baseline=None, status=status)
