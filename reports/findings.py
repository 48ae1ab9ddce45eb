"""The findings: what a run shows to be wrong, as words that a matrix of faults can expect."""

import difflib
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Final

from dress_rehearsal.plans import Cell, PlanInvalidError
from dress_rehearsal.reports.audit import COUNTERS
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.timeline import MEASURING, was_planned
from dress_rehearsal.reports.fairness import MANY_INVERSIONS
from dress_rehearsal.reports.pools import POOL_NAMES
from dress_rehearsal.reports.schema import Census, Verdict

DIAGNOSES: Final = ("leak", "slow_holder", "nested_acquire", "undersized")
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
    MEASURING,
)
"""What a stage consists of: what can be lost."""
_AWAITED: Final = tuple(
    f"{kind}.{name}"
    for kind, names in {
        "audit": (
            "wrong_owner",
            "early_admissions",
            "false_too_early",
            "false_not_enrolled",
            "false_already_holds",
            "false_not_admitted",
            "lost_places",
            "lost_sessions",
            "refused_logins",
            "denied_tickets",
            "refused_entry",
            "replays_refused",
            "false_rejections",
        ),
        "cause": (
            *POOL_NAMES,
            "database",
            "lock_wait",
            "redis_server",
            "external",
            "app_code",
            "slow_route",
            "stopped_process",
            "unanswered",
        ),
        "trust": ("foreign_cpu", "late_sends", "clock_step", "gap", "ports"),
    }.items()
    for name in names
)
"""What a matrix may expect already."""
_UNAUDITED: Final = "not_audited"
_KINDS: Final = (
    "audit.COUNTER, audit.COUNTER.not_audited, pools.POOL.DIAGNOSIS, pools.POOL.saturated, "
    "fairness.inversions, lost.COMPONENT, census.OUTCOME, generator.limited and verdict.WORD"
)


def findings_of(evidence: Evidence, verdict: Verdict) -> frozenset[str]:
    """Return everything that this run shows to be wrong, as words; empty for a healthy one.

    Returns:
        `audit.<counter>` (above zero), `audit.<counter>.not_audited` (this run should have decided
        it and could not), `fairness.inversions` (more than 1% of the holders),
        `pools.<name>.<diagnosis>` (of `DIAGNOSES`), `pools.<name>.saturated`, `lost.<component>`
        (unless the plan's own fault took it), `census.<outcome>` (failed, unknown, in_flight or
        gave_up: more than 1% of the students), `generator.limited`, and `verdict.fail` or
        `verdict.inconclusive` where the run did not pass.
    """
    found = {f"audit.{name}" for name in COUNTERS if getattr(verdict.audit, name)}
    undecided = {gate.metric for gate in verdict.gates if gate.value is None}
    found |= {f"audit.{name}.{_UNAUDITED}" for name in COUNTERS if f"audit.{name}" in undecided}
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
        for event in evidence.events
        if event.kind == "process" and not was_planned(event)
    }
    found |= _bad_ends(verdict.census)
    if verdict.generator.limited:
        found.add("generator.limited")
    if verdict.verdict != "pass":
        found.add(f"verdict.{verdict.verdict}")
    return frozenset(found)


def known_findings() -> list[str]:
    """Return every word that `findings_of` can give."""
    return [
        *(f"audit.{name}" for name in COUNTERS),
        *(f"audit.{name}.{_UNAUDITED}" for name in COUNTERS),
        "fairness.inversions",
        *(f"pools.{name}.{word}" for name in POOL_NAMES for word in (*DIAGNOSES, "saturated")),
        *(f"lost.{name}" for name in _COMPONENTS),
        *(f"census.{word}" for word in _BAD_ENDS),
        *_AWAITED,
        "generator.limited",
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
                    f"cell {cell.name}: there is no finding {word!r}; "
                    f"{f'did you mean {close[0]}?' if close else f'known are {_KINDS}.'}"
                )
    if problems:
        raise PlanInvalidError(list(problems.values()))


def _bad_ends(census: Census) -> set[str]:
    many = MANY_STUDENTS * census.students
    return {f"census.{word}" for word in _BAD_ENDS if getattr(census, word) > many}
