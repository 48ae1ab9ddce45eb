"""The findings: what a run shows to be wrong, as words that a matrix of faults can expect."""

import difflib
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Final

from dress_rehearsal.plans import Cell, PlanInvalidError
from dress_rehearsal.plans.shown import HIDDEN
from dress_rehearsal.reports.audit import COUNTERS
from dress_rehearsal.reports.cause.resource import RESOURCES
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.timeline import MEASURING, was_planned, was_recycled
from dress_rehearsal.reports.pools import POOL_NAMES
from dress_rehearsal.reports.schema import Census, Verdict
from dress_rehearsal.reports.trust import FINDINGS, judge_trust

DIAGNOSES: Final = ("leak", "slow_holder", "lock_wait", "nested_acquire", "undersized")
MANY_STUDENTS: Final = 0.01
"""The share of students from which on bad ends are a finding, as in the implicit gates."""

_BAD_ENDS: Final = ("failed", "unknown", "in_flight", "gave_up")
_COMPONENTS: Final = (
    "app",
    "writeback",
    "neighbours",
    "postgres",
    "redis",
    "sqs",
    "kafka",
    MEASURING,
)
"""What a stage consists of: what can be lost."""
_UNAUDITED: Final = "not_audited"
_KINDS: Final = (
    "audit.COUNTER, audit.COUNTER.not_audited, pools.POOL.DIAGNOSIS, pools.POOL.saturated, "
    "fairness.inversions, cause.RESOURCE, lost.COMPONENT, census.OUTCOME, generator.limited, "
    "trust.FINDING and verdict.WORD"
)


def findings_of(evidence: Evidence, verdict: Verdict) -> frozenset[str]:
    """Return everything that this run shows to be wrong, as words; empty for a healthy one.

    Returns:
        `audit.<counter>` (above zero), `audit.<counter>.not_audited` (this run should have decided
        it and could not), `fairness.inversions` (unless that may be others' doing: see
        `TrustFinding.untimely`), `cause.<resource>` (the bottleneck),
        `pools.<name>.<diagnosis>` (of `DIAGNOSES`), `pools.<name>.saturated`, `lost.<component>`
        (unless the plan's own fault took it), `census.<outcome>` (failed, unknown, in_flight or
        gave_up: more than 1% of the students), `generator.limited`, `trust.<finding>` (of
        `reports.trust.FINDINGS`), and `verdict.fail` or `verdict.inconclusive` where the run did
        not pass.
    """
    found = {f"audit.{name}" for name in COUNTERS if getattr(verdict.audit, name)}
    undecided = {gate.metric for gate in verdict.gates if gate.value is None}
    found |= {f"audit.{name}.{_UNAUDITED}" for name in COUNTERS if f"audit.{name}" in undecided}
    trust = judge_trust(evidence)
    if verdict.fairness.inversions and not trust.untimely:
        found.add("fairness.inversions")
    if verdict.bottleneck is not None:
        found.add(f"cause.{verdict.bottleneck.resource}")
    for pool in verdict.pools:
        if pool.diagnosis in DIAGNOSES:
            found.add(f"pools.{pool.name}.{pool.diagnosis}")
        if pool.saturated_at_s is not None:
            found.add(f"pools.{pool.name}.saturated")
    found |= {
        f"lost.{event.name}"
        for event in evidence.events
        if event.kind == "process"
        and not was_planned(event)
        and not was_recycled(event, evidence.requests)
    }
    found |= _bad_ends(verdict.census)
    if verdict.generator.limited:
        found.add("generator.limited")
    found |= {f"trust.{word}" for word in trust.findings}
    if verdict.verdict != "pass":
        found.add(f"verdict.{verdict.verdict}")
    return frozenset(found)


def known_findings() -> list[str]:
    """Return every word that `findings_of` can give."""
    return [
        *(f"audit.{name}" for name in COUNTERS),
        *(f"audit.{name}.{_UNAUDITED}" for name in COUNTERS),
        "fairness.inversions",
        *(f"cause.{name}" for name in RESOURCES),
        *(f"pools.{name}.{word}" for name in POOL_NAMES for word in (*DIAGNOSES, "saturated")),
        *(f"lost.{name}" for name in _COMPONENTS),
        *(f"census.{word}" for word in _BAD_ENDS),
        "generator.limited",
        *(f"trust.{word}" for word in FINDINGS),
        "verdict.fail",
        "verdict.inconclusive",
    ]


def check_finding_names(cells: Iterable[Cell]) -> None:
    """Check what the cells of a matrix expect and allow before anything starts.

    Raises:
        PlanInvalidError: a word that no run can give, or a pattern that fits none; one sentence
            each.
    """
    known = known_findings()
    problems: dict[str, str] = {}
    for cell in cells:
        for each in (*cell.expect, *cell.allow):
            for word in each.split(" | "):
                if word in problems or any(fnmatchcase(one, word) for one in known):
                    continue
                close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
                problems[word] = (
                    f"cell {cell.name}: there is no finding {repr(word) if close else HIDDEN}; "
                    f"{f'did you mean {close[0]}?' if close else f'known are {_KINDS}.'}"
                )
    if problems:
        raise PlanInvalidError(list(problems.values()))


def _bad_ends(census: Census) -> set[str]:
    many = MANY_STUDENTS * census.students
    return {f"census.{word}" for word in _BAD_ENDS if getattr(census, word) > many}
