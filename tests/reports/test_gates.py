"""Correctness is always gated, first; a number that was not measured passes nothing."""

import dataclasses
import json
import re

import numpy as np
import pytest

from dress_rehearsal.plans import parse_limit
from dress_rehearsal.reports.audit import COUNTERS
from dress_rehearsal.reports.errors import MetricUnknownError
from dress_rehearsal.reports.gates import IMPLICIT
from dress_rehearsal.reports.metrics import gate_words, in_unit_of
from dress_rehearsal.reports.schema import Verdict
from dress_rehearsal.reports.summary import leading_gates
from dress_rehearsal.reports.verdict import judge
from tests.reports.gating import BUYING, gated, gates_of, slowed
from tests.steps import PURCHASE

pytestmark = pytest.mark.slow

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
    *("double_entry", "lost_entries", "refused_entry"),
    *("early_admissions", "false_not_admitted", "lost_places", "false_place"),
}


def test_correctness_comes_first_without_being_asked_for(verdict_of):
    gates = verdict_of(**SMALL, gates=[("census.ticket", ">= 1")]).gates
    assert gates[0].metric == "census.students"
    # Nobody went to the entrance, and there is no waiting room.
    counters = [f"audit.{name}" for name in COUNTERS if name not in ELSEWHERE]
    assert [gate.metric for gate in gates[1:]] == [
        *counters,
        "fairness.inversions",
        *(gate.metric for gate in IMPLICIT),
        "census.ticket",
    ]
    assert {gate.status for gate in gates} == {"pass"}


def test_who_was_overtaken_by_too_much_has_a_row_that_says_so(verdict_of):
    own = ("fairness.inversions", "== 0")
    verdict = verdict_of(**SMALL, overtakers=3)
    (row,) = (gate for gate in verdict.gates if gate.metric == own[0])
    assert (row.limit, row.value) == (own[1], verdict.fairness.inversions)
    assert row.value > 0 and row.status == "fail"
    assert gate_words(row, verdict) == f"{row.value} students overtaken by more than 2 s"
    assert "overtaken" in verdict.failures
    assert "gates" not in verdict.failures, "it is one failure, and told once"
    assert not any("fairness.inversions" in reason for reason in verdict.reasons)
    assert row in leading_gates(verdict.gates)
    excused = verdict_of(**SMALL, overtakers=3, foreign_cores=1.7)
    assert gates_of(excused)[own].status == "inconclusive"
    assert gates_of(verdict_of(**SMALL))[own].status == "pass"
    unordered = verdict_of(**SMALL, overtakers=3, plan={"event": {"order": "lottery"}})
    assert own not in gates_of(unordered)
    looser = verdict_of(**SMALL, gates=[(own[0], "<= 10")])
    assert gates_of(looser)[own].status == "pass", "repeats count who held it in which run"
    asked = verdict_of(**SMALL, overtakers=3, gates=[own])
    assert sum(gate.metric == own[0] for gate in asked.gates) == 1


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


def test_a_wait_is_held_against_its_histograms_bucket_and_nothing_finer(verdict_of):
    """All waited for less than 0.5 ms, the first bucket: 0.1 ms may be too short or not."""
    path = "pools[postgres].wait_p99_ms"
    limits = ["<= 10ms", "<= 500us", "< 500us", "<= 100us", "<= 0", ">= 1s"]
    verdict = verdict_of(**SMALL, gates=[(path, limit) for limit in limits])
    (pool,) = (each for each in verdict.pools if each.name == "postgres")
    assert (pool.wait_p99_low_ms, pool.wait_p99_high_ms) == (0.0, 0.5)
    statuses = [gates_of(verdict)[path, limit].status for limit in limits]
    assert statuses == ["pass", "pass", *["inconclusive"] * 3, "fail"]
    assert (
        f"Gate undecided: {path} is at most 0.5 ms, and its histogram does not tell where in "
        f"between, so whether <= 100us holds is not known."
    ) in verdict.reasons
    assert f"Gate broken: {path} is at most 0.5 ms, the limit is >= 1s." in verdict.reasons
    assert json.loads(verdict.text())["pools"], "the verdict can be written"


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


TOGETHER = ("census.no_good_end", "<= 1%")


def test_bad_ends_too_few_each_to_break_a_limit_break_one_on_all_of_them(evidence_of):
    ends = ["gave_up", "failed", "in_flight"]

    def ended(gates, ends):
        evidence = evidence_of(**SMALL, gates=gates)
        students = evidence.students.assign(outcome=evidence.students["outcome"].astype("object"))
        away = students.index[students["outcome"] == "sold_out"][: len(ends)]
        students.loc[away, "outcome"] = ends
        return judge(dataclasses.replace(evidence, students=students))

    without, limited, healthy = ended([], ends), ended([TOGETHER], ends), ended([TOGETHER], [])
    assert without.verdict == "pass"
    assert "1 gave up, 1 failed, 1 in flight; 3 had no good end)" in without.reasons[0]
    assert limited.verdict == "fail"
    told = "Gate broken: census.no_good_end is 3 of 200 students (1.5%), the limit is <= 1%."
    assert limited.reasons == (told,)
    assert (healthy.verdict, gates_of(healthy)[TOGETHER].value) == ("pass", 0)
    assert "no good end" not in healthy.reasons[0]
    assert "no good end" not in ended([], ["failed"]).reasons[0], "one kind says it by itself"


@pytest.mark.parametrize("failed", [0, 2])
def test_how_many_came_to_no_good_end_is_worked_out_so_that_what_is_written_adds_up(
    verdict_of, failed
):
    verdict = verdict_of(**SMALL, failed=failed)
    document = json.loads(verdict.text())
    assert "no_good_end" not in document["census"]
    assert Verdict(**document) == verdict
    assert Verdict(**document).census.no_good_end == failed


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


@pytest.mark.parametrize(
    ("timely", "statuses"),
    [
        pytest.param(98_996, ("fail", "fail"), id="which would be 99% if it were rounded"),
        pytest.param(99_000, ("pass", "fail"), id="exactly 99%"),
        pytest.param(99_001, ("pass", "pass"), id="over it"),
    ],
)
def test_a_share_of_timely_sends_is_made_of_its_counts(healthy_verdict, timely, statuses):
    of = {"released": 100_000, "timely": timely, "timely_share": round(timely / 1e5, 4)}
    own = healthy_verdict.generator.model_copy(update=of)
    measured = healthy_verdict.model_copy(update={"generator": own})
    path, found = "generator.timely_share", []
    for limit in map(parse_limit, (">= 99%", "> 99%")):
        holds = limit.holds(in_unit_of(limit, path, own.timely_share, measured))
        found.append("pass" if holds else "fail")
    assert tuple(found) == statuses


def test_a_bottleneck_that_nobody_could_name_began_at_no_known_time(verdict_of):
    gate = ("bottleneck.since_s", ">= 5s")
    everything = ("kernel", "processes", "app", "postgres", "redis")
    silent = tuple((source, 0.2, 4.0) for source in everything)
    for defects in ({"silent": silent}, {"clock_step_s": 3.0}, {"without": ["metrics"]}):
        verdict = verdict_of(**SMALL, gates=[gate], **defects)
        assert gates_of(verdict)[gate].status == "inconclusive", defects
        assert any("bottleneck.since_s was not measured" in each for each in verdict.reasons)
    assert gates_of(verdict_of(**SMALL, gates=[gate]))[gate].status == "pass"


def test_what_was_seen_of_a_pool_that_was_silent_when_it_mattered_passes_nothing(verdict_of):
    gates = [
        ("pools[postgres].saturated_at_s", ">= 1s"),
        ("pools[postgres].wait_p99_ms", "<= 10ms"),
        ("pools[postgres].wait_p99_ms", ">= 1s"),
    ]
    statuses = {"inconclusive": [("app", 0.2, 4.0)], "pass": [("app", 0.2, 1.0)]}
    for status, silent in statuses.items():
        found = gates_of(verdict_of(**SMALL, gates=gates, silent=silent))
        assert [found[gate].status for gate in gates] == [status, status, "fail"]


def test_a_pool_that_was_half_heard_passes_nothing_though_it_was_full_in_what_was_heard(verdict_of):
    gate = ("pools[postgres].timeouts", "== 0")
    silent = [("app:4102", 0.2, 4.0)]
    verdict = verdict_of(**SMALL, gates=[gate], pool_exhausted=True, silent=silent)
    found = gates_of(verdict)[gate]
    assert (found.value, found.status) == (0, "inconclusive")
    (said,) = [reason for reason in verdict.reasons if "timeouts" in reason]
    assert "is 0 by what was heard of it, which is not all" in said
    heard = verdict_of(**SMALL, gates=[gate], pool_exhausted=True)
    assert gates_of(heard)[gate].status == "pass"


@pytest.mark.parametrize(
    ("failed", "expected"),
    [
        (7, {"<= 2.8%": "pass", "< 2.8%": "fail"}),
        (9, {"< 3.6%": "fail", "<= 3.6%": "pass", "== 3.6%": "pass"}),
        (8, {"<= 3.1 %": "fail", "<= 3.2 %": "pass"}),
    ],
)
def test_shares_are_compared_exactly(verdict_of, failed, expected):
    crowd = {"students": 250, "tickets": 60, "failed": failed}
    gates = gates_of(verdict_of(**crowd, gates=[("census.failed", limit) for limit in expected]))
    assert {limit: gates["census.failed", limit].status for limit in expected} == expected


P99 = "latency_ms[POST /events/{event}/tickets].p99"


def test_210_of_292_purchases_that_failed_after_8_s_break_a_limit_of_3_s(evidence_of):
    rng = np.random.default_rng(2)
    felt = [*rng.integers(3, 99, 82), *rng.integers(7_990, 8_030, 210)]
    evidence = slowed(evidence_of(students=300, tickets=60), [(P99, "<= 3s")], felt, failed=210)
    verdict = judge(evidence)
    gate = gates_of(verdict)[P99, "<= 3s"]
    assert gate.status == "fail"
    assert 7_990 < gate.low <= gate.value <= gate.high < 8_030
    (broken,) = [reason for reason in verdict.reasons if P99 in reason]
    assert re.fullmatch(
        r"Gate broken: .* is 8,0\d\d ms \(95% interval within this run [\d,]+ ms to 8,0\d\d ms; "
        r"too few: 292 requests\), the limit is <= 3s\.",
        broken,
    )


@pytest.fixture(scope="module")
def close(evidence_of):
    """Purchases with a p99 of about 3 s, and its interval."""
    evidence = evidence_of(students=1_200, tickets=60)
    tries = int((evidence.requests["step"] == PURCHASE).sum())
    felt = np.random.default_rng(4).lognormal(np.log(900), 0.5, tries)
    return slowed(evidence, [], felt)


def test_a_limit_within_the_interval_is_too_close_to_call(close):
    latency = judge(close).latency_ms[PURCHASE]
    low, high = latency.p99_low, latency.p99_high
    within, below, above = (low, latency.p99, high), low - 0.001, high + 0.001
    expected = {}
    for comparison in ("<=", "<", ">=", ">"):
        upper = comparison[0] == "<"
        expected |= {f"{comparison} {limit:.3f}ms": "inconclusive" for limit in within}
        expected[f"{comparison} {below:.3f}ms"] = "fail" if upper else "pass"
        expected[f"{comparison} {above:.3f}ms"] = "pass" if upper else "fail"
    gates = gates_of(judge(gated(close, [(P99, limit) for limit in expected])))
    assert {limit: gates[P99, limit].status for limit in expected} == expected
    assert {(gate.low, gate.high) for (metric, _), gate in gates.items() if metric == P99} == {
        (low, high)
    }


def test_what_is_too_close_to_call_says_between_what_it_lies(close):
    value = judge(close).latency_ms[PURCHASE].p99
    limit = f"<= {value + 1:.0f} ms"
    verdict = judge(gated(close, [(P99, limit)]))
    assert verdict.exit_code == 3
    (undecided,) = [reason for reason in verdict.reasons if "Gate undecided" in reason]
    assert re.fullmatch(
        r"Gate undecided: .* is [\d.,]+ ms \(95% interval within this run [\d.,]+ ms to "
        rf"[\d.,]+ ms\), too close to the limit {limit} to call\.",
        undecided,
    )


def test_any_percentile_that_a_gate_names_has_its_interval_and_the_maximum_none(close):
    fields = ("p50", "p90", "p99", "p99_9", "system_p99", "good_p99")
    limits = dict.fromkeys((*fields, "max"), ">= 0s") | {"count": ">= 0"}
    gates = [(f"{BUYING}.{field}", limit) for field, limit in limits.items()]
    results = {gate.metric: gate for gate in judge(gated(close, gates)).gates}
    for field in fields:
        gate = results[f"{BUYING}.{field}"]
        assert gate.low <= gate.value <= gate.high
        assert gate.low < gate.high
    assert results[f"{BUYING}.max"].low is None
    assert results[f"{BUYING}.count"].high is None


def test_where_everybody_waited_equally_long_a_limit_at_that_is_decided(evidence_of):
    evidence = slowed(evidence_of(**SMALL), [(P99, "<= 500ms"), (P99, "< 500ms")], [500] * 200)
    gates = gates_of(judge(evidence))
    assert gates[P99, "<= 500ms"].status == "pass"
    assert gates[P99, "< 500ms"].status == "fail"


def test_a_share_of_a_step_s_answers_is_exact_and_told_in_requests(evidence_of):
    share = "answers[POST /events/{event}/tickets].failed_share"
    gates = [(share, "<= 2.8%"), (share, "< 2.8%"), (share, "<= 0.028"), (share, "< 0.028")]
    evidence = slowed(evidence_of(students=300, tickets=60), gates, [50] * 250, failed=7)
    verdict = judge(evidence)
    assert [gates_of(verdict)[gate].status for gate in gates] == ["pass", "fail", "pass", "fail"]
    assert any("is 7 of 250 requests (2.8%)" in reason for reason in verdict.reasons)


def test_tickets_that_never_ran_out_ran_out_later_than_any_limit(verdict_of):
    gates = [("sale.sold_out_after_s", limit) for limit in ("<= 30s", ">= 1s")]
    left = gates_of(verdict_of(students=60, tickets=200, gates=gates))
    assert [left[gate].status for gate in gates] == ["fail", "pass"]
    unopened = gates_of(verdict_of(students=60, tickets=200, gates=gates, no_t0=True))
    assert {unopened[gate].status for gate in gates} == {"inconclusive"}


def test_the_sale_s_speed_and_the_busiest_second_can_be_gated(verdict_of):
    gates = [
        ("sale.tickets_per_s", ">= 1"),
        ("sale.tickets_per_s", ">= 1000000"),
        ("sale.sold_out_after_s", "<= 30s"),
        ("load.busiest_second", ">= 50"),
    ]
    verdict = verdict_of(**SMALL, gates=gates)
    statuses = [gates_of(verdict)[gate].status for gate in gates]
    assert statuses == ["pass", "fail", "pass", "pass"]
    (broken,) = verdict.reasons
    assert re.search(r"sale\.tickets_per_s is [\d,.]+/s, the limit is >= 1000000\.", broken)
