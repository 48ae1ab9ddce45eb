"""The CPU and the event loops as a cause: who kept them busy, and who was blocked by himself."""

import dataclasses
import re

import pytest

from tests.reports.cause.altered_runs import (
    SMALL,
    cause_of,
    measured,
    slowed,
    waiting_for_a_cpu,
)

pytestmark = pytest.mark.slow


def test_busy_cpus_are_the_cause_of_late_loops_and_it_is_said_whose_work_it_was(evidence_of):
    evidence = slowed(evidence_of(**SMALL, cpu_full=True), queue=500)
    evidence = measured(evidence, "machine_cpu_used_ratio", 0.99)
    finding = cause_of(evidence)
    assert finding.bottleneck.resource == "cpu"
    assert "the app" in finding.cause
    idle = measured(evidence, "machine_cpu_used_ratio", 0.4)
    assert cause_of(idle).bottleneck.resource == "app_loop"
    prompt = measured(idle, "app_event_loop_lag_seconds", 0.002)
    assert cause_of(prompt).bottleneck.resource == "app_queue"


def test_a_pool_that_is_full_because_the_cpu_is_full_is_not_the_bottleneck(evidence_of):
    evidence = evidence_of(**SMALL, pool_exhausted=True)
    evidence = slowed(evidence, waited_for="postgres", pool=900)
    full = cause_of(measured(evidence, "machine_cpu_used_ratio", 0.99))
    assert full.bottleneck.resource == "cpu"
    assert "20 of 20 in use" in full.cause, "where it was waited is told as well"
    idle = cause_of(measured(evidence, "machine_cpu_used_ratio", 0.4))
    assert idle.bottleneck.resource == "postgres"
    assert "too small" in idle.cause


def test_a_lock_that_lets_one_in_at_a_time_is_the_bottleneck_however_busy_the_cpu(evidence_of):
    evidence = evidence_of(**SMALL, plan={"app": {"allocation": "redis_lock"}})
    evidence = slowed(evidence, waited_for="redis_lock", pool=900)
    full = cause_of(measured(evidence, "machine_cpu_used_ratio", 0.99))
    assert full.bottleneck.resource == "redis_lock"


def test_a_blocked_loop_is_not_the_cpu_s_fault_though_others_keep_it_busy(evidence_of):
    evidence = slowed(evidence_of(**SMALL, cpu_full=True), queue=500)
    evidence = measured(evidence, "machine_cpu_used_ratio", 0.99)
    starved = cause_of(waiting_for_a_cpu(evidence, ran=1.0, waited=0.8))
    assert starved.bottleneck.resource == "cpu"
    blocked = cause_of(waiting_for_a_cpu(evidence, ran=0.3, waited=0.05))
    assert blocked.bottleneck.resource == "app_loop"
    assert re.search(r"for only \d\d(\.\d)?% of that time: something blocks them", blocked.cause)
    assert "blocks" not in starved.cause


def test_the_late_worker_is_asked_whether_it_was_blocked_not_the_one_that_works(evidence_of):
    evidence = slowed(evidence_of(**SMALL, cpu_full=True), queue=500)
    evidence = measured(evidence, "machine_cpu_used_ratio", 0.99)
    lags = evidence.metrics["name"] == "app_event_loop_lag_seconds"
    late, other = sorted(evidence.metrics.loc[lags, "source"].astype(str).unique())[:2]
    metrics = evidence.metrics.copy()
    metrics.loc[lags & (metrics["source"].astype(str) == other), "value"] = 0.001
    one_late = dataclasses.replace(evidence, metrics=metrics)
    blocked = waiting_for_a_cpu(one_late, ran=0.3, waited=0.05, pid=late.partition(":")[2])
    assert "something blocks them" in cause_of(blocked).cause
    working = waiting_for_a_cpu(one_late, ran=0.3, waited=0.05, pid=other.partition(":")[2])
    assert cause_of(working).bottleneck.resource == "cpu"


def test_a_worker_whose_processor_the_host_took_is_not_called_blocked(evidence_of):
    stolen = slowed(evidence_of(**SMALL, cpu_full=True, stolen_cores=0.8), queue=500)
    stolen = measured(stolen, "machine_cpu_used_ratio", 0.99)
    assert cause_of(waiting_for_a_cpu(stolen, ran=0.3, waited=0.05)).bottleneck.resource == "cpu"


def test_what_is_awaited_in_a_late_loop_is_the_loops_time(evidence_of):
    late = measured(slowed(evidence_of(**SMALL), redis=400), "app_event_loop_lag_seconds", 0.4)
    assert cause_of(late).bottleneck.resource == "app_loop"
