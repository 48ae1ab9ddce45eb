"""Correctness is always gated, first; a number that was not measured passes nothing."""

import pytest

from dress_rehearsal.reports.audit import COUNTERS
from dress_rehearsal.reports.errors import MetricUnknownError
from dress_rehearsal.reports.gates import IMPLICIT
from dress_rehearsal.reports.verdict import judge

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
    ("audit.double_entry", "== 0"),
    ("bottleneck.since_s", ">= 5s"),
    ("bottleneck.since_s", "<= 5s"),
]


ELSEWHERE = {
    *("double_entry", "refused_entry"),
    *("early_admissions", "false_not_admitted", "lost_places"),
}


def gates_of(verdict):
    return {(gate.metric, gate.limit): gate for gate in verdict.gates}


def test_correctness_comes_first_without_being_asked_for(verdict_of):
    gates = verdict_of(**SMALL, gates=[("census.ticket", ">= 1")]).gates
    assert gates[0].metric == "census.students"
    # Nobody went to the entrance, and there is no waiting room.
    counters = [f"audit.{name}" for name in COUNTERS if name not in ELSEWHERE]
    assert [gate.metric for gate in gates[1:]] == [
        *counters,
        *(gate.metric for gate in IMPLICIT),
        "census.ticket",
    ]
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
        ("pools[postgres].saturated_at_s", ">= 1s", "pass"),
        ("pools[write_back].peak_pending", ">= 0", "pass"),
        ("fairness.inversions", "== 0", "pass"),
        ("audit.double_entry", "== 0", "inconclusive"),
        ("bottleneck.since_s", ">= 5s", "pass"),
        ("bottleneck.since_s", "<= 5s", "fail"),
    ],
)
def test_limits_are_read_in_their_unit(verdict_of, metric, limit, status):
    gate = gates_of(verdict_of(**SMALL, failed=2, gates=GATES))[metric, limit]
    assert gate.status == status
    assert (gate.value is None) == (status == "inconclusive" or metric.endswith("_s"))


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
    with pytest.raises(MetricUnknownError, match=r"census\.failed"):
        verdict_of(**SMALL, gates=[("census.faild", "== 0")])


@pytest.mark.parametrize("word", ["failed", "unknown"])
def test_a_sale_whose_students_met_errors_did_not_hold_though_no_gate_looks(verdict_of, word):
    verdict = verdict_of(**SMALL, **{word: 3})
    assert verdict.exit_code == 99
    assert verdict.reasons == (
        f"Gate broken: census.{word} is 3 of 200 students (1.5%), the limit is <= 1%.",
    )


def test_the_plans_own_limit_on_the_same_number_replaces_the_implicit_one(verdict_of):
    gate = ("census.failed", "<= 5%")
    verdict = verdict_of(**SMALL, failed=3, gates=[gate])
    assert verdict.verdict == "pass"
    assert [limit for metric, limit in gates_of(verdict) if metric == "census.failed"] == ["<= 5%"]


def test_a_pool_that_saturated_late_enough_and_one_that_did_not(verdict_of):
    gates = [("pools[postgres].saturated_at_s", limit) for limit in (">= 0s", ">= 1s")]
    verdict = verdict_of(**SMALL, pool_exhausted=True, gates=gates)
    statuses = [gates_of(verdict)[gate].status for gate in gates]
    assert statuses == ["pass", "fail"]
    (broken,) = [reason for reason in verdict.reasons if "saturated_at_s" in reason]
    assert broken == "Gate broken: pools[postgres].saturated_at_s is 0 s, the limit is >= 1s."


def test_a_pool_nobody_measured_or_a_run_without_t0_saturated_at_no_known_time(verdict_of):
    gate = ("pools[postgres].saturated_at_s", ">= 1s")
    unseen = verdict_of(**SMALL, gates=[gate], without_metrics=["db_client"])
    unopened = verdict_of(**SMALL, gates=[gate], no_t0=True)
    assert gates_of(unseen)[gate].status == "inconclusive"
    assert gates_of(unopened)[gate].status == "inconclusive"


BUYING = "latency_ms[POST /events/{event}/tickets]"
TIGHT = [(f"{BUYING}.{field}", "<= 1s") for field in ("p50", "p90", "p99", "p99_9", "max")]


def test_a_limit_that_only_the_late_generator_breaks_is_undecided(verdict_of):
    verdict = verdict_of(**SMALL, generator_late_ms=2500, gates=TIGHT)
    assert {gates_of(verdict)[gate].status for gate in TIGHT} == {"inconclusive"}
    assert verdict.verdict == "inconclusive"
    undecided = [reason for reason in verdict.reasons if reason.startswith("Gate undecided")]
    assert len(undecided) == len(TIGHT)
    assert "but the generator was late; the system's part is" in undecided[2]


def test_a_limit_that_the_system_breaks_by_itself_is_broken_whoever_else_was_late(verdict_of):
    verdict = verdict_of(**SMALL, generator_late_ms=2500, slow_ms=1500, gates=TIGHT)
    assert {gates_of(verdict)[gate].status for gate in TIGHT[1:]} == {"fail"}
    assert verdict.verdict == "fail"


def test_a_limit_broken_while_the_generator_kept_up_is_broken(verdict_of):
    assert verdict_of(**SMALL, slow_ms=1500, gates=TIGHT).verdict == "fail"


def test_a_limit_broken_in_a_run_that_was_cut_short_is_undecided(verdict_of):
    gate = ("census.in_flight", "<= 0.1%")
    cut = verdict_of(**SMALL, gates=[gate], interrupted=True)
    assert (cut.exit_code, gates_of(cut)[gate].status) == (3, "inconclusive")
    assert gates_of(cut)[gate].value > 0
    assert any("not carried out as planned" in reason for reason in cut.reasons)
    assert gates_of(verdict_of(**SMALL, gates=[gate]))[gate].status == "pass"


def test_a_lost_generator_excuses_limits_but_no_wrong(evidence_of):
    gate = ("census.ticket", "<= 1")
    limits = judge(evidence_of(**SMALL, component_lost="generator", gates=[gate]))
    wrong = judge(evidence_of(**SMALL, component_lost="generator", oversell=2))
    assert (limits.verdict, wrong.verdict) == ("inconclusive", "fail")
