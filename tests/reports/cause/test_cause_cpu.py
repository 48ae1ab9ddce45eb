"""The CPU and the event loops as a cause: who kept them busy, and who was blocked by himself."""

import dataclasses
import re

import numpy as np
import pytest

from dress_rehearsal.reports.cause.cpu_use import CpuUse, Spans, cpu_use, cpu_words
from dress_rehearsal.reports.pools import find_pools
from tests.reports.cause.altered_runs import (
    SECOND,
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
    waits = (
        r"it shows as waits for the PostgreSQL pool, in the second from T-0.* on: 20 of 20 in use"
    )
    assert re.search(waits, full.cause), "where it was waited, and when, is told as well"
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


def told(use):
    """The share, the cores in use, and what each took, out of the words on them."""
    words = cpu_words(use)
    share, whole = re.match(r"all CPUs were ([\d.]+)% busy: ([\d.]+) of", words).groups()
    each = [float(cores) for cores in re.findall(r", [A-Za-z -]+ ([\d.]+)", words)]
    return float(share), float(whole), each


@pytest.mark.parametrize(
    "cores",
    [
        pytest.param(
            {"the app": 1.041, "the generator": 0.604, "Redis": 0.04}, id="little is left"
        ),
        pytest.param({"the app": 1.234, "other programs": 0.716}, id="all of it is known"),
        pytest.param({}, id="nobody is known"),
    ],
)
def test_the_cpus_that_each_used_add_up_to_how_busy_all_were(cores):
    share, whole, each = told(CpuUse(0.975, cores, 2.0))
    assert whole == pytest.approx(2 * share / 100, abs=0.006)
    assert sum(each) == pytest.approx(whole, abs=1e-9)


def test_counters_that_were_read_at_other_instants_are_not_made_to_fit():
    words = cpu_words(CpuUse(0.975, {"the app": 1.2, "Redis": 0.8}, 2.0))
    assert "together 0.05 more than that, for they are read at other instants" in words
    assert "all else" not in words


def test_of_very_many_cpus_they_add_up_too():
    words = cpu_words(CpuUse(0.9606, {"the app": 9.87, "PostgreSQL": 5.25}, 16.0))
    assert words.endswith("15.37 of 16 cores, the app 9.87, PostgreSQL 5.25, all else 0.25")


def test_without_a_count_of_the_cpus_there_is_no_remainder():
    words = cpu_words(CpuUse(0.975, {"the app": 1.2}, None))
    assert words == "all CPUs were 97.5% busy, in cores: the app 1.2"


def test_of_a_short_burst_share_and_cores_are_of_its_own_seconds(evidence_of):
    evidence = measured(evidence_of(**SMALL), "machine_cpu_used_ratio", 0.96)
    metrics = evidence.metrics.copy()
    own = (metrics["name"] == "process_cpu_seconds_total").to_numpy(dtype=bool)
    since_s = (metrics.loc[own, "t_ns"] - evidence.t0_ns) / 1e9
    # All of them together kept both CPUs busy for the first second, and then did nothing.
    number = metrics.loc[own, "labels"].nunique()
    metrics.loc[own, "value"] = 1.92 / number * since_s.clip(0, 1)
    evidence = dataclasses.replace(evidence, metrics=metrics)
    begin, ends = np.full(4, evidence.t0_ns), evidence.t0_ns + np.arange(1, 5) * SECOND // 4
    use = cpu_use(evidence, Spans(begin + SECOND // 4, ends + SECOND // 4, np.ones(4)))
    assert use.share == pytest.approx(0.96, abs=0.01)
    ours = sum(cores for who, cores in use.cores.items() if who != "other programs")
    assert 1.4 < ours < 1.93, "what it took over all the seconds of the run would be far less"


def test_the_share_is_of_the_time_before_each_look():
    t_ns = np.arange(5) * SECOND
    burst = np.cumsum([0.0, 0.0, 1.0, 0.0, 0.0])  # busy from 1 s to 2 s, told at 2 s
    inside, after = (Spans(np.array([at]), np.array([at + SECOND]), np.ones(1)) for at in t_ns[1:3])
    assert (inside.grown(t_ns, burst), after.grown(t_ns, burst)) == (1.0, 0.0)
    empty = Spans(t_ns[2:3], t_ns[2:3], np.ones(1))
    assert empty.grown(t_ns, burst) == 0.0, "of no time at all there is no share, and no error"


def test_of_a_pool_is_told_what_was_seen_while_it_was_waited_for_and_not_before(evidence_of):
    """Three seconds before T-0 two requests waited, for half a second."""
    evidence = slowed(evidence_of(**SMALL, pool_exhausted=True), waited_for="postgres", pool=900)
    metrics = evidence.metrics.copy()
    early = metrics["t_ns"].between(evidence.t0_ns - 3 * SECOND, evidence.t0_ns - 2.5 * SECOND)
    of_pool = metrics["labels"].astype(str).str.contains('"pool":"postgres"', regex=False)
    used = metrics["labels"].astype(str).str.contains('"state":"used"', regex=False)
    metrics.loc[early & of_pool & (metrics["name"] == "db_client_connections") & used, "value"] = 10
    pending = metrics["name"] == "db_client_connection_pending_requests"
    metrics.loc[early & of_pool & pending, "value"] = 1
    before = dataclasses.replace(evidence, metrics=metrics)
    (pool,) = (each.pool for each in find_pools(before) if each.pool.name == "postgres")
    assert -4 < pool.saturated_at_s < -2
    for busy in (0.99, 0.4):
        told = cause_of(measured(before, "machine_cpu_used_ratio", busy)).cause
        assert told == cause_of(measured(evidence, "machine_cpu_used_ratio", busy)).cause
        assert "2 waiting" not in told
