"""A worker that is lost makes the verdict doubt, and nobody else is accused of it."""

import dataclasses
from collections.abc import Callable

from dress_rehearsal.records import TimelineEvent
from dress_rehearsal.records.timeline import (
    SHARDS_MISSING,
    WORKER,
    WORKER_CLOCK,
    WORKER_LATE,
    WORKER_LOST,
)
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.trust import judge_trust
from dress_rehearsal.reports.trust.workers import judge_workers
from dress_rehearsal.reports.verdict import judge


def test_a_run_that_lost_no_worker_is_not_spoken_of(evidence_of: Callable[..., Evidence]) -> None:
    evidence = evidence_of(students=60, tickets=20)
    assert judge_workers(evidence) == ([], [])
    assert judge_trust(evidence).unproven is None


def test_a_lost_worker_is_a_doubt(evidence_of: Callable[..., Evidence]) -> None:
    evidence = evidence_of(students=60, tickets=20)
    last_ns = max(event.t_ns for event in evidence.events)
    lost = TimelineEvent(last_ns, "phase", WORKER_LOST, {"worker": 1, "error": "it was lost"})
    evidence = dataclasses.replace(evidence, events=(*evidence.events, lost))
    [doubt], _ = judge_workers(evidence)
    assert doubt.sentence == (
        "Worker 1 did not tell what became of its students, who are counted as unknown: it was "
        "lost."
    )
    verdict = judge(evidence)
    assert verdict.verdict == "inconclusive"
    assert doubt.sentence in verdict.reasons
    assert verdict.doubts == ("smaller_rush",)
    assert judge_trust(evidence).unproven is not None


def with_event(evidence: Evidence, name: str, **detail: object) -> Evidence:
    last_ns = max(event.t_ns for event in evidence.events)
    event = TimelineEvent(last_ns, "phase", name, detail)
    return dataclasses.replace(evidence, events=(*evidence.events, event))


def test_files_that_a_worker_sent_and_that_are_missing_are_a_doubt(
    evidence_of: Callable[..., Evidence],
) -> None:
    files = ["worker1-000002.parquet", "worker1-000003.parquet"]
    evidence = with_event(evidence_of(), SHARDS_MISSING, worker=1, files=files)
    [doubt], _ = judge_workers(evidence)
    assert doubt.sentence.startswith(
        "2 files of requests that workers had sent did not arrive, worker1-000002.parquet first"
    )
    assert judge_trust(evidence).unproven is not None


def test_what_the_stores_show_is_a_wrong_whoever_was_lost(
    evidence_of: Callable[..., Evidence],
) -> None:
    """Sold beyond what there is; who holds a ticket that nobody was told of may have been told."""
    oversold = evidence_of(students=60, tickets=20, oversell=3)
    verdict = judge(with_event(oversold, WORKER_LOST, worker=2, error="it was lost"))
    assert (verdict.verdict, verdict.failures) == ("fail", ("audit",))
    assert verdict.reasons[0].startswith("Oversold")
    gates = {gate.metric: gate.status for gate in verdict.gates}
    assert gates["audit.oversold"] == "fail"
    untold = evidence_of(students=60, tickets=20, unacked=2)
    verdict = judge(with_event(untold, WORKER_LOST, worker=2, error="it was lost"))
    assert verdict.audit.held_without_ack
    assert (verdict.verdict, verdict.failures) == ("inconclusive", ())


def test_a_worker_that_joined_late_is_a_note(evidence_of: Callable[..., Evidence]) -> None:
    evidence = with_event(evidence_of(), WORKER_LATE, what="there_1")
    doubts, [note] = judge_workers(evidence)
    assert doubts == []
    assert note.startswith("1 worker joined when the rush had begun and played nobody")
    assert note in judge_trust(evidence).notes


def test_a_clock_that_is_too_far_from_the_masters_is_a_doubt(
    evidence_of: Callable[..., Evidence],
) -> None:
    near = with_event(evidence_of(), WORKER_CLOCK, worker=0, offset_ms=-12.0, within_ms=0.4)
    assert judge_workers(near)[0] == []
    apart = with_event(near, WORKER_CLOCK, worker=1, offset_ms=-80.25, within_ms=0.4)
    apart = with_event(apart, WORKER_CLOCK, worker=2, offset_ms=1.0, within_ms=70.0)
    apart = with_event(apart, WORKER_CLOCK, worker=3, error="it did not answer")
    doubts, _ = judge_workers(apart)
    assert [doubt.sentence.partition(", so")[0] for doubt in doubts] == [
        "The clock of worker 1 is -80.2 ms from the master's, give or take 0.4 ms",
        "The clock of worker 2 is +1.0 ms from the master's, give or take 70.0 ms",
        "The clock of worker 3 is not known: it did not answer",
    ]
    assert judge_trust(apart).findings == {"clocks_apart"}
    assert judge_trust(near).findings == set()
    assert judge_trust(apart).untimely == "the clocks of workers may be apart"


def test_a_worker_that_is_lost_is_named(evidence_of: Callable[..., Evidence]) -> None:
    evidence = with_event(evidence_of(), WORKER, worker=2, what="pid 7 on box", host="box")
    [doubt], _ = judge_workers(with_event(evidence, WORKER_LOST, worker=2, error="it was lost"))
    assert doubt.sentence.startswith("Worker 2 (pid 7 on box) did not tell")


def test_a_clock_that_runs_away_is_a_doubt(evidence_of: Callable[..., Evidence]) -> None:
    end = {"worker": 0, "offset_ms": 20.0, "within_ms": 0.2}
    evidence = with_event(evidence_of(), WORKER_CLOCK, worker=0, offset_ms=0.1, within_ms=0.2)
    evidence = with_event(evidence, WORKER_CLOCK, **end, skew_ppm=700.0, skew_within_ppm=20.0)
    [doubt], _ = judge_workers(evidence)
    assert doubt.sentence.startswith("The clock of worker 0 ran +700 ppm apart from the master's")


def test_one_that_runs_on_or_is_not_known_well_enough_is_a_note(
    evidence_of: Callable[..., Evidence],
) -> None:
    end = {"worker": 0, "offset_ms": -1.5, "within_ms": 0.2}
    evidence = with_event(evidence_of(), WORKER_CLOCK, worker=0, offset_ms=0.1, within_ms=0.2)
    evidence = with_event(evidence, WORKER_CLOCK, **end, skew_ppm=-700.0, skew_within_ppm=300.0)
    doubts, [note] = judge_workers(evidence)
    assert doubts == []
    assert note == (
        "1 worker played the students; their clocks were within 1.7 ms of the master's and ran at "
        "most 700.0 ppm apart."
    )
