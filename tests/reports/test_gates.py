"""Correctness is always gated, first; a number that was not measured passes nothing."""

import dataclasses
import re

import numpy as np
import pandas as pd
import pytest

from dress_rehearsal.plans import Gate, parse_limit
from dress_rehearsal.reports.audit import COUNTERS
from dress_rehearsal.reports.errors import MetricUnknownError
from dress_rehearsal.reports.gates import IMPLICIT
from dress_rehearsal.reports.metrics import in_unit_of
from dress_rehearsal.reports.verdict import judge
from tests.steps import PURCHASE

pytestmark = pytest.mark.whole_runs

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
        ("pools[postgres].wait_p99_ms", "<= 1us"),
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


def slowed(evidence, gates, felt_ms, failed=0):
    """The same run with purchases that took `felt_ms`; the last `failed` of them got a 503."""
    requests = evidence.requests.copy()
    bought = requests.index[requests["step"] == PURCHASE][: len(felt_ms)]
    assert len(bought) == len(felt_ms)
    others = requests.index[requests["step"] == PURCHASE][len(felt_ms) :]
    felt_ns = pd.array((np.asarray(felt_ms) * 1_000_000).astype(np.int64), dtype="Int64")
    requests.loc[bought, "done_ns"] = requests.loc[bought, "intended_ns"] + felt_ns
    requests.loc[bought, "sent_ns"] = requests.loc[bought, "intended_ns"]
    if failed:
        requests["outcome"] = requests["outcome"].astype(object)
        requests.loc[bought[-failed:], "outcome"] = "failed"
        requests.loc[bought[-failed:], "status"] = 503
    return gated(dataclasses.replace(evidence, requests=requests.drop(others)), gates)


def gated(evidence, gates):
    """The same run under a plan with these gates and no others."""
    found = tuple(Gate(metric=metric, limit=limit) for metric, limit in gates)
    return dataclasses.replace(evidence, plan=evidence.plan.model_copy(update={"gates": found}))


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
        r"Gate broken: .* is 8,0\d\d ms \(95% interval [\d,]+ ms to 8,0\d\d ms; too few: 292 "
        r"requests\), the limit is <= 3s\.",
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
        r"Gate undecided: .* is [\d.,]+ ms \(95% interval [\d.,]+ ms to [\d.,]+ ms\), too close "
        rf"to the limit {limit} to call\.",
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


SLOWED = [
    (f"{BUYING}.p99", "<= 20ms"),
    (f"{BUYING}.system_p99", "<= 20ms"),
    ("pools[postgres].wait_p99_ms", "<= 1us"),
    ("sale.sold_out_after_s", "<= 1ms"),
    ("sale.tickets_per_s", ">= 100000"),
    ("load.busiest_second", ">= 100000"),
    ("fairness.overtaken_max_s", "<= 1us"),
    ("audit.settle_ms", "<= 1us"),
    ("census.failed", "== 0"),
]


@pytest.mark.parametrize("late_ms", [0, 1500])
@pytest.mark.parametrize("gate", SLOWED)
def test_what_other_programs_slow_down_breaks_no_limit_however_late_the_generator_was(
    verdict_of, gate, late_ms
):
    slow = {"slow_ms": 300, "failed": 2, "generator_late_ms": late_ms, "gates": SLOWED}
    taken = verdict_of(**SMALL, **slow, foreign_cores=1.7)
    assert taken.verdict == "inconclusive"
    assert gates_of(taken)[gate].status == "inconclusive"
    (said,) = (reason for reason in taken.reasons if gate[0] in reason)
    assert said.startswith("Gate undecided") and "other programs took 1.7 of 2 cores" in said


def test_a_leak_and_the_measurement_s_own_numbers_break_their_limits_whoever_took_the_cpu(
    verdict_of,
):
    gates = [("pools[postgres].leaked", "== 0"), ("generator.foreign_cpu_cores", "<= 1")]
    verdict = verdict_of(**SMALL, leak=2, foreign_cores=1.7, gates=gates)
    assert [gate.status for gate in verdict.gates[-2:]] == ["fail", "fail"]


def test_a_late_generator_is_why_the_sale_went_slowly(verdict_of):
    gates = [("sale.sold_out_after_s", "<= 1s"), ("load.busiest_second", ">= 100000")]
    late = verdict_of(**SMALL, generator_late_ms=1500, gates=gates)
    slow = verdict_of(**SMALL, slow_ms=1500, gates=gates)
    assert (late.verdict, slow.verdict) == ("inconclusive", "fail")
    for gate in gates:
        assert gates_of(late)[gate].status == "inconclusive"
        (said,) = (reason for reason in late.reasons if gate[0] in reason)
        assert "but the generator was late" in said
        assert gates_of(slow)[gate].status == "fail"


@pytest.mark.parametrize(
    ("many", "login_at_open", "status"),
    [
        pytest.param(0, "2s", "pass", id="all in time"),
        pytest.param(20, "2s", "fail", id="held up by the target"),
        pytest.param(20, "14s", "inconclusive", id="too late by the plan"),
        pytest.param(120, "14s", "fail", id="more than by the plan"),
    ],
)
def test_who_clicks_too_late_by_the_plan_is_not_held_against_the_target(
    evidence_of, many, login_at_open, status
):
    evidence = evidence_of(**SMALL)
    habits = evidence.plan.students.model_copy(
        update={"login_at_open": float(login_at_open.removesuffix("s"))}
    )
    students = evidence.students.copy()
    away = students.index[students["outcome"] == "sold_out"][:many]
    students["outcome"] = students["outcome"].astype("object")
    students.loc[away, "outcome"] = "in_flight"
    plan = evidence.plan.model_copy(update={"students": habits})
    verdict = judge(dataclasses.replace(evidence, plan=plan, students=students))
    (gate,) = (each for each in verdict.gates if each.metric == "census.in_flight")
    assert gate.status == status
    told = [each for each in verdict.reasons if "after the sale has closed" in each]
    assert bool(told) == (status == "inconclusive")


@pytest.mark.parametrize("word", ["failed", "unknown", "in_flight", "gave_up"])
def test_whom_a_generator_that_stood_still_kept_is_not_held_against_the_target(evidence_of, word):
    """Its students' time-outs ran on, and so did the sale."""
    limit = [(f"census.{word}", "<= 1%")]
    sound = evidence_of(**SMALL, gates=limit)
    quiet = evidence_of(**SMALL, gates=limit, silent=(("generator", 0.1, 3.1),))

    def ended_so(evidence):
        students = evidence.students.copy()
        served = students.index[students["outcome"] == "sold_out"][:10]
        students["outcome"] = students["outcome"].astype("object")
        students.loc[served, "outcome"] = word
        return judge(dataclasses.replace(evidence, students=students))

    assert gates_of(ended_so(sound))[limit[0]].status == "fail"
    kept = ended_so(quiet)
    assert gates_of(kept)[limit[0]].status == "inconclusive"
    assert any("but the generator stood still for a while" in reason for reason in kept.reasons)
