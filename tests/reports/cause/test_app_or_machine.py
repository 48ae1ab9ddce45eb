"""App or test machine: told by what each used of the CPUs, and only where that was measured."""

import dataclasses

import pytest

from dress_rehearsal.records import TimelineEvent
from dress_rehearsal.records.tables import LOOP_BUSY
from dress_rehearsal.reports.cause import app_or_machine
from dress_rehearsal.reports.cause.cpu_use import CpuUse
from dress_rehearsal.reports.trust import judge_trust
from tests.reports.cause.altered_runs import SMALL, cause_of, measured, slowed

pytestmark = pytest.mark.slow

SHORT = CpuUse(
    0.981,
    {
        "the app": 0.95,
        "the generator": 0.56,
        "the rest of the rehearsal": 0.21,
        "the write-back": 0.15,
        "Redis": 0.06,
    },
    2.0,
)


@pytest.fixture
def busy(evidence_of):
    """A run whose cause is the CPU."""
    evidence = slowed(evidence_of(**SMALL, cpu_full=True), queue=500)
    return measured(evidence, "machine_cpu_used_ratio", 0.99)


def asked(evidence, use=None, cause=None, **trusted):
    """What is said of a run, with what was used of the CPUs and what is doubted if told."""
    cause = cause or cause_of(evidence)
    if use is not None:
        cause = dataclasses.replace(cause, cpu=use)
    trust = dataclasses.replace(judge_trust(evidence), **trusted)
    return app_or_machine(evidence, cause, trust)


def test_where_the_rehearsal_used_much_of_a_full_machine_nobody_can_tell(busy):
    assert asked(busy, SHORT) == (
        "Cannot be told from this run: of 2 cores, all busy, the app had 0.95, its services 0.21 "
        "and the rehearsal itself 0.77; on a machine of its own the app may hold more. Repeat it "
        "on more cores, or with the app and the students on different machines "
        "(docs/distributed.md)."
    )


def test_it_is_the_app_where_it_had_nearly_all_of_a_full_machine(busy):
    use = CpuUse(0.99, {"the app": 15.0, "the generator": 0.6, "PostgreSQL": 0.3}, 16.0)
    assert asked(busy, use) == (
        "The app: of 16 cores, all busy, the app had 15.00, its services 0.30 and the rehearsal "
        "itself 0.60; on more cores it may hold more."
    )
    late = judge_trust(busy).generator.model_copy(update={"limited": True})
    assert asked(busy, use, generator=late).startswith("Cannot be told"), (
        "it sent late all the same"
    )


def test_other_programs_are_named_where_they_took_it(evidence_of):
    evidence = slowed(evidence_of(**SMALL, cpu_full=True, foreign_cores=1.5), queue=500)
    said = asked(measured(evidence, "machine_cpu_used_ratio", 0.99))
    assert said.startswith("Cannot be told from this run: other programs took CPU that it needed (")
    assert "other programs 1.5" in said
    assert "Stop them (`rehearse doctor` names them)" in said


def test_other_programs_that_the_plan_allows_are_not_the_app_either(busy):
    use = CpuUse(0.99, {"the app": 0.99, "other programs": 0.87, "the generator": 0.11}, 2.0)
    assert asked(busy, use) == (
        "Cannot be told from this run: of 2 cores, all busy, the app had 0.99, other programs 0.87 "
        "and the rehearsal itself 0.11; without other programs the app may hold more. Stop them "
        "(`rehearse doctor` names them) and rehearse again."
    )
    uncounted = CpuUse(0.99, {"the app": 0.99, "the generator": 0.11}, 2.0)
    assert asked(busy, uncounted).startswith("Cannot be told"), "nobody knows whose the rest was"


def test_of_an_app_that_nobody_watched_nothing_is_said(busy):
    use = CpuUse(0.99, {"the generator": 1.2}, 2.0)
    said = asked(busy, use)
    assert "the app had" not in said
    assert "what the app used was not measured" in said


def test_a_generator_that_was_late_with_cpu_to_spare_is_the_test_machine(evidence_of):
    evidence = evidence_of(**SMALL, generator_late_ms=400)
    said = asked(evidence)
    assert said.startswith("Cannot be told from this run: the rehearsal sent late, though CPU was ")
    assert "(of 2 cores, 70% busy, the app had 1" in said
    assert said.endswith("`--set generator.processes=2` sends from two processes.")
    uncounted = dataclasses.replace(
        evidence, metrics=evidence.metrics[evidence.metrics["name"] != "machine_cpu_used_ratio"]
    )
    assert asked(uncounted) == ""


def test_what_was_used_is_that_of_when_it_was_late_and_not_of_when_the_slowest_waited(evidence_of):
    evidence = evidence_of(**SMALL, generator_late_ms=400)
    full = measured(evidence, "machine_cpu_used_ratio", 1.0)
    spare = dataclasses.replace(cause_of(full), cpu=CpuUse(0.6, {"the app": 1.0}, 2.0))
    said = asked(full, cause=spare)
    assert "all busy" in said
    assert "to spare" not in said


def test_a_full_machine_is_told_in_the_figures_of_the_cause_also_where_it_was_late(evidence_of):
    evidence = evidence_of(**SMALL, generator_late_ms=400)
    full = measured(evidence, "machine_cpu_used_ratio", 1.0)
    said = asked(full, cause=dataclasses.replace(cause_of(full), cpu=SHORT))
    assert "the app had 0.95, its services 0.21 and the rehearsal itself 0.77" in said


@pytest.mark.parametrize(
    ("generator", "says"), [({"processes": 4}, False), ({"processes": 1}, False), ({}, True)]
)
def test_more_processes_are_proposed_only_where_nobody_chose(evidence_of, generator, says):
    evidence = evidence_of(**SMALL, generator_late_ms=400, plan={"generator": generator})
    said = asked(evidence)
    assert "though CPU was to spare" in said
    assert ("generator.processes" in said) is says


def test_of_locusts_users_none_is_said_to_have_been_sent_late(evidence_of):
    late = evidence_of(**SMALL, generator_late_ms=400)
    closed = dataclasses.replace(late, plan=late.plan.model_copy(update={"load": object()}))
    assert app_or_machine(closed, cause_of(late), judge_trust(late)) == ""


def test_more_processes_do_not_mend_a_scenario_that_holds_up_its_loop(evidence_of):
    detail = {
        "values": {"busy_ms": 2000, "named_ms": 1900, "longest_ms": 1500},
        "places": ["buy() at shop.py:12"],
    }
    late = evidence_of(**SMALL, generator_late_ms=400)
    in_time = evidence_of(**SMALL)
    for evidence, says in ((late, True), (in_time, False)):
        last_ns = max(event.t_ns for event in evidence.events)
        told = TimelineEvent(last_ns, "phase", LOOP_BUSY, detail)
        held_up = dataclasses.replace(evidence, events=(*evidence.events, told))
        assert judge_trust(held_up).generator.limited
        said = asked(held_up)
        assert ("the rehearsal sent late" in said) is says, "else nothing left late"
        assert "generator.processes" not in said


def test_where_cpu_was_to_spare_and_nothing_is_doubted_it_was_not_the_machine(evidence_of):
    slow = slowed(evidence_of(**SMALL), db=900)
    assert asked(slow) == (
        "Not the test machine's CPU: it was 59.2% busy while the slowest were under way, and "
        "requests left in time."
    )


def test_a_healthy_run_asks_nothing(healthy):
    assert asked(healthy) == ""


def test_of_the_cpus_of_other_machines_that_sent_nothing_is_known(busy):
    document = busy.plan.model_dump()
    document["generator"] |= {"workers": 2, "listen": "127.0.0.1:5557"}
    plan = type(busy.plan).model_validate(document)
    elsewhere = dataclasses.replace(busy, plan=plan)
    assert asked(elsewhere, SHORT, cause=cause_of(busy)) == ""
