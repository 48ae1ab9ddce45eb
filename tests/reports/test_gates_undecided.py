"""A limit that somebody else than the system broke is undecided, and says who."""

import dataclasses

import pytest

from dress_rehearsal.reports.verdict import judge
from tests.reports.gating import BUYING, gates_of

pytestmark = pytest.mark.slow

SMALL = {"students": 200, "tickets": 60}


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


SLOWED = [
    (f"{BUYING}.p99", "<= 20ms"),
    (f"{BUYING}.system_p99", "<= 20ms"),
    ("pools[app_loop].wait_p99_ms", "<= 1us"),
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
    assert said.startswith("Gate undecided") and "other programs took up to 1.72 of 2 cores" in said


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
    together = ("census.no_good_end", "<= 1%")
    evidence = evidence_of(**SMALL, gates=[together])
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
    assert gates_of(verdict)[together].status == status
    told = [each for each in verdict.reasons if "after the sale has closed" in each]
    assert bool(told) == (status == "inconclusive")


@pytest.mark.parametrize("word", ["failed", "unknown", "in_flight", "gave_up"])
def test_whom_a_generator_that_stood_still_kept_is_not_held_against_the_target(evidence_of, word):
    """Its students' time-outs ran on, and so did the sale."""
    together = ("census.no_good_end", "<= 1%")
    limit = [(f"census.{word}", "<= 1%"), together]
    sound = evidence_of(**SMALL, gates=limit)
    quiet = evidence_of(**SMALL, gates=limit, silent=(("generator", 0.1, 3.1),))

    def ended_so(evidence):
        students = evidence.students.copy()
        served = students.index[students["outcome"] == "sold_out"][:10]
        students["outcome"] = students["outcome"].astype("object")
        students.loc[served, "outcome"] = word
        return judge(dataclasses.replace(evidence, students=students))

    broken, kept = ended_so(sound), ended_so(quiet)
    for gate in limit:
        assert gates_of(broken)[gate].status == "fail"
        assert gates_of(kept)[gate].status == "inconclusive"
    assert any("but the generator stood still for a while" in reason for reason in kept.reasons)


@pytest.mark.parametrize(
    ("timed_out", "word", "status"),
    [
        pytest.param(0, "timeout", "fail", id="all were answered with an error"),
        pytest.param(3, "timeout", "fail", id="the limit is broken without the others, too"),
        pytest.param(9, "timeout", "inconclusive", id="nearly all ran out of time"),
        pytest.param(9, "connection_lost", "fail", id="nearly all were hung up on"),
        pytest.param(9, "connection_reset", "fail", id="nearly all were reset"),
    ],
)
def test_who_failed_by_a_time_out_is_excused_by_a_late_generator_as_who_never_learnt_it(
    evidence_of, timed_out, word, status
):
    """Of ten who failed, some had no answer to their last request."""
    together = ("census.no_good_end", "<= 1%")

    def judged(**defects):
        evidence = evidence_of(**SMALL, **defects, gates=[together])
        students, rows = evidence.students.copy(), evidence.requests.copy()
        sent = students.index[students["outcome"] == "sold_out"][:10]
        students["outcome"] = students["outcome"].astype("object")
        students.loc[sent, "outcome"] = "failed"
        last = rows[rows["student"].isin(students.loc[sent, "student"])]
        last = last.drop_duplicates("student", keep="last").index
        for column in ("outcome", "error"):
            rows[column] = rows[column].astype("object")
        rows.loc[last, ["outcome", "error"]] = ["failed", "overloaded"]
        rows.loc[last[:timed_out], ["outcome", "error"]] = ["unknown", word]
        return judge(dataclasses.replace(evidence, students=students, requests=rows))

    late, timely = judged(generator_late_ms=1500), judged()
    for gate in (("census.failed", "<= 1%"), together):
        assert gates_of(timely)[gate].status == "fail"
        assert gates_of(late)[gate].status == status
    why = "late (which may be why time ran out, and is no reason for an error that was answered)."
    assert any(reason.endswith(why) for reason in late.reasons) == (status == "inconclusive")
