"""The gates: correctness first (always applied), then the plan's own limits.

A gate whose number was not measured is inconclusive, never passed.
"""

from dataclasses import dataclass

from plans import Gate, parse_limit
from reports.audit import AuditFinding
from reports.census import CensusFinding
from reports.document import GateResult, Measured, Number, Status
from reports.evidence import Evidence
from reports.metric_path import in_unit_of, metric_value
from reports.quantities import written


@dataclass(frozen=True, slots=True)
class GatesFinding:
    """Every gate's result, and a sentence for each of the plan's that did not pass."""

    results: tuple[GateResult, ...]
    broken: tuple[str, ...]
    undecided: tuple[str, ...]


def apply_gates(
    evidence: Evidence, measured: Measured, census: CensusFinding, audit: AuditFinding
) -> GatesFinding:
    """Hold the run against correctness and the plan's limits.

    Raises:
        MetricUnknown: a gate of the plan names a number that no verdict holds.
    """
    results = [_adds_up(census)]
    for counter in audit.applicable:
        count = getattr(audit.audit, counter)
        status: Status = "inconclusive" if count is None else "fail" if count else "pass"
        results.append(_result(f"audit.{counter}", "== 0", count, status))
    broken, undecided = [], []
    for gate in evidence.plan.gates:
        result = _apply(gate, measured)
        results.append(result)
        if result.status == "fail":
            broken.append(
                f"Gate broken: {gate.metric} is {_shown(gate, result.value, measured)}, the "
                f"limit is {gate.limit}."
            )
        elif result.status == "inconclusive":
            undecided.append(
                f"Gate undecided: {gate.metric} was not measured, so {gate.limit} could not be "
                f"checked."
            )
    return GatesFinding(tuple(results), tuple(broken), tuple(undecided))


def _adds_up(census: CensusFinding) -> GateResult:
    counts = census.census.model_dump()
    students = counts.pop("students")
    total = sum(counts.values())
    fine = total == students and not census.problems
    return _result("census.students", f"== {students}", total, "pass" if fine else "fail")


def _apply(gate: Gate, measured: Measured) -> GateResult:
    value = metric_value(measured, gate.metric)
    if value is None:
        return _result(gate.metric, gate.limit, None, "inconclusive")
    limit = parse_limit(gate.limit)
    holds = limit.holds(in_unit_of(limit, gate.metric, value, measured))
    return _result(gate.metric, gate.limit, value, "pass" if holds else "fail")


def _result(metric: str, limit: str, value: Number | None, status: Status) -> GateResult:
    return GateResult(metric=metric, limit=limit, value=value, baseline=None, status=status)


def _shown(gate: Gate, value: Number | None, measured: Measured) -> str:
    limit = parse_limit(gate.limit)
    if limit.unit == "share" and gate.metric.startswith("census.") and value is not None:
        students = measured.census.students
        return f"{written(value)} of {students:,} students ({100 * value / students:.3g}%)"
    timed = gate.metric.startswith("latency_ms[") or gate.metric.endswith("_ms")
    return f"{written(value)} ms" if timed and limit.unit == "ms" else written(value)
