"""What was killed for its memory is told with its limit; who only came near it is no culprit."""

import dataclasses

import pytest

from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.verdict import judge
from tests.reports.cause.altered_runs import SMALL, cause_of
from tests.reports.contained_runs import MIB, contained

pytestmark = pytest.mark.whole_runs

LIMIT = 256 * MIB
KILLED = "a process of app-1 was killed because app-1 needed more than its memory limit of 256 MiB"


def needing(evidence: Evidence, container: str, *, most: float, kills: int = 0) -> Evidence:
    """The same run in which a container needed so much memory of its 256 MiB from T-0 on."""
    return contained(
        evidence,
        container,
        limit=None,
        extra={
            "container_memory_working_set_bytes": most,
            "container_spec_memory_limit_bytes": LIMIT,
            "container_oom_events_total": kills,
        },
    )


def test_who_was_killed_fails_the_run_with_its_limit(evidence_of):
    verdict = judge(needing(evidence_of(**SMALL), "app-1", most=250 * MIB, kills=1))
    assert verdict.verdict == "fail"
    assert verdict.reasons[0].startswith(f"Out of memory: {KILLED}, at T-0")
    several = judge(needing(evidence_of(**SMALL), "app-1", most=250 * MIB, kills=3))
    assert several.reasons[0].endswith("; 3 processes in all.")


def test_failures_around_a_kill_are_its(evidence_of):
    evidence = evidence_of(**SMALL, failed=30)
    line = cause_of(needing(evidence, "app-1", most=250 * MIB, kills=1)).cause
    assert line.startswith("Cause of failures: most of them overloaded")
    assert line.endswith(f"; {KILLED}.")
    near = cause_of(needing(evidence, "app-1", most=250 * MIB)).cause
    assert "memory" not in near


def test_who_came_near_its_limit_is_a_note_and_no_more(evidence_of):
    evidence = evidence_of(**SMALL)
    verdict = judge(needing(evidence, "postgres", most=250 * MIB))
    assert verdict.verdict == "pass"
    assert "Postgres needed 250 MiB of memory at most, 97.7% of its limit of 256 MiB." in (
        verdict.notes
    )
    assert verdict.bottleneck is None
    far = judge(needing(evidence, "postgres", most=100 * MIB))
    assert not [note for note in far.notes if "memory" in note]


def test_what_the_plans_own_fault_killed_is_told_and_fails_nothing(evidence_of):
    evidence = needing(evidence_of(**SMALL), "app-1", most=250 * MIB, kills=1)
    verdicts = {}
    for squeezed in ("app", "app-1", "redis"):
        faults = [(f"memory_limit {squeezed}", -1.0, 3.0)]
        events = evidence_of(**SMALL, faults=faults).events
        verdicts[squeezed] = judge(dataclasses.replace(evidence, events=events))
    assert {name: each.verdict for name, each in verdicts.items()} == {
        "app": "pass",
        "app-1": "pass",
        "redis": "fail",
    }
    assert any(note.startswith(f"Out of memory: {KILLED}") for note in verdicts["app"].notes)
