"""The gates: correctness first (always applied), then the plan's own limits.

Besides the audit's counters `fairness.inversions`, who was overtaken by more than the plan lets
pass, is held to 0 where it is known: also where the plan has a looser gate on it, which stands
alone only while nobody was. These hold without being asked for, unless the plan has a gate of its
own on the same metric: `census.failed`, `census.unknown` and `census.in_flight`, each
`<= 1%`. A sale whose students met errors did not hold, whatever its audit says.

A gate whose number was not measured is inconclusive, never passed, and so is one that holds of a
pool whose sources were silent when it mattered, or of a cause that could not be decided; nor are
limits on times passed where a clock was set meanwhile. So is a limit that is broken

- in a run that was cut short: its numbers are not those of the planned rush;
- while other programs took the CPU, a clock was set or ports were short: then everything that slows
  down or fails in time may be their doing, which wrongs and leaks are not;
- while the generator was late or stood still, on felt latency unless the system's part alone breaks
  it, on how the sale and its load went, or on students who were served too late to end well (those
  among them who failed are whose last request got no answer: an error that was answered decides);

and a limit on a latency's percentile that lies within the 95% interval of it: too close to call.
So is a limit on the p99 of a pool's waits that lies within its histogram's bucket.
Nor has a percentile passed a limit from above that it would break, by itself or by the end of its
interval, had the requests that were given up been waited for for ever.

What a gate lets become worse than before (`regression`) no run alone can decide: its number is kept
for comparisons (`reports.comparison`).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from dress_rehearsal.plans import Gate, parse_limit
from dress_rehearsal.reports.audit import AuditFinding
from dress_rehearsal.reports.closed_load import NONE_FAILED, is_strict
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.interval import Interval
from dress_rehearsal.reports.gates.excuses import compares_times, excuse_of
from dress_rehearsal.reports.gates.number import Bucket, GateNumber, number_of
from dress_rehearsal.reports.metrics import gate_words, in_unit_of, never_happened, pool_of
from dress_rehearsal.reports.numbers import exact
from dress_rehearsal.reports.pools import half_heard
from dress_rehearsal.reports.schema import GateResult, Measured, Number, Regression, Status
from dress_rehearsal.reports.students.census import CensusFinding
from dress_rehearsal.reports.trust import TrustFinding

IMPLICIT = tuple(
    Gate(metric=f"census.{word}", limit="<= 1%") for word in ("failed", "unknown", "in_flight")
)
"""Limits of every run whose plan sets none on the same metric."""
OVERTAKEN: Final = "fairness.inversions"
"""Who was overtaken by more than the plan lets pass: a failure by itself, `overtaken`."""
_NONE: Final = "== 0"


@dataclass(frozen=True, slots=True)
class GatesFinding:
    """Every gate's result, a sentence for each limit that did not pass, and what no run decides."""

    results: tuple[GateResult, ...]
    broken: tuple[str, ...]
    undecided: tuple[str, ...]
    regressions: tuple[Regression, ...]


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
    before = evidence.baseline
    results = [_adds_up(census, unproven=trust.unproven is not None)] if students else []
    for counter in audit.applicable:
        count = getattr(audit.audit, counter)
        unknown = count is None or (count and not trust.proves(counter))
        status: Status = "inconclusive" if unknown else "fail" if count else "pass"
        results.append(_result(f"audit.{counter}", _NONE, count, status))
    results += _in_order(evidence, measured, trust)
    limits = [gate for gate in evidence.plan.gates if gate.limit]
    named = {gate.path for gate in limits}
    strict = (NONE_FAILED,) if is_strict(evidence) else ()
    implicit = [gate for gate in (IMPLICIT if students else strict) if gate.metric not in named]
    broken, undecided = [], []
    for gate in (*implicit, *limits):
        number = number_of(gate, measured, evidence)
        result, why = _held_against(gate, number, evidence, trust, cause_decided=cause_decided)
        results.append(result)
        if gate in strict and result.value:
            continue  # what failed and of what is told by `closed_load`, as wrongs are by the audit
        if result.status == "fail":
            broken.append(why)
        elif result.status == "inconclusive":
            undecided.append(why)
    return GatesFinding(
        tuple(
            each.model_copy(
                update={
                    "baseline": before.numbers.get(each.name),
                    "baseline_at_least": each.name in before.at_least,
                }
            )
            for each in results
        ),
        tuple(broken),
        tuple(undecided),
        tuple(
            _regression(gate, measured, evidence) for gate in evidence.plan.gates if gate.regression
        ),
    )


def not_held(regressions: Sequence[Regression]) -> Iterator[str]:
    """Yield in one sentence which numbers this run alone does not decide, and what does."""
    if not regressions or any(each.baseline is not None for each in regressions):
        return
    names = ", ".join(f"{each.name} ({each.margins} worse)" for each in regressions)
    yield (
        f"Not held by this run: {names}. Only five runs beside five of before decide it: "
        f"`rehearse run PLAN --repeat 5 --baseline FOLDER`, or `rehearse compare FOLDER FOLDER`."
    )


def _regression(gate: Gate, measured: Measured, evidence: Evidence) -> Regression:
    """Return the number that a comparison holds against those of other runs."""
    number = number_of(gate, measured, evidence)
    return Regression(
        metric=gate.path,
        window=gate.span,
        margins=gate.regression or "",
        value=number.value,
        baseline=evidence.baseline.numbers.get(number.name),
        baseline_at_least=number.name in evidence.baseline.at_least,
        given_up=number.given_up,
    )


def _held_against(
    gate: Gate, number: GateNumber, evidence: Evidence, trust: TrustFinding, *, cause_decided: bool
) -> tuple[GateResult, str]:
    """Return what became of one limit, and a sentence where it did not pass."""
    limit, measured = gate.limit or "", number.measured
    watched = evidence.t0_ns is not None
    status = _status(gate, number, watched=watched, cause_decided=cause_decided)
    result = _result(gate.path, limit, number.value, status, number.interval, gate.span)
    end = None if number.open_end else result.high
    result = result.model_copy(update={"given_up": number.given_up, "high": end})
    said = f"{number.name} is {gate_words(result, measured)}"
    undecided = result.model_copy(update={"status": "inconclusive"})
    # What was seen of a pool is true, but what nobody saw may break the limit.
    unknown = half_heard(evidence) | {
        pool.name for pool in measured.pools if pool.diagnosis == "not_measured"
    }
    unheard = status == "pass" and pool_of(measured, gate.path) in unknown
    if status == "inconclusive" or (unheard and number.value is None):
        why = f" ({number.missing})" if number.missing else ""
        return undecided, (
            f"Gate undecided: {number.name} was not measured{why}, so {limit} could not be checked."
        )
    if unheard:
        return undecided, (
            f"Gate undecided: {said} by what was heard of it, which is not all, so {limit} "
            f"could not be checked."
        )
    if number.bucket is not None and _cuts(limit, number.bucket):
        return undecided, (
            f"Gate undecided: {said}, and its histogram does not tell where in between, so whether "
            f"{limit} holds is not known."
        )
    if _too_close(limit, number.interval):
        return undecided, f"Gate undecided: {said}, too close to the limit {limit} to call."
    might_hold = parse_limit(limit).holds(_exact(number.most))
    if number.given_up is not None and might_hold != (status == "pass"):
        return undecided, (
            f"Gate undecided: {said}, so whether {limit} holds is not known: have students wait "
            f"longer (students.timeout)."
        )
    if _too_close(limit, number.ends):
        return undecided, (
            f"Gate undecided: {said}, and chance alone may have put it there: requests were given "
            f"up, so how much larger it might be is not known, and neither is whether {limit} "
            f"holds. Have students wait longer (students.timeout)."
        )
    excuse = excuse_of(gate, number, evidence, trust) if status == "fail" else None
    if evidence.clock_steps and compares_times(gate.path):
        excuse = trust.untimely
    if excuse:
        return undecided, f"Gate undecided: {said}, the limit is {limit}, but {excuse}."
    return result, f"Gate broken: {said}, the limit is {limit}."


def _in_order(evidence: Evidence, measured: Measured, trust: TrustFinding) -> list[GateResult]:
    """Return whether nobody was overtaken by too much; nothing where that is not known, where the
    plan says so itself: beside a looser limit of the plan's own it stands all the same, for who was
    overtaken by too much was wronged."""
    count = measured.fairness.inversions
    own = {gate.limit for gate in evidence.plan.gates if gate.path == OVERTAKEN and gate.limit}
    if count is None or _NONE in own:
        return []
    status: Status = "pass" if not count else "inconclusive" if trust.untimely else "fail"
    return [_result(OVERTAKEN, _NONE, count, status)]


def _adds_up(census: CensusFinding, *, unproven: bool) -> GateResult:
    counts = census.census.model_dump()
    students = counts.pop("students")
    total = sum(counts.values())
    fine = total == students and not census.problems
    status: Status = "pass" if fine else "inconclusive" if unproven else "fail"
    return _result("census.students", f"== {students}", total, status)


def _status(gate: Gate, number: GateNumber, *, watched: bool, cause_decided: bool) -> Status:
    limit, path, measured = parse_limit(gate.limit or ""), gate.path, number.measured
    if number.bucket is not None:
        holds = limit.holds(_most(number.bucket))
    elif number.value is not None:
        holds = limit.holds(in_unit_of(limit, path, number.value, measured))
    elif watched and never_happened(measured, path, cause_decided=cause_decided):
        holds = limit.holds(float("inf"))
    else:
        return "inconclusive"
    return "pass" if holds else "fail"


def _too_close(limit: str, interval: Interval | None) -> bool:
    """Return whether chance alone might have put the number on the limit's other side."""
    if interval is None or interval[0] == interval[1]:
        return False
    low, high = map(_exact, interval)
    return low <= parse_limit(limit).value <= high


def _cuts(limit: str, bucket: Bucket) -> bool:
    """Return whether a limit holds of some of what may lie in a bucket and not of the rest.

    What fell into it is more than its lower end; in the first one it may be just that, 0.
    """
    parsed = parse_limit(limit)
    least = bucket[0] if bucket[0] == 0 else math.nextafter(bucket[0], math.inf)
    most = _most(bucket)
    inside = _exact(least) < parsed.value < most
    return inside or parsed.holds(_exact(least)) != parsed.holds(most)


def _most(bucket: Bucket) -> Fraction | float:
    return math.inf if bucket[1] is None else exact(bucket[1])


def _exact(value: float) -> Fraction | float:
    """Return a number as it is written; infinity stays what it is."""
    return value if math.isinf(value) else exact(value)


def _result(
    metric: str,
    limit: str,
    value: Number | None,
    status: Status,
    interval: Interval | None = None,
    window: str | None = None,
) -> GateResult:
    low, high = (None, None) if interval is None else interval
    return GateResult(
        metric=metric,
        window=window,
        limit=limit,
        value=value,
        low=low,
        high=high,
        baseline=None,
        status=status,
    )
