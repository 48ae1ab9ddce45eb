"""A worker of Locust's that is lost makes the verdict doubt, and nobody else is accused of it."""

import dataclasses
from collections.abc import Callable

from dress_rehearsal.records import TimelineEvent
from dress_rehearsal.records.timeline import WORKER_LOST
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.trust import judge_trust
from dress_rehearsal.reports.trust.workers import judge_workers
from dress_rehearsal.reports.verdict import judge


def test_a_run_that_lost_no_worker_is_not_spoken_of(evidence_of: Callable[..., Evidence]) -> None:
    evidence = evidence_of(students=60, tickets=20)
    assert judge_workers(evidence) == []
    assert judge_trust(evidence).unproven is None


def test_a_lost_worker_is_a_doubt(evidence_of: Callable[..., Evidence]) -> None:
    evidence = evidence_of(students=60, tickets=20)
    last_ns = max(event.t_ns for event in evidence.events)
    lost = TimelineEvent(last_ns, "phase", WORKER_LOST, {"worker": 1, "error": "it was lost"})
    evidence = dataclasses.replace(evidence, events=(*evidence.events, lost))
    [doubt] = judge_workers(evidence)
    assert doubt.sentence == (
        "1 worker of Locust's did not tell what became of their students, who stand as unknown: "
        "it was lost."
    )
    verdict = judge(evidence)
    assert verdict.verdict == "inconclusive"
    assert doubt.sentence in verdict.reasons
    assert judge_trust(evidence).unproven is not None
