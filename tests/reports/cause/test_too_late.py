"""Of an answer that came too late the app's log says where its time went, and what it was."""

import dataclasses
import json

import numpy as np
import pytest

from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.requests.logged import FILE
from dress_rehearsal.records.requests.trace_ids import TraceIds
from dress_rehearsal.reports.cause.bands import slowest_requests
from dress_rehearsal.reports.evidence import read_evidence
from dress_rehearsal.reports.students.too_late import too_late_notes
from dress_rehearsal.reports.verdict import judge
from tests.reports.cause.test_bands import bands
from tests.steps import LOGIN, PURCHASE

FEW = {"students": 200, "tickets": 60, "unknown": 30}
FELT_MS = 10_000.0


def log(run: RunDirectory, number: int, pids: int = 1, **fields: object) -> None:
    """Have the app log so many of the purchases that had no answer, by so many workers in turn."""
    evidence = read_evidence(run)
    rows = evidence.requests
    mine = rows[(rows["step"] == PURCHASE) & (rows["status"] == 0)]
    traces = TraceIds(run.id)
    asked = zip(mine["student"][:number], mine["seq"][:number], strict=True)
    lines = [
        {
            "message": "slow answer",
            "trace_id": traces.trace_id(int(student), int(seq)),
            **fields,
            "pid": 41 + place % pids,
        }
        for place, (student, seq) in enumerate(asked)
    ]
    run.logs.mkdir(exist_ok=True)
    (run.logs / FILE).write_text("".join(f"{json.dumps(each)}\n" for each in lines))


WAITED = {"status": 503, "pid": 41, "duration_ms": 8_600, "pool_ms": 8_500, "queue_ms": 1_900}


@pytest.mark.slow
def test_where_the_time_of_a_request_without_an_answer_went_is_what_its_log_line_says(build_run):
    run = build_run(**FEW)
    before = bands(judge(read_evidence(run)))["slowest 10%"]
    assert before.estimated == before.requests == 24, "nobody knows"
    log(run, 30, **WAITED, pool="redis")
    evidence = read_evidence(run)
    after = bands(judge(evidence))["slowest 10%"]
    assert (after.requests, after.estimated) == (24, 0)
    assert after.said["redis"] == pytest.approx(8_100, abs=100), "the student waited no longer"
    assert after.said["app_loop"] == pytest.approx(1_900, abs=100)
    assert sum(after.parts.values()) == pytest.approx(after.felt_ms, abs=1.5)
    assert not any(each.estimated for each in slowest_requests(evidence, None)[:20])


@pytest.mark.slow
def test_what_the_app_did_after_the_student_had_left_is_nobody_s_wait(build_run):
    run = build_run(**FEW)
    log(run, 30, status=200, pid=41, duration_ms=18_000, external_ms=12_000, db_ms=6_000)
    said = bands(judge(read_evidence(run)))["slowest 10%"].said
    assert said["external"] == pytest.approx(6_667, abs=100), "two thirds of what was waited"
    assert said["database"] == pytest.approx(3_333, abs=100)


@pytest.mark.slow
def test_a_log_that_does_not_name_the_pool_leaves_it_an_estimate(build_run):
    run = build_run(**FEW)
    log(run, 30, **WAITED)
    band = bands(judge(read_evidence(run)))["slowest 10%"]
    assert band.estimated == band.requests


def test_what_the_app_answered_too_late_is_told(build_run):
    run = build_run(**FEW)
    assert too_late_notes(read_evidence(run)) == []
    log(run, 20, **WAITED, pool="redis")
    with (run.logs / FILE).open("a") as file:
        file.write('{"message":"slow answer","trace_id":"of another run"}\n')
    (note,) = too_late_notes(read_evidence(run))
    assert note == (
        "30 requests to buy had no answer in time, and the app's log knows what became of 20: "
        "answered, too late, 20 with status 503, all by worker 41."
    )


def test_it_is_told_of_each_step_and_of_no_worker_where_there_were_several(build_run):
    """Forty logins ran out of time and were answered by one worker: only tries to buy were told."""
    run = build_run(**FEW)
    log(run, 30, 2, **WAITED, pool="redis")
    evidence = read_evidence(run)
    rows = evidence.requests
    places = np.flatnonzero((rows["step"] == PURCHASE) & (rows["status"] == 0))
    steps, roles = (rows[name].astype("object").to_numpy(copy=True) for name in ("step", "role"))
    steps[places[:10]], roles[places[:10]] = LOGIN, "login"
    mixed = rows.assign(step=steps, role=roles)
    notes = too_late_notes(dataclasses.replace(evidence, requests=mixed))
    told = "had no answer in time, and the app's log knows what became of all of them: answered, "
    assert notes == [
        f"20 requests to buy {told}too late, 20 with status 503.",
        f"10 requests of {LOGIN} {told}too late, 10 with status 503.",
    ]


@pytest.mark.parametrize("word", ["abandoned", "cut", "connection_reset", "connection_lost"])
def test_requests_that_did_not_run_out_of_time_had_no_answer_for_another_reason(build_run, word):
    run = build_run(**FEW)
    log(run, 30, **WAITED, pool="redis")
    evidence = read_evidence(run)
    rows = evidence.requests
    unanswered = rows.index[(rows["step"] == PURCHASE) & (rows["status"] == 0)]
    error = rows["error"].astype("object")
    error[unanswered[:10]] = word
    some = dataclasses.replace(evidence, requests=rows.assign(error=error.astype("category")))
    (note,) = too_late_notes(some)
    assert note.startswith("20 requests to buy had no answer in time, and the app's log knows")
    error[unanswered] = word
    none = dataclasses.replace(evidence, requests=rows.assign(error=error.astype("category")))
    assert too_late_notes(none) == []


def test_where_everybody_was_answered_there_is_nothing_to_tell(healthy):
    assert not len(healthy.logged.keys)
    assert too_late_notes(healthy) == []
