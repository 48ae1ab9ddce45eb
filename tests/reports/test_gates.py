"""Correctness is always gated, first; a number that was not measured passes nothing."""

import pytest

from reports.errors import MetricUnknown

SMALL = {"students": 200, "tickets": 60}


GATES = [
    ("census.failed", "<= 1%"),
    ("census.failed", "< 1%"),
    ("census.failed", "<= 2"),
    ("census.failed", "== 0"),
    ("latency_ms[POST /login].p99", "<= 3s"),
    ("latency_ms[POST /login].p99", "<= 1us"),
    ("pools[postgres].saturated_at_s", ">= 1s"),
    ("pools[write_back].peak_pending", ">= 0"),
    ("fairness.inversions", "== 0"),
    ("bottleneck.since_s", ">= 5s"),
]


def gates_of(verdict):
    return {(gate.metric, gate.limit): gate for gate in verdict.gates}


def test_correctness_comes_first_without_being_asked_for(verdict_of):
    gates = verdict_of(**SMALL, gates=[("census.ticket", ">= 1")]).gates
    assert gates[0].metric == "census.students"
    assert [gate.metric.partition(".")[0] for gate in gates[1:10]] == ["audit"] * 9
    assert gates[10].metric == "census.ticket"
    assert {gate.status for gate in gates} == {"pass"}


@pytest.mark.parametrize(
    ("limit", "status"),
    [
        pytest.param("<= 1%", "pass", id="2 of 200 students are exactly 1%"),
        pytest.param("< 1%", "fail", id="… which is not below it"),
        pytest.param("<= 2", "pass", id="a plain number is a count"),
        pytest.param("== 0", "fail", id="zero means zero"),
    ],
)
def test_shares_of_the_census_are_shares_of_students(verdict_of, limit, status):
    gate = gates_of(verdict_of(**SMALL, failed=2, gates=GATES))["census.failed", limit]
    assert (gate.status, gate.value) == (status, 2)


@pytest.mark.parametrize(
    ("metric", "limit", "status"),
    [
        ("latency_ms[POST /login].p99", "<= 3s", "pass"),
        ("latency_ms[POST /login].p99", "<= 1us", "fail"),
        ("pools[postgres].saturated_at_s", ">= 1s", "inconclusive"),
        ("pools[write_back].peak_pending", ">= 0", "pass"),
        ("fairness.inversions", "== 0", "inconclusive"),
        ("bottleneck.since_s", ">= 5s", "inconclusive"),
    ],
)
def test_limits_are_read_in_their_unit(verdict_of, metric, limit, status):
    gate = gates_of(verdict_of(**SMALL, failed=2, gates=GATES))[metric, limit]
    assert gate.status == status
    assert (gate.value is None) == (status == "inconclusive")


def test_a_broken_share_is_said_in_students_and_per_cent(verdict_of):
    verdict = verdict_of(**SMALL, failed=3, gates=[("census.failed", "<= 1%")])
    assert verdict.reasons == (
        "Gate broken: census.failed is 3 of 200 students (1.5%), the limit is <= 1%.",
    )


def test_a_gate_without_samples_is_inconclusive_never_a_pass(verdict_of):
    gate = ("pools[postgres].wait_p99_ms", "<= 10ms")
    verdict = verdict_of(**SMALL, gates=[gate], without_metrics=["db_client"])
    assert gates_of(verdict)[gate].status == "inconclusive"
    assert verdict.verdict == "inconclusive"


def test_a_misspelt_gate_is_an_error_even_when_judging(verdict_of):
    with pytest.raises(MetricUnknown, match=r"census\.failed"):
        verdict_of(**SMALL, gates=[("census.faild", "== 0")])
