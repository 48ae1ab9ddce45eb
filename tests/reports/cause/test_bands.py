"""Where the slowest 1% spent their time, and the slowest requests of the run."""

import dataclasses

import pytest

from dress_rehearsal.records.trace_ids import TraceIds
from dress_rehearsal.reports.cause.bands import MOST, slowest_requests
from dress_rehearsal.reports.verdict import judge
from tests.steps import PURCHASE


def bands(verdict, step=PURCHASE):
    return {band.band: band for band in verdict.bands if band.step == step}


def test_the_parts_of_each_band_add_up_to_what_its_requests_took(verdict_of):
    for verdict in (verdict_of(), verdict_of(pool_exhausted=True)):
        found = bands(verdict)
        assert list(found) == ["slowest 1%", "slowest 10%", "all"]
        for band in found.values():
            if band.parts:
                # Parts of less than 0.05 ms are left out.
                assert sum(band.parts.values()) == pytest.approx(band.felt_ms, abs=1.5)
        slow, tenth, every = (band.felt_ms for band in found.values())
        assert slow > tenth > every


def test_a_pool_that_was_waited_for_is_where_the_slowest_were(verdict_of):
    parts = bands(verdict_of(pool_exhausted=True, wait_ms=800))["slowest 1%"].parts
    assert max(parts, key=parts.get) == "postgres"
    healthy = bands(verdict_of())["slowest 1%"].parts
    assert healthy.get("postgres", 0.0) < 1.0


def test_of_few_requests_there_is_no_mean(verdict_of):
    verdict = verdict_of(students=200, tickets=60)
    slow = bands(verdict)["slowest 1%"]
    assert slow.requests < 5
    assert (slow.felt_ms, slow.parts) == (None, {})
    assert bands(verdict)["all"].parts


def test_the_slowest_requests_can_be_asked_for_in_a_log(verdict_of, evidence_of):
    evidence, verdict = evidence_of(pool_exhausted=True), verdict_of(pool_exhausted=True)
    felt = evidence.latency["felt_ms"]
    assert len(verdict.slowest) == MOST
    assert [each.felt_ms for each in verdict.slowest] == sorted(
        (round(float(ms), 3) for ms in felt.nlargest(MOST)), reverse=True
    )
    first = verdict.slowest[0]
    row = evidence.requests.loc[felt.idxmax()]
    ids = TraceIds(evidence.run)
    assert first.trace == ids.trace_id(int(row["student"]), int(row["seq"]))
    assert sum(first.parts.values()) == pytest.approx(first.felt_ms, abs=1.5)
    assert "postgres" in first.parts


def test_what_is_not_known_is_left_empty(healthy):
    untimed = slowest_requests(healthy, None)
    assert len(untimed) == MOST
    assert all(each.parts == {} for each in untimed)
    nothing = dataclasses.replace(healthy, requests=healthy.requests.head(0))
    verdict = judge(nothing)
    assert (verdict.bands, verdict.slowest) == ((), ())


def test_a_run_whose_folder_was_renamed_keeps_its_trace_ids(evidence_of):
    evidence = evidence_of(students=200, tickets=60)
    performed = dataclasses.replace(evidence, environment={**evidence.environment, "run": "then"})
    renamed = dataclasses.replace(performed, run="now")
    row = evidence.requests.loc[evidence.latency["felt_ms"].idxmax()]
    trace = TraceIds("then").trace_id(int(row["student"]), int(row["seq"]))
    assert judge(renamed).slowest[0].trace == trace
