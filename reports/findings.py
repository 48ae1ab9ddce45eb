"""The findings: what a run shows to be wrong, as words that a matrix of faults can expect."""

from typing import Final

from reports.audit import COUNTERS
from reports.course import was_planned
from reports.document import Census, Verdict
from reports.evidence import Evidence
from reports.fairness import MANY_INVERSIONS

DIAGNOSES: Final = ("leak", "slow_holder", "nested_acquire", "undersized")
MANY_STUDENTS: Final = 0.01
"""The share of students from which on bad ends are a finding, as in the implicit gates."""

_BAD_ENDS: Final = ("failed", "unknown", "in_flight", "gave_up")


def findings_of(evidence: Evidence, verdict: Verdict) -> frozenset[str]:
    """Name everything that this run shows to be wrong; empty for a healthy one.

    Returns:
        `audit.<counter>` (above zero), `fairness.inversions` (more than 1% of the holders),
        `pools.<name>.<diagnosis>` (of `DIAGNOSES`), `pools.<name>.saturated`, `lost.<component>`
        (unless the plan's own fault took it), `census.<outcome>` (failed, unknown, in_flight or
        gave_up: more than 1% of the students) and `generator.limited`.
    """
    found = {f"audit.{name}" for name in COUNTERS if getattr(verdict.audit, name)}
    inversions = verdict.fairness.inversions
    if inversions is not None and inversions > MANY_INVERSIONS * verdict.census.ticket:
        found.add("fairness.inversions")
    for pool in verdict.pools:
        if pool.diagnosis in DIAGNOSES:
            found.add(f"pools.{pool.name}.{pool.diagnosis}")
        if pool.saturated_at_s is not None:
            found.add(f"pools.{pool.name}.saturated")
    found |= {
        f"lost.{event.name}"
        for event in evidence.timeline
        if event.kind == "process" and not was_planned(event)
    }
    found |= _bad_ends(verdict.census)
    if verdict.generator.limited:
        found.add("generator.limited")
    return frozenset(found)


def _bad_ends(census: Census) -> set[str]:
    many = MANY_STUDENTS * census.students
    return {f"census.{word}" for word in _BAD_ENDS if getattr(census, word) > many}
