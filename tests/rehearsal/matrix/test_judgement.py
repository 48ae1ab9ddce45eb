"""A cell is as expected when what has to be found was, and nobody is accused of anything else."""

import pytest

from dress_rehearsal.plans import Cell, Plan
from dress_rehearsal.rehearsal.matrix.judgement import Judgement, broken_cell, judge_cell

FAULT = {"name": "early_open", "at": "T-1s"}


def cell(*expect, allow=(), healthy=False):
    plan = Plan.model_validate({"name": "cell", "faults": [] if healthy else [FAULT]})
    return Cell("row_lock", "none" if healthy else "early_open", plan, expect, tuple(allow))


def judged(a_cell, *found):
    return judge_cell(a_cell, set(found), 1.5, "run")


def test_it_is_as_expected_when_all_is_found_and_nothing_else():
    judgement = judged(cell("audit.sold_early"), "audit.sold_early")
    assert not judgement.differs
    assert "as expected (audit.sold_early)" in judgement.sentence


def test_what_was_not_found_is_missing():
    judgement = judged(cell("audit.sold_early", "lost.app"), "lost.app")
    assert judgement.missing == ("audit.sold_early",)
    assert "audit.sold_early was not found" in judgement.sentence


@pytest.mark.parametrize(
    "wrong",
    [
        "audit.oversold",
        "fairness.inversions",
        "lost.redis",
        "pools.postgres.leak",
        "pools.redis.nested_acquire",
        "pools.enrolment.slow_holder",
        "audit.oversold.not_audited",
        "verdict.inconclusive",
    ],
)
def test_an_accusation_nobody_expects_differs(wrong):
    expected = cell("audit.sold_early")
    assert judged(expected, "audit.sold_early", wrong).unexpected == (wrong,)
    allowed = cell("audit.sold_early", allow=[wrong])
    assert not judged(allowed, "audit.sold_early", wrong).differs
    elsewhere = cell("audit.sold_early", allow=["census.failed"])
    assert judged(elsewhere, "audit.sold_early", wrong).differs


@pytest.mark.parametrize(
    "strain",
    ["census.failed", "pools.cpu.saturated", "pools.redis.undersized", "generator.limited"]
    + ["verdict.fail"],
)
def test_strain_is_no_accusation_where_something_was_made_to_go_wrong(strain):
    assert not judged(cell("audit.sold_early"), "audit.sold_early", strain).differs


def test_where_nothing_is_made_to_go_wrong_students_are_served():
    assert not judged(cell(healthy=True)).differs
    assert not judged(cell(healthy=True), "pools.cpu.saturated").differs
    assert judged(cell(healthy=True), "census.failed").unexpected == ("census.failed",)
    assert judged(cell(healthy=True), "generator.limited").differs
    for word in ("fail", "inconclusive"):
        assert judged(cell(healthy=True), f"verdict.{word}").unexpected == (f"verdict.{word}",)
    for word in ("cause.postgres", "trust.gap"):
        assert judged(cell(healthy=True), word).unexpected == (word,)
        assert not judged(cell("lost.app"), "lost.app", word).differs
    wrong_by_itself = cell("audit.oversold", healthy=True)
    assert not judged(wrong_by_itself, "audit.oversold", "verdict.fail").differs
    assert "as expected (nobody accused)" in judged(cell(healthy=True)).sentence


@pytest.mark.parametrize("taken_by", ["trust.foreign_cpu", "trust.steal"])
def test_who_is_slow_on_a_busy_machine_is_accused_of_nothing_and_undecided(taken_by):
    found = ["cause.cpu", "pools.cpu.saturated", taken_by, "verdict.inconclusive"]
    judgement = judged(cell(healthy=True), *found)
    assert not judgement.differs
    assert judgement.undecided == ("cause.cpu", taken_by, "verdict.inconclusive")
    assert judgement.sentence == (
        "row_lock × none: as expected (nobody accused); others had the CPU, so how fast it "
        f"was is undecided (cause.cpu, {taken_by}, verdict.inconclusive)"
    )
    assert Judgement.read(judgement.document()) == judgement


def test_a_cause_on_a_quiet_machine_is_one_though_it_is_the_cpu():
    judgement = judged(cell(healthy=True), "cause.cpu", "pools.cpu.saturated")
    assert judgement.unexpected == ("cause.cpu",)
    assert judgement.undecided == ()


@pytest.mark.parametrize(
    "wrong", ["audit.oversold", "audit.oversold.not_audited", "lost.app", "pools.postgres.leak"]
)
def test_a_wrong_is_one_however_busy_the_machine(wrong):
    judgement = judged(cell(healthy=True), "cause.cpu", "trust.foreign_cpu", wrong)
    assert judgement.differs
    assert judgement.unexpected == (wrong,)
    assert judgement.sentence.startswith(f"row_lock × none: {wrong} was found though nothing")


def test_a_busy_machine_excuses_no_fault_that_was_not_found():
    judgement = judged(cell("cause.cpu"), "trust.foreign_cpu", "verdict.inconclusive")
    assert judgement.missing == ("cause.cpu",)
    assert judgement.differs
    hogs = cell("trust.foreign_cpu", "verdict.inconclusive")
    found = judged(hogs, "trust.foreign_cpu", "verdict.inconclusive", "cause.cpu")
    assert (found.differs, found.undecided) == (False, ())


def test_a_counter_that_was_not_audited_is_not_one_that_may_be_above_zero():
    lenient = cell("audit.sold_early", allow=["audit.lost_views"])
    found = ["audit.sold_early", "audit.lost_views.not_audited"]
    assert judged(lenient, *found).unexpected == ("audit.lost_views.not_audited",)


def test_of_several_findings_one_will_do():
    either = cell("pools.enrolment.saturated | pools.enrolment.slow_holder")
    assert not judged(either, "pools.enrolment.slow_holder").differs
    assert not judged(either, "pools.enrolment.saturated").differs
    assert judged(either).differs


def test_a_cell_that_could_not_be_carried_out_differs_with_its_sentence():
    judgement = broken_cell(cell("lost.app"), "The stage is not set: no.", 0.5)
    assert judgement.differs
    assert judgement.sentence == "row_lock × early_open: The stage is not set: no."


def test_it_is_read_as_it_was_written():
    judgement = judged(cell("audit.sold_early"), "lost.app")
    assert Judgement.read(judgement.document()) == judgement
    assert judgement.document()["differs"] is True


def test_what_differs_tells_what_the_run_said_for_its_folder_may_be_gone():
    said = "The queue is not empty yet. Cause of slowness: Kafka."
    differs = judge_cell(cell(healthy=True), {"cause.external"}, 1.5, "run", said)
    assert differs.sentence.endswith(f"though nothing should cause it. The run says: {said}")
    assert judge_cell(cell(healthy=True), set(), 1.5, "run", said).said == ""
