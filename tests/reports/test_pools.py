"""Whatever is waited for is found, with its first moment and its reason; full alone is no crime."""

import dataclasses

import pytest

from reports.bottleneck import find_bottleneck
from reports.latency import latency_frame
from reports.pools import POOL_NAMES, find_pools
from reports.samples import Samples


@pytest.fixture
def pools_of(evidence_of):
    def pools(**arguments):
        evidence = evidence_of(**arguments)
        found = find_pools(evidence, Samples(evidence.metrics), latency_frame(evidence))
        return {finding.pool.name: finding.pool for finding in found}, find_bottleneck(found)

    return pools


def test_a_healthy_run_waits_for_nothing(pools_of):
    pools, bottleneck = pools_of()
    assert tuple(pools) == tuple(name for name in POOL_NAMES if name != "enrolment")
    assert {pool.saturated_at_s for pool in pools.values()} == {None}
    assert {pool.diagnosis for pool in pools.values()} == {"healthy"}
    assert bottleneck is None


def test_levels_are_added_up_over_the_workers(pools_of):
    pools, _ = pools_of(workers=3)
    assert (pools["postgres"].max, pools["redis"].max) == (30, 192)
    assert pools["postgres"].peak_used == 12
    assert pools["postgres"].wait_p99_ms < 1


@pytest.mark.parametrize(
    ("defects", "name", "expected"),
    [
        pytest.param(
            {"pool_exhausted": True},
            "postgres",
            {"peak_used": 20, "peak_pending": 50, "diagnosis": "undersized"},
            id="all in use, use time as ever: too small",
        ),
        pytest.param(
            {"slow_holder": True},
            "postgres",
            {"peak_used": 20, "diagnosis": "slow_holder"},
            id="use time rose before anybody waited: held too long",
        ),
        pytest.param(
            {"slow_from_start": True},
            "postgres",
            {"peak_used": 20, "diagnosis": "slow_holder"},
            id="held long from the first purchase on: nothing to compare with",
        ),
        pytest.param(
            {"lock_waits": True},
            "postgres",
            {"diagnosis": "undersized"},
            id="waiting for a lock is not holding",
        ),
        pytest.param(
            {"late_loops": True},
            "postgres",
            {"diagnosis": None},
            id="a late loop makes every hold long",
        ),
        pytest.param(
            {"nested": True, "plan": {"app": {"postgres_pool_timeout": "2s"}}},
            "postgres",
            {"peak_used": 20, "leaked": 0, "diagnosis": "nested_acquire"},
            id="all used, none active in the database",
        ),
        pytest.param(
            {"leak_fills": True},
            "postgres",
            {"peak_used": 20, "leaked": 20, "diagnosis": "leak"},
            id="leaked until the pool was gone",
        ),
        pytest.param(
            {"slow_holder": True, "plan": {"app": {"enrolment": "external"}}},
            "enrolment",
            {"max": 100, "diagnosis": "healthy"},
            id="another pool that is well",
        ),
        pytest.param(
            {"pool_timeouts": 4}, "postgres", {"timeouts": 4}, id="waits that ran out are waits"
        ),
        pytest.param(
            {"writeback_slow": True},
            "write_back",
            {"max": None},
            id="rows that come seconds after their grant",
        ),
        pytest.param(
            {"accept_overflows": 9},
            "accept_queue",
            {"timeouts": 9, "peak_used": 4096, "max": 4096},
            id="connections the kernel dropped",
        ),
        pytest.param({"cpu_full": True}, "cpu", {"peak_used": 1}, id="busy and late"),
        pytest.param(
            {"generator_late_ms": 1500}, "generator_loop", {"max": None}, id="our own loop"
        ),
    ],
)
def test_saturation_is_found_with_its_moment(pools_of, defects, name, expected):
    pools, bottleneck = pools_of(**defects)
    pool = pools[name].model_dump()
    assert {key: pool[key] for key in expected} == expected
    if expected.get("diagnosis") == "healthy":
        return
    assert -1 <= pool["saturated_at_s"] <= 1
    assert bottleneck.evidence.endswith(".")
    if name != "cpu" and "late_loops" not in defects:  # the app's loop is late at the same time
        assert bottleneck.resource == name


def test_busy_cpus_that_make_nothing_late_are_no_bottleneck(pools_of):
    pools, bottleneck = pools_of(cpu_full=True, without_metrics=["app_event_loop"])
    assert pools["cpu"].peak_used == 1
    assert bottleneck is None


def test_a_full_pool_nobody_waits_for_is_healthy(pools_of):
    pools, _ = pools_of(plan={"app": {"postgres_pool": 4}})
    assert pools["postgres"].peak_used == pools["postgres"].max == 8
    assert pools["postgres"].diagnosis == "healthy"


def test_a_connection_still_used_at_rest_is_leaked(pools_of):
    pools, _ = pools_of(leak=2)
    assert (pools["postgres"].leaked, pools["postgres"].diagnosis) == (2, "leak")
    assert pools["redis"].leaked == 0


@pytest.mark.parametrize("rest_s", [1.2, 2.0])
def test_a_leak_is_seen_in_a_short_rest(pools_of, rest_s):
    pools, _ = pools_of(leak=2, rest_s=rest_s)
    assert (pools["postgres"].leaked, pools["postgres"].diagnosis) == (2, "leak")
    pools, _ = pools_of(rest_s=rest_s)
    assert (pools["postgres"].leaked, pools["postgres"].diagnosis) == (0, "healthy")


@pytest.mark.parametrize(
    ("defects", "timeout", "leaked"),
    [
        pytest.param({"leak_fills": True}, "2s", 20, id="longer than a wait may last"),
        pytest.param({"leak_fills": True}, "8s", 20, id="and the database has nothing to do"),
        pytest.param(
            {"leak_fills": True, "without_metrics": ["pg_"]}, "8s", None, id="nobody asked it"
        ),
        pytest.param({"nested": True}, "8s", None, id="in a transaction, and not yet given up"),
        pytest.param({}, "2s", None, id="healthy"),
    ],
)
def test_without_rest_what_is_out_for_too_long_is_leaked(evidence_of, defects, timeout, leaked):
    evidence = evidence_of(**defects, plan={"app": {"postgres_pool_timeout": timeout}})
    last = evidence.requests["done_ns"].max()
    cut = dataclasses.replace(evidence, metrics=evidence.metrics[evidence.metrics["t_ns"] < last])
    frame = latency_frame(cut)
    (pool,) = [
        finding.pool
        for finding in find_pools(cut, Samples(cut.metrics), frame)
        if finding.pool.name == "postgres"
    ]
    assert pool.leaked == leaked


@pytest.mark.parametrize(("active", "leaked"), [(1.0, None), (0.0, 3)])
def test_what_a_request_still_holds_after_its_student_left_is_not_leaked(
    evidence_of, active, leaked
):
    evidence = evidence_of(rest_s=2.0)
    metrics = evidence.metrics.copy()
    after = metrics["t_ns"] > evidence.requests["done_ns"].max()
    metrics.loc[after & (metrics["name"] == "http_server_active_requests"), "value"] = active
    used = metrics["labels"] == '{"pool":"postgres","state":"used"}'
    metrics.loc[after & used & (metrics["source"] == "app:4101"), "value"] = 3.0
    changed = dataclasses.replace(evidence, metrics=metrics)
    found = find_pools(changed, Samples(metrics), latency_frame(evidence))
    assert found[0].pool.leaked == leaked


def test_a_database_that_is_down_is_no_deadlock(pools_of):
    arguments = {"nested": True, "plan": {"app": {"postgres_pool_timeout": "2s"}}}
    pools, _ = pools_of(**arguments, without_metrics=["pg_"])
    assert pools["postgres"].diagnosis != "nested_acquire"


def test_a_pool_that_stands_still_for_longer_than_a_wait_may_last_is_no_deadlock(pools_of):
    pools, _ = pools_of(nested=True, plan={"app": {"postgres_pool_timeout": "500ms"}})
    assert pools["postgres"].diagnosis != "nested_acquire"


@pytest.mark.parametrize("allocation", ["redis_writeback", "sqs_writeback"])
def test_rows_that_never_come_show_in_the_writers_oldest_entry(pools_of, allocation):
    pools, _ = pools_of(allocation=allocation, rows_dropped=3)
    assert pools["write_back"].saturated_at_s is not None
    pools, _ = pools_of(allocation=allocation)
    assert pools["write_back"].diagnosis == "healthy"
    assert pools["write_back"].peak_pending > 0


def test_rest_must_have_been_watched_to_speak_of_a_leak(pools_of):
    pools, _ = pools_of(leak=2, killed=True)
    assert pools["postgres"].leaked is None


def test_the_first_to_saturate_is_the_bottleneck(pools_of):
    _, bottleneck = pools_of(pool_timeouts=4, accept_overflows=3)
    assert bottleneck.resource == "accept_queue"  # at T-0; the waits ran out a second later


def test_what_was_not_measured_is_left_out(pools_of):
    pools, _ = pools_of(without_metrics=["db_client", "machine_cpu"], allocation="naive")
    assert not {"postgres", "redis", "cpu", "write_back"} & set(pools)


def test_without_t0_nothing_has_a_moment(pools_of):
    pools, bottleneck = pools_of(no_t0=True)
    assert pools["postgres"].saturated_at_s is None
    assert bottleneck is None


def test_overflows_alone_tell_of_a_full_accept_queue(pools_of):
    _, bottleneck = pools_of(accept_overflows=1, without_metrics=["listen_queue"])
    assert bottleneck.resource == "accept_queue"
    assert bottleneck.evidence == "The kernel dropped 1 connection."


def test_a_slow_pace_of_collecting_still_shows_the_wait(pools_of):
    pools, bottleneck = pools_of(pool_exhausted=True, plan={"collect": {"interval": "1s"}})
    assert bottleneck.resource == "postgres"
    assert pools["postgres"].peak_pending == 50


def test_a_pace_of_zero_is_no_reason_to_fall_over(evidence_of):
    evidence = evidence_of(pool_exhausted=True)
    collect = evidence.plan.collect.model_copy(update={"interval": 0.0})
    plan = evidence.plan.model_copy(update={"collect": collect})
    evidence = dataclasses.replace(evidence, plan=plan)
    found = find_pools(evidence, Samples(evidence.metrics), latency_frame(evidence))
    assert find_bottleneck(found).resource == "postgres"
