"""A container's CPU limit is the cause where it is what time was lost to, and nowhere else."""

import dataclasses

import pytest

from dress_rehearsal.reports.pools import find_pools
from dress_rehearsal.reports.trust.coverage import judge_coverage
from tests.reports.cause.altered_runs import SMALL, cause_of, measured, slowed
from tests.reports.contained_runs import contained, workers

pytestmark = pytest.mark.slow


def late(evidence, **parts_ms):
    """The same run whose loops were late, on a machine that has time to spare."""
    evidence = measured(evidence, "machine_cpu_used_ratio", 0.6)
    return slowed(measured(evidence, "app_event_loop_lag_seconds", 0.3), **parts_ms)


def test_an_app_that_was_held_back_lost_its_time_to_its_limit(evidence_of):
    evidence = contained(evidence_of(**SMALL), "app-1", held=1.0, periods=0.61)
    finding = cause_of(late(evidence, queue=600))
    assert finding.bottleneck.resource == "app_cpu_limit"
    assert finding.cause.startswith("Cause of slowness: the app's CPU limit, from T-0")
    assert "(the app was throttled 61% of the time: its limit is 1 CPU)" in finding.cause
    pool = next(f.pool for f in find_pools(evidence) if f.pool.name == "app_cpu_limit")
    assert (pool.max, pool.peak_used, pool.diagnosis) == (1, 1, None)
    assert pool.saturated_at_s == pytest.approx(0, abs=1)
    assert pool.wait_mean_ms == pytest.approx(1e3 / 6.1, rel=0.01)


def test_the_limit_that_held_it_back_is_named_though_a_tighter_one_did_not(evidence_of):
    evidence = contained(evidence_of(**SMALL), "app-1", held=0.0, around={"pod1": (2.0, 1.0)})
    finding = cause_of(late(evidence, queue=600))
    assert finding.bottleneck.resource == "app_cpu_limit"
    assert (
        "(the app was throttled 100% of the time: the limit of pod1, the control group around it, "
        "is 2 CPUs)" in finding.cause
    )
    pool = next(f.pool for f in find_pools(evidence) if f.pool.name == "app_cpu_limit")
    assert pool.max == 2
    assert pool.saturated_at_s == pytest.approx(0, abs=1)
    quiet = contained(evidence_of(**SMALL), "app-1", held=1.0, around={"pod1": (2.0, 0.0)})
    assert "time: its limit is 1 CPU)" in cause_of(late(quiet, queue=600)).cause


def test_with_the_limit_lifted_it_is_the_loops_or_the_machine(evidence_of):
    free = contained(evidence_of(**SMALL), "app-1", limit=None)
    assert cause_of(late(free, queue=600)).bottleneck.resource == "app_loop"
    busy = measured(late(free, queue=600), "machine_cpu_used_ratio", 0.99)
    assert cause_of(busy).bottleneck.resource == "cpu"
    assert not [f for f in find_pools(free) if f.pool.name == "app_cpu_limit"]


def test_a_full_machine_is_not_why_an_app_waits_that_its_limit_held_back(evidence_of):
    evidence = contained(evidence_of(**SMALL), "app-1", held=0.8)
    full = measured(late(evidence, queue=600), "machine_cpu_used_ratio", 0.99)
    assert cause_of(full).bottleneck.resource == "app_cpu_limit"


def test_a_limit_that_is_hardly_met_is_not_the_cause_however_full_the_machine(evidence_of):
    evidence = contained(evidence_of(**SMALL), "app-1", limit=2.0, held=0.05, periods=0.1)
    full = measured(late(evidence, queue=600), "machine_cpu_used_ratio", 0.99)
    assert cause_of(full).bottleneck.resource == "cpu"
    pool = next(f.pool for f in find_pools(evidence) if f.pool.name == "app_cpu_limit")
    assert pool.diagnosis == "healthy"


def test_a_container_that_was_held_back_and_cost_no_time_is_no_cause(evidence_of):
    evidence = contained(evidence_of(**SMALL), "app-1", held=1.0)
    assert cause_of(evidence).bottleneck is None
    elsewhere = contained(evidence_of(**SMALL), "writeback", held=1.0)
    assert cause_of(late(elsewhere, queue=600)).bottleneck.resource == "app_loop"
    slow_database = slowed(evidence, db=900)
    assert cause_of(slow_database).bottleneck.resource == "database"


@pytest.mark.parametrize(
    ("service", "part", "resource"),
    [
        ("postgres", "db", "postgres_cpu_limit"),
        ("redis", "redis", "redis_cpu_limit"),
        ("neighbours", "external", "neighbours_cpu_limit"),
        ("nginx", "way", "nginx_cpu_limit"),
        ("app-1", "own", "app_cpu_limit"),
    ],
)
def test_time_in_what_was_held_back_is_its_limits(evidence_of, service, part, resource):
    slow = slowed(evidence_of(**SMALL), **{part: 700})
    finding = cause_of(contained(slow, service, limit=0.5, used=0.5, held=0.5))
    assert finding.bottleneck.resource == resource
    assert "its limit is 0.5 CPUs" in finding.cause
    some = contained(slow, service, limit=0.9, used=0.9, held=0.1)
    assert cause_of(some).bottleneck.resource != resource


def test_a_loop_that_sleeps_is_not_throttled_by_bursts(evidence_of):
    bursts = contained(evidence_of(**SMALL), "app-1", limit=0.5, used=0.05, held=0.04)
    assert cause_of(late(bursts, queue=600)).bottleneck.resource == "app_loop"


def test_two_containers_are_told_apart_and_a_request_is_of_its_own(evidence_of):
    plain = evidence_of(**SMALL)
    first, second, *_ = workers(plain)
    both = contained(plain, "app-1", held=1.0, periods=0.9, pids=[first])
    both = contained(both, "app-2", held=0.0, pids=[second])
    finding = cause_of(late(both, queue=600))
    assert finding.bottleneck.resource == "app_cpu_limit"
    assert "the limit of each of its 2 containers is 1 CPU (app-1 90%, app-2 0%)" in finding.cause
    of_the_free = late(both, queue=600)
    rows = of_the_free.requests.copy()
    rows["worker"] = rows["worker"].where(rows["worker"].isna(), second)
    spared = dataclasses.replace(of_the_free, requests=rows)
    assert cause_of(spared).bottleneck.resource == "app_loop"


def test_containers_with_limits_of_their_own_are_told_with_them(evidence_of):
    evidence = contained(evidence_of(**SMALL), "app-1", held=1.0)
    evidence = contained(evidence, "app-2", limit=0.5, used=0.5, held=0.6)
    assert (
        "(app-1 100% of 1 CPU, app-2 100% of 0.5 CPUs)" in cause_of(late(evidence, queue=600)).cause
    )


def test_where_the_pools_holders_are_held_back_a_larger_pool_would_not_help(evidence_of):
    waiting = slowed(evidence_of(**SMALL), waited_for="postgres", pool=900)
    held = contained(waiting, "app-1", held=1.0)
    lag = measured(held, "app_event_loop_lag_seconds", 0.3)
    assert cause_of(lag).bottleneck.resource in ("app_cpu_limit", "postgres")


def test_where_nobody_looked_at_the_containers_their_limit_is_not_healthy(evidence_of):
    evidence = contained(evidence_of(**SMALL), "app-1")
    metrics = evidence.metrics
    hidden = (metrics["source"] == "containers") & metrics["t_ns"].between(
        evidence.t0_ns, evidence.t0_ns + 3_000_000_000
    )
    silent = dataclasses.replace(evidence, metrics=metrics[~hidden])
    pool = next(f.pool for f in find_pools(silent) if f.pool.name == "app_cpu_limit")
    assert pool.diagnosis == "not_measured"


def test_a_worker_that_its_limit_silenced_is_not_unknown(evidence_of):
    silent = evidence_of(**SMALL, silent=(("app", 0.1, 3.5),))
    slow = late(silent, queue=900)
    assert (
        "not decided, for nothing was heard of 2 of the app's workers from" in cause_of(slow).cause
    )
    assert len(judge_coverage(slow)) == 1
    pids = workers(silent)
    starved = contained(slow, "app-1", limit=0.1, used=0.1, held=0.9, pids=pids)
    assert cause_of(starved).bottleneck.resource == "app_cpu_limit"
    assert not judge_coverage(starved)
    pools = {found.pool.name: found.pool.diagnosis for found in find_pools(starved)}
    assert pools["redis"] == "not_measured", "what its pools did meanwhile nobody knows"
    spared = contained(slow, "app-1", limit=0.1, used=0.05, held=0.01, pids=pids)
    assert "not decided" in cause_of(spared).cause


def test_where_nobody_counted_what_a_container_used_its_limit_still_is_the_cause(evidence_of):
    """Version 1 has a tree for the limit and another one for what was used."""
    evidence = contained(evidence_of(**SMALL), "app-1", limit=0.3, used=0.3, held=0.7)
    metrics = evidence.metrics
    counted = metrics["name"] == "container_cpu_usage_seconds_total"
    uncounted = dataclasses.replace(evidence, metrics=metrics[~counted])
    full = measured(late(uncounted, queue=600), "machine_cpu_used_ratio", 0.99)
    assert cause_of(full).bottleneck.resource == "app_cpu_limit"
    pool = next(f.pool for f in find_pools(uncounted) if f.pool.name == "app_cpu_limit")
    assert pool.peak_used is None
    held = metrics["name"] == "container_cpu_cfs_throttled_seconds_total"
    unknown = dataclasses.replace(evidence, metrics=metrics[~counted & ~held])
    pool = next(f.pool for f in find_pools(unknown) if f.pool.name == "app_cpu_limit")
    assert pool.diagnosis == "not_measured"
