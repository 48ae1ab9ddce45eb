"""What was once judged wrong is judged right: whole runs, with the figures that they had."""

import dataclasses
import html
import io
import json
import re

import pytest
from rich.console import Console

from dress_rehearsal.plans import Fault
from dress_rehearsal.plans.sections.stage import StageSection
from dress_rehearsal.plans.sections.target import Target
from dress_rehearsal.rehearsal.slack import slack_text
from dress_rehearsal.rehearsal.terminal.screen import print_verdict
from dress_rehearsal.reports.markdown import escaped
from dress_rehearsal.reports.report import write_report
from dress_rehearsal.reports.verdict import judge
from dress_rehearsal.reports.what_ran import what_ran
from tests.reports.clock_setting import clock_set
from tests.steps import PURCHASE

SMALL = {"students": 200, "tickets": 60}
ALL_EAGER = dict.fromkeys(("outsiders", "late", "double_clickers", "multi_device"), "0%")
P50, P99 = (f"latency_ms[{PURCHASE}].{field}" for field in ("p50", "p99"))
LEAKED = {
    "students": 292,
    "tickets": 292,
    "starved": 210,
    "leak_fills": True,
    "plan": {"students": {**ALL_EAGER, "click_offset": "600ms", "click_spread": "100ms"}},
}
"""The PostgreSQL pool leaks away; who has not bought by then waits 8 s for a 503."""


def pools(verdict):
    return {pool.name: pool for pool in verdict.pools}


# -- was anyone wronged --------------------------------------------------------------------------


@pytest.mark.slow
def test_813_of_1_000_holders_who_were_overtaken_are_a_failure_in_the_first_sentence(verdict_of):
    crowd = {"students": 1_000, "tickets": 1_000, "plan": {"students": ALL_EAGER}}
    verdict = verdict_of(**crowd, overtakers=187)
    assert (verdict.verdict, verdict.exit_code) == ("fail", 99)
    assert (verdict.census.ticket, verdict.fairness.inversions) == (1_000, 813)
    assert re.fullmatch(
        r"Not first come, first served: 813 of the 1,000 students whose place in line is "
        r"known were overtaken by more than 2 s, by "
        r"up to \d\.\d\d s\.",
        verdict.reasons[0],
    )


@pytest.mark.slow
def test_a_worker_that_opened_2_s_late_told_738_students_and_129_of_them_got_none(verdict_of):
    verdict = verdict_of(students=2_000, tickets=1_723, told_too_early=738)
    assert (verdict.verdict, verdict.audit.false_too_early) == ("fail", 738)
    assert verdict.reasons == (
        "Told too early: 738 students clicked after T-0, up to 1.99 s after it, and were told that "
        "it was too early; 129 of them ended without a ticket.",
    )


def test_two_owners_swapped_are_two_wrong_owners_and_nothing_oversold(evidence_of):
    evidence = evidence_of(**SMALL)
    ledger = evidence.ledger.copy()
    one, other = ledger["student"].unique()[:2]
    ledger["student"] = ledger["student"].replace({one: other, other: one})
    verdict = judge(dataclasses.replace(evidence, ledger=ledger))
    assert verdict.verdict == "fail"
    assert verdict.reasons[0].startswith("Wrong owner: 2 tickets are")
    assert (verdict.audit.wrong_owner, verdict.audit.oversold) == (2, 0)


# -- what breaks first ---------------------------------------------------------------------------


@pytest.mark.slow
def test_where_20_of_20_connections_wait_for_a_lock_for_3_s_no_pool_is_too_small(verdict_of):
    held = {"lock_waits": True, "full_s": 3, "wait_ms": 900}
    plan = {"students": {"click_spread": "1500ms"}}
    verdict = verdict_of(students=600, tickets=200, **held, plan=plan)
    assert verdict.cause.startswith("Cause of slowness: waits for a lock in PostgreSQL ")
    assert verdict.bottleneck.resource == "lock_wait"
    assert (pools(verdict)["postgres"].peak_used, pools(verdict)["postgres"].max) == (20, 20)
    assert pools(verdict)["postgres"].diagnosis == "lock_wait"
    assert "too small" not in verdict.cause
    assert "undersized" not in {pool.diagnosis for pool in verdict.pools}


@pytest.mark.slow
def test_a_pool_that_leaked_20_of_20_connections_is_the_cause(verdict_of):
    verdict = verdict_of(**LEAKED, gates=[(P99, "<= 3s")])
    assert verdict.verdict == "fail"
    assert verdict.reasons[0] == (
        "Leak: 20 connections of 20 in the PostgreSQL pools were never given back."
    )
    assert verdict.cause == (
        "Cause of slowness: the PostgreSQL pool leaked 20 of 20 connections; 210 of 292 requests "
        "to buy failed, in the median after 8 s."
    )
    bought = verdict.latency_ms[PURCHASE]
    assert (bought.count, bought.failed) == (292, 210)
    assert bought.p99 == pytest.approx(8_000, abs=10)
    assert bought.good_p99 < 100
    assert verdict.gates[-1].status == "fail"


@pytest.mark.slow
def test_one_cause_line_in_banner_terminal_summary_slack_and_json(build_run, undrawn):
    run = build_run(**LEAKED)
    verdict = write_report(run)
    terminal = io.StringIO()
    print_verdict(Console(file=terminal, width=1_000), verdict, run.path)
    told = {
        "banner": html.unescape((run.path / "report.html").read_text("utf-8")),
        "terminal": terminal.getvalue(),
        "Slack": slack_text(run.plan(), verdict),
        "JSON": json.loads((run.path / "verdict.json").read_text("utf-8"))["cause"],
    }
    assert "leaked 20 of 20 connections; 210 of 292 requests" in verdict.cause
    assert {where for where, text in told.items() if verdict.cause in text} == set(told)
    summary = (run.path / "summary.md").read_text("utf-8")
    assert f"- {escaped(verdict.cause)}" in summary.splitlines()
    for where in ("banner", "terminal", "Slack"):
        assert verdict.ran in told[where]
    assert escaped(verdict.ran) in summary


def test_98_percent_of_the_time_in_the_apps_own_code_is_its_cause(verdict_of):
    verdict = verdict_of(**SMALL, own_ms=900)
    assert verdict.bottleneck.resource == "app_code"
    assert verdict.bottleneck.share >= 0.98
    assert verdict.cause.startswith("Cause of slowness: the app's own code ")
    assert "nothing was seen to saturate" not in verdict.cause


@pytest.mark.slow
def test_a_full_redis_pool_is_not_too_small_while_the_cpu_is_full(verdict_of):
    crowd = {"students": 600, "tickets": 200}
    full = {"pool_exhausted": True, "exhausted_pool": "redis", "full_s": 1, "wait_ms": 500}
    verdict = verdict_of(**crowd, **full, cpu_full=True)
    redis = pools(verdict)["redis"]
    assert redis.peak_used == redis.max == 128
    assert redis.diagnosis is None
    assert verdict.bottleneck.resource == "cpu"
    assert verdict.cause.startswith("Cause of slowness: the CPU, from T-0")
    # With time to spare it is.
    idle = verdict_of(**crowd, **full)
    assert pools(idle)["redis"].diagnosis == "undersized"


def test_none_with_what_the_slowest_1_percent_waited_is_an_answer(evidence_of):
    evidence = evidence_of(**SMALL)
    requests = evidence.requests.copy()
    bought = requests["step"] == PURCHASE
    for column in ("done_ns", "read_ns"):
        requests.loc[bought, column] = requests.loc[bought, "intended_ns"] + 30_000_000
    verdict = judge(dataclasses.replace(evidence, requests=requests))
    assert verdict.cause == "Cause of slowness: none; 1% of purchases waited 30 ms or longer."
    assert verdict.bottleneck is None


@pytest.mark.slow
def test_connections_that_another_program_s_socket_dropped_are_not_the_target_s(verdict_of):
    theirs = verdict_of(**SMALL, accept_overflows=9, accept_drops=0)
    assert theirs.verdict == "pass"
    assert theirs.cause.startswith("Cause of slowness: none")
    assert pools(theirs)["accept_queue"].diagnosis == "healthy"
    ours = verdict_of(**SMALL, accept_overflows=9)
    assert pools(ours)["accept_queue"].saturated_at_s is not None


@pytest.mark.slow
def test_no_leak_is_claimed_while_its_worker_s_loop_is_late(evidence_of):
    evidence = evidence_of(**SMALL, leak=2)
    assert judge(evidence).reasons[0].startswith("Leak: 2 connections of 20")
    metrics = evidence.metrics.copy()
    metrics.loc[metrics["name"] == "app_event_loop_lag_seconds", "value"] = 1.0
    late = judge(dataclasses.replace(evidence, metrics=metrics))
    assert not any("Leak" in reason for reason in late.reasons)
    assert "leaked" not in late.cause


def test_beside_the_cause_stands_what_was_run(evidence_of):
    evidence = evidence_of(**SMALL)
    assert judge(evidence).ran == (
        "200 students, redis_writeback, 2 workers, pools of 10 (PostgreSQL) and 64 (Redis) each, "
        "no faults."
    )
    plan = evidence.plan.model_copy(update={"faults": (Fault(name="leak", at="T+0s"),)})
    environment = {**evidence.environment, "overrides": ["app.workers=2", "event.students=200"]}
    changed = dataclasses.replace(evidence, plan=plan, environment=environment)
    assert what_ran(changed).endswith(
        "with leak, set beside the plan's file: app.workers=2, event.students=200."
    )


def test_runs_of_different_switches_are_told_apart_by_their_label_and_no_value(evidence_of):
    evidence = evidence_of(**SMALL)

    def told(setting, **known):
        environment = {**evidence.environment, "overrides": [f"target.environment.LOCK={setting}"]}
        return what_ran(dataclasses.replace(evidence, environment=environment | known))

    unlike = "set beside the plan's file: target.environment.LOCK="
    assert told("row", label="row\x1b[31m-lock").endswith(f"labelled row\\x1b[31m-lock, {unlike}….")
    assert told("row") == told("table")
    assert told("").endswith(f"no faults, {unlike}.")


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({}, "in containers."),
        (
            {"app": "t2.micro", "postgres": {"cpus": 0.5, "memory": "512 MiB"}},
            "in containers with limits (app: t2.micro, postgres: 0.5 CPUs and 512 MiB).",
        ),
        ({"redis": {"cpus": 1}}, "in containers with limits (redis: 1 CPU)."),
        ({"redis": {"memory": "1.5 GiB"}}, "in containers with limits (redis: 1536 MiB)."),
    ],
)
def test_of_containers_their_limits_are_said(evidence_of, limits, words):
    evidence = evidence_of(**SMALL)
    update = {
        "target": Target(stage="docker"),
        "stage": StageSection.model_validate({"limits": limits}),
    }
    contained = dataclasses.replace(evidence, plan=evidence.plan.model_copy(update=update))
    assert what_ran(contained).endswith(f"no faults, {words}")


# -- can it be trusted ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hogs", "took"), [(1.7, "up to 1.7"), (1.2, "up to 1.2")], ids=["four hogs", "two hogs"]
)
def test_a_healthy_run_beside_hogs_decides_nothing(verdict_of, hogs, took):
    verdict = verdict_of(**SMALL, foreign_cores=hogs - 0.02)  # what is always there is 0.02
    assert verdict.exit_code == 3
    (reason,) = verdict.reasons
    assert reason.startswith(f"Other programs took {took} of 2 cores around T-0, ")
    assert verdict.generator.foreign_cpu_cores == hogs
    assert verdict_of(**SMALL).verdict == "pass"


def test_others_harm_nobody_where_40_of_64_cores_are_idle(verdict_of):
    verdict = verdict_of(**SMALL, foreign_cores=24.0, spare=True)
    assert (verdict.exit_code, verdict.cause) == (0, verdict_of(**SMALL).cause)
    assert not any("ther programs" in said for said in (*verdict.reasons, *verdict.notes))


def test_a_conductor_that_was_stopped_for_6_s_after_t0_passes_nothing(verdict_of):
    sources = ("postgres", "redis", "kernel", "processes", "app", "writeback")
    verdict = verdict_of(**SMALL, silent=tuple((source, 0.2, 6.2) for source in sources))
    assert verdict.exit_code == 3
    (reason,) = verdict.reasons
    assert re.match(r"Nothing was heard of PostgreSQL, Redis, .* from T-0 to T-0 \+ 6", reason)
    assert verdict.cause.startswith(
        "Cause of slowness: not decided, for nothing was measured from T-0 to "
    )
    assert verdict.bottleneck is None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("by_s", "way", "seen_p50_ms"),
    [
        pytest.param(-3, "back by 3 s", (-3_000, 10), id="what took 794 ms seems to take nothing"),
        pytest.param(9, "forward by 9 s", (9_000, 10_000), id="what was quick seems to take 9 s"),
    ],
)
def test_a_clock_that_is_set_is_a_sentence_and_accuses_nobody(evidence_of, by_s, way, seen_p50_ms):
    # All clicks lie before the step, all answers behind it.
    plan = {"students": {**ALL_EAGER, "click_offset": "300ms", "click_spread": "1ms"}}
    slow = {"slow_ms": 794.0, "plan": plan, "gates": [(P50, "<= 500ms"), (P99, "<= 3s")]}
    stepped = judge(clock_set(evidence_of, by_s, 0.7, **SMALL, **slow))
    assert (stepped.verdict, stepped.exit_code) == ("inconclusive", 3)
    assert f"clock was set {way} at T-0 + 0.8 s" in stepped.reasons[0]
    assert not any("generator was late" in reason for reason in stepped.reasons)
    assert not stepped.generator.limited
    low, high = seen_p50_ms
    assert low <= stepped.latency_ms[PURCHASE].p50 <= high
    assert not any(reason.startswith("Gate broken") for reason in stepped.reasons)
    assert {gate.status for gate in stepped.gates[-2:]} == {"inconclusive"}
    assert "fail" not in {gate.status for gate in stepped.gates}
    assert not any("ther programs" in reason for reason in stepped.reasons)
    assert stepped.bottleneck is None
    assert stepped.cause.startswith("Cause of slowness: not decided, for a clock was set")


@pytest.mark.parametrize(
    ("url", "open_at_once", "short"),
    [
        ("http://10.0.0.7", 14_116, False),
        ("http://10.0.0.7", 14_117, True),
        ("http://127.0.0.1", 14_117, False),
    ],
)
def test_of_the_default_port_range_half_is_what_there_is(evidence_of, url, open_at_once, short):
    plan = {"target": {"stage": "external", "url": url, "allow": ["10.0.0.7"]}}
    evidence = evidence_of(**SMALL, plan=plan)
    metrics = evidence.metrics.copy()
    metrics.loc[metrics["name"] == "generator_connections", "value"] = float(open_at_once)
    environment = {**evidence.environment, "ip_local_port_range": [32_768, 60_999]}
    verdict = judge(dataclasses.replace(evidence, metrics=metrics, environment=environment))
    said = [reason for reason in verdict.reasons if "local ports" in reason]
    assert len(said) == short
    if short:
        assert said[0].startswith("14,117 connections from one address were open at once")
        assert verdict.verdict == "inconclusive"


@pytest.mark.slow
@pytest.mark.parametrize("late_ms", [500, 919])
def test_sends_half_a_second_off_a_click_spread_of_0_4_s_decide_nothing(verdict_of, late_ms):
    verdict = verdict_of(**SMALL, generator_late_ms=late_ms)
    assert verdict.exit_code == 3
    assert verdict.generator.release_skew_ms == pytest.approx(late_ms, abs=3)
    assert verdict.generator.timely_share < 0.99
    (reason,) = verdict.reasons
    assert re.search(r"The generator sent .* more than 100 ms late, the latest by", reason)


@pytest.mark.slow
@pytest.mark.parametrize("others", [1, 5])
def test_a_page_that_somebody_else_opens_is_told_and_nothing_more(verdict_of, others):
    verdict = verdict_of(**SMALL, counter_off=others)
    assert verdict.verdict == "pass"
    assert any(f"{others} reached it unrecorded" in note for note in verdict.notes)
