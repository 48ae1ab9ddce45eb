"""A try tells what its run came to, and whose doing it is where it decides nothing."""

import dataclasses

import pytest

from dress_rehearsal.reports.capacity.tried import (
    first_broken,
    gated_p99,
    outcome_of,
    try_of,
    watched_step,
)
from dress_rehearsal.reports.trust import judge_trust
from dress_rehearsal.reports.verdict import judge
from tests.reports.contained_runs import limited
from tests.reports.gating import BUYING
from tests.reports.test_given_up import timed_out
from tests.steps import LOGIN, PURCHASE

SMALL = {"students": 200, "tickets": 60}


def said_of(evidence):
    return outcome_of(judge(evidence), judge_trust(evidence))


def late_by_5_s(evidence):
    """Return evidence of a generator that sent everything so much after its time."""
    requests = evidence.requests.drop(columns="role")
    intended_ns = requests["intended_ns"] - 5_000_000_000
    return dataclasses.replace(evidence, requests=requests.assign(intended_ns=intended_ns))


@pytest.mark.slow
def test_a_verdict_that_decides_is_the_outcome(evidence_of):
    assert said_of(evidence_of(**SMALL)) == "pass"
    slow = evidence_of(**SMALL, gates=[(f"{BUYING}.p99", "<= 1ms")])
    assert said_of(slow) == "fail"


def test_a_wrong_is_no_broken_limit_that_another_try_may_keep(evidence_of):
    assert said_of(evidence_of(**SMALL, oversell=3)) == "wrong"
    both = evidence_of(**SMALL, oversell=3, gates=[(f"{BUYING}.p99", "<= 1ms")])
    assert said_of(both) == "wrong"


@pytest.mark.slow
def test_a_late_generator_is_at_its_end(evidence_of):
    late = late_by_5_s(evidence_of(**SMALL))
    assert judge(late).generator.limited
    assert said_of(late) == "limited"


def test_a_container_that_held_the_rehearsal_back_is_its_end_too(evidence_of):
    assert said_of(limited(evidence_of(**SMALL), held=1.0)) == "limited"


@pytest.mark.slow
def test_other_programs_may_be_gone_next_time(evidence_of):
    disturbed = evidence_of(**SMALL, foreign_cores=1.0)
    assert judge(disturbed).verdict == "inconclusive"
    assert said_of(disturbed) == "undecided"
    late_too = late_by_5_s(disturbed)
    assert judge(late_too).generator.limited
    assert said_of(late_too) == "undecided", "others may have made the generator late"
    stolen = late_by_5_s(evidence_of(**SMALL, stolen_cores=0.8))
    assert judge(stolen).generator.limited
    assert said_of(stolen) == "undecided", "and so may the host"


@pytest.mark.slow
def test_a_limit_that_is_too_close_to_call_is_undecided(evidence_of):
    gates = [(f"{BUYING}.p99", "<= 20ms")]
    verdict = judge(evidence_of(**SMALL, gates=gates))
    own = verdict.latency_ms[PURCHASE]
    close = judge(evidence_of(**SMALL, gates=[(f"{BUYING}.p99", f"<= {own.p99}ms")]))
    assert close.verdict == "inconclusive"
    assert outcome_of(close, judge_trust(evidence_of(**SMALL))) == "undecided"


def test_a_try_has_the_numbers_of_its_verdict(evidence_of):
    evidence = evidence_of(**SMALL, gates=[(f"{BUYING}.p99", "<= 1ms")])
    verdict = judge(evidence)
    one = try_of(evidence, verdict, step=PURCHASE, load=12.5, people=200, took_s=31.26)
    own = verdict.latency_ms[PURCHASE]
    assert (one.p99_ms, one.p99_low, one.p99_high) == (own.p99, own.p99_low, own.p99_high)
    assert (one.outcome, one.load, one.people, one.took_s) == ("fail", 12.5, 200, 31.3)
    assert one.broken.startswith(f"{BUYING}.p99 is ")
    assert one.broken.endswith("the limit is <= 1ms")
    assert one.answers_per_s > 0
    assert one.cause == verdict.cause


@pytest.mark.slow
def test_without_a_broken_gate_none_is_told(healthy_verdict):
    assert first_broken(healthy_verdict) is None


@pytest.mark.parametrize(
    ("gates", "step"),
    [
        ([], PURCHASE),
        ([("census.failed", "== 0")], PURCHASE),
        ([(f"latency_ms[{LOGIN}].p99", "<= 1s")], LOGIN),
        ([(f"latency_ms[{LOGIN}].p50", "<= 1s")], PURCHASE),
    ],
)
def test_the_step_that_is_watched_is_the_first_one_gated(evidence_of, gates, step):
    evidence = evidence_of(**SMALL, gates=gates)
    assert watched_step(evidence.plan, judge(evidence)) == step


def test_the_limit_of_the_gate_is_known_in_ms(evidence_of):
    plan = evidence_of(**SMALL, gates=[(f"{BUYING}.p99", "<= 1.5s")]).plan
    assert gated_p99(plan) == (PURCHASE, 1500.0)
    assert gated_p99(evidence_of(**SMALL).plan) is None


@pytest.mark.parametrize("given_up", [0, 30])
def test_a_p99_among_given_up_requests_is_a_lower_bound_without_an_interval(evidence_of, given_up):
    evidence = timed_out(evidence_of(**SMALL), [], given_up)
    one = try_of(evidence, judge(evidence), step=PURCHASE, load=200, people=200, took_s=31.26)
    assert one.p99_at_least == (given_up > 0)
    assert (one.p99_low is None) == (given_up > 0)


@pytest.mark.parametrize(("least", "high"), [(15.0, None), (30.0, 20.0)])
def test_an_interval_that_given_up_requests_leave_without_end_is_told_without_one(
    evidence_of, least, high
):
    evidence = evidence_of(**SMALL)
    verdict = judge(evidence)
    numbers = {"p99": 10.0, "p99_low": 8.0, "p99_high": 20.0, "given_up": 1, "failed": 1}
    own = verdict.latency_ms[PURCHASE].model_copy(update={**numbers, "given_up_least": least})
    cut = verdict.model_copy(update={"latency_ms": verdict.latency_ms | {PURCHASE: own}})
    one = try_of(evidence, cut, step=PURCHASE, load=200, people=200, took_s=31.26)
    assert (one.p99_at_least, one.p99_low, one.p99_high) == (False, 8.0, high)
