"""Excuses: why a broken limit need not be the target's doing, and then decides nothing."""

import math
from typing import Final

from dress_rehearsal.plans import Gate, parse_limit
from dress_rehearsal.plans.latecomers import latecomers
from dress_rehearsal.reports.closed_load import NONE_FAILED
from dress_rehearsal.reports.directions import unit_of
from dress_rehearsal.reports.doubts import may_be_others_doing
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.latency import FELT, system_ms
from dress_rehearsal.reports.evidence.timeline import MEASURING
from dress_rehearsal.reports.gates.number import GateNumber
from dress_rehearsal.reports.lower_bounds import step_of
from dress_rehearsal.reports.metrics import in_unit_of
from dress_rehearsal.reports.numbers import exact
from dress_rehearsal.reports.schema import Measured
from dress_rehearsal.reports.students.bad_ends import failed_by_time_out
from dress_rehearsal.reports.trust import TrustFinding
from dress_rehearsal.reports.words import felt, percent

_NO_GOOD_END = "census.no_good_end"
_LATE_ENDS = ("census.in_flight", _NO_GOOD_END)
"""Numbers of the census that count who was still under way when the sale closed."""
_SIGMAS = 3

_PACED_BY_GENERATOR = ("sale", "load", "bottleneck")
"""Tables whose numbers follow from when requests are sent."""

_ENDS_BY_GENERATOR = ("unknown", "in_flight", "gave_up")
"""Ends of students' stories that come of time-outs and of the closing of the sale: a generator that
is late lets both pass. One that stands still lets its connections be cut, too. Of those who failed
(`census.failed`), only whose last request got no answer came to it by a time-out; an error that was
answered is the target's own."""
_BY_TIME: Final = "census.failed"


def excuse_of(
    gate: Gate, number: GateNumber, evidence: Evidence, trust: TrustFinding
) -> str | None:
    """Return why a broken limit is not the target's doing, None when it is."""
    if trust.unproven is not None:
        return trust.unproven
    if not evidence.timeline.as_planned:
        return "the rush was not carried out as planned"
    if gate.path == NONE_FAILED.metric and evidence.plan.load is not None:
        return None  # Locust's users were answered so, whoever else was busy
    if gate.path in _LATE_ENDS and (share := _too_late(gate, number.measured, evidence)):
        return (
            f"by the plan's own timetable {percent(share)} of the students click only after the "
            f"sale has closed"
        )
    if trust.untimely is not None and may_be_others_doing(gate.path):
        return trust.untimely
    return _excuse_of_lateness(gate, number, evidence, trust)


def _excuse_of_lateness(
    gate: Gate, number: GateNumber, evidence: Evidence, trust: TrustFinding
) -> str | None:
    """Return why a limit may be broken because the generator was late or stood still, else None."""
    table, _, field = gate.path.rpartition(".")
    still = any(gap.source.partition(":")[0] == MEASURING for gap in evidence.gaps)
    if not (still or trust.generator.limited):
        return None
    late = "the generator stood still for a while" if still else "the generator was late"
    if table in _PACED_BY_GENERATOR and not field.startswith("failed"):
        return late
    if table == "census" and _ended_late(gate, number.measured, evidence, still=still):
        why = " (which may be why time ran out, and is no reason for an error that was answered)"
        return late if still else f"{late}{why}"
    if not table.startswith("latency_ms[") or field not in (*FELT, "good_p99"):
        return None
    own = system_ms(number.frame, step_of(gate.path), field)
    if own is not None and not parse_limit(gate.limit or "").holds(exact(own)):
        return None
    return f"{late}; the system's part is {felt(own)}"


def _too_late(gate: Gate, measured: Measured, evidence: Evidence) -> float:
    """Return the share of latecomers of a plan, without whom a limit on these ends would hold.

    0 where it would not, or there are none. How many of them the draws made is chance.
    """
    share, census = latecomers(evidence.plan), measured.census
    expected = share * census.students
    rest = max(census.in_flight - math.floor(expected + _SIGMAS * math.sqrt(expected)), 0)
    early = {"in_flight": rest, "no_good_end": census.no_good_end - census.in_flight + rest}
    return share if _holds(gate, measured, **early) else 0.0


def _ended_late(gate: Gate, measured: Measured, evidence: Evidence, *, still: bool) -> bool:
    """Return whether a gate on the census is about ends that a late generator may bring about, or
    would hold without them.

    Args:
        still: whether it even stood still.
    """
    census, field = measured.census, gate.path.removeprefix("census.")
    ends = (*_ENDS_BY_GENERATOR, "failed") if still else _ENDS_BY_GENERATOR
    if field in ends:
        return True
    if gate.path not in (_NO_GOOD_END, _BY_TIME):
        return False
    timed_out = 0 if still else failed_by_time_out(evidence)
    if gate.path == _BY_TIME:
        return timed_out > 0 and _holds(gate, measured, failed=census.failed - timed_out)
    rest = census.no_good_end - timed_out - sum(getattr(census, word) for word in ends)
    return _holds(gate, measured, no_good_end=rest)


def _holds(gate: Gate, measured: Measured, **ends: int) -> bool:
    """Return whether a gate on the census would hold had so many come to these ends."""
    others = measured.census.model_copy(update=ends)
    without = measured.model_copy(update={"census": others})
    limit, value = parse_limit(gate.limit or ""), ends[gate.path.removeprefix("census.")]
    return limit.holds(in_unit_of(limit, gate.path, value, without))


def compares_times(metric: str) -> bool:
    """Return whether a number of the sale compares times."""
    return bool(unit_of(metric)) and not metric.startswith("generator.")
