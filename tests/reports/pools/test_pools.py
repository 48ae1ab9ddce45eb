"""Whatever is waited for is found, with its first moment and its reason; full alone is no crime."""

import dataclasses
import re
from functools import partial

import numpy as np
import pandas as pd
import pytest

from dress_rehearsal.plans.sections.load import Load
from dress_rehearsal.records.tables import CLIENT_POOLS
from dress_rehearsal.reports.pools import POOL_NAMES, PoolFinding, find_pools
from dress_rehearsal.reports.pools.client import told_second
from dress_rehearsal.reports.pools.cpu_limits import CPU_LIMITS
from dress_rehearsal.reports.pools.diagnosis import Saturated, saturations
from tests.reports.clock_setting import clock_set
from tests.reports.contained_runs import listening
from tests.reports.synthetic_defects import WAIT_EDGES

pytestmark = pytest.mark.slow

NEVER = Saturated((), ())
_USE = "db_client_connection_use_time_seconds"
_PATIENCE_2S = {"app": {"postgres_pool_timeout": "2s"}}


def of_its_own(evidence, own):
    """A strategy's own pool in the same run, where the defects of PostgreSQL's pool are its."""
    renamed = evidence.metrics.copy()
    texts = renamed["labels"].astype(str)
    ours = texts.str.contains(f'"pool":"{own}"', regex=False)
    renamed["labels"] = texts.str.replace('"pool":"postgres"', f'"pool":"{own}"', regex=False)
    metrics = renamed[~ours].astype({"labels": "category"})
    found = find_pools(dataclasses.replace(evidence, metrics=metrics))
    return next(finding.pool for finding in found if finding.pool.name == own)


def test_a_healthy_run_waits_for_nothing(pools_of):
    pools = pools_of()
    elsewhere = {"redis_lock", "sqs", "kafka", "enrolment", *CPU_LIMITS}
    assert tuple(pools) == tuple(name for name in POOL_NAMES if name not in elsewhere)
    assert {pool.saturated_at_s for pool in pools.values()} == {None}
    assert {pool.diagnosis for pool in pools.values()} == {"healthy"}
    assert {pool.undecided for pool in pools.values()} == {None}


def test_levels_are_added_up_over_the_workers(pools_of):
    pools = pools_of(workers=3)
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
            {"diagnosis": "lock_wait"},
            id="waiting for a lock is not holding",
        ),
        pytest.param(
            {"late_loops": True},
            "postgres",
            {"diagnosis": None},
            id="a late loop makes every hold long",
        ),
        pytest.param(
            {"nested": True, "plan": _PATIENCE_2S},
            "postgres",
            {"peak_used": 20, "leaked": 0, "diagnosis": "nested_acquire"},
            id="all used, none active in the database",
        ),
        pytest.param(
            {"nested": True, "in_transaction": False, "plan": _PATIENCE_2S},
            "postgres",
            {"peak_used": 20, "leaked": 0, "diagnosis": "nested_acquire"},
            id="given back when the wait ran out, whether in a transaction or not",
        ),
        pytest.param(
            {"leak_fills": True},
            "postgres",
            {"peak_used": 20, "leaked": 20, "diagnosis": "leak"},
            id="leaked until the pool was gone",
        ),
        pytest.param(
            {"leak_fills": True, "in_transaction": True, "plan": _PATIENCE_2S},
            "postgres",
            {"peak_used": 20, "leaked": 20, "diagnosis": "leak"},
            id="leaked in the midst of transactions",
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
    pools = pools_of(**defects)
    pool = pools[name].model_dump()
    assert {key: pool[key] for key in expected} == expected
    if expected.get("diagnosis") == "healthy":
        return
    assert -1 <= pool["saturated_at_s"] <= 1


def test_of_a_span_that_second_is_told_in_which_most_waited():
    """A pool that was first waited for long before the rush was told with that moment's figures."""
    looks = np.arange(40)
    waiting = np.select([looks == 2, (looks >= 20) & (looks < 28)], [3, 100 * (looks - 19)], 0)
    frame = pd.DataFrame(
        {
            "t_ns": looks * 250_000_000,
            "pending": np.where(looks == 30, np.nan, waiting),
            "waited": np.where(looks == 30, 5, 0),
            "saturated": (waiting > 0) | (looks == 30),
        }
    )

    def figures(second):
        return f"{second['pending'].max():.0f} waiting in {len(second)} looks"

    words = partial(told_second, frame, 1_000_000_000, figures)

    finding = PoolFinding(None, "3 waiting", NEVER, frame, words, "; and so on")
    assert finding.during(15 * 250_000_000, 10**10) == (
        "in the second from T-0 + 5.5 s on: 800 waiting in 4 looks; and so on"
    )
    assert finding.during(29 * 250_000_000, 10**10) == (
        "in the second from T-0 + 6.25 s on: 0 waiting in 4 looks; and so on"
    )
    assert finding.during(32 * 250_000_000, 10**10) == "3 waiting"
    assert PoolFinding(None, "full", NEVER).during(0, 10**10) == "full"
    between = 26 * 250_000_000 + 10_000_000, 27 * 250_000_000 - 10_000_000  # of two looks
    assert finding.during(*between).endswith("on: 800 waiting in 4 looks; and so on")


def test_the_second_of_somebody_elses_slow_metrics_is_as_long_as_between_two_looks():
    frame = pd.DataFrame({"t_ns": np.arange(4) * 5_000_000_000})
    assert told_second(frame, 0, lambda own: f"{len(own)} look", 2) == (
        "in the 5 s from T-0 + 5 s on: 1 look"
    )
    assert told_second(frame, None, lambda own: f"{len(own)} look", 2) == "1 look"


@pytest.mark.parametrize(
    ("begun_s", "first_s", "in_rush_s"),
    [
        pytest.param([-19.25, -0.5, 3.0], -19.25, -0.5, id="before the sale, and again at T-0"),
        pytest.param([-19.25, -12.0], -19.25, None, id="before the sale alone"),
        pytest.param([2.0, 0.25], 0.25, 0.25, id="in the rush alone"),
        pytest.param([], None, None, id="never"),
    ],
)
def test_what_saturated_before_the_sale_is_told_apart_from_the_rush(begun_s, first_s, in_rush_s):
    begun_ns = np.array(begun_s) * 1e9 + 10**12
    found = saturations(Saturated(begun_ns, begun_ns + 25e7), 10**12)
    assert found == {"saturated_at_s": first_s, "saturated_in_rush_s": in_rush_s}
    assert set(saturations(Saturated(begun_ns, begun_ns), None).values()) == {None}
    ends = ((1.0, -1.0), (-1.0, None))  # by when a long interval ended, whether it was of the rush
    for ended_s, of_rush_s in ends:
        found = saturations(Saturated([-4_000_000_000], [ended_s * 1e9]), 0)
        assert found == {"saturated_at_s": -4.0, "saturated_in_rush_s": of_rush_s}


def test_a_full_pool_tells_of_its_waits_what_its_histogram_knows(evidence_of):
    """Each waited up to half a second: between which two edges the p99 lies is all that is told."""
    found = {each.pool.name: each for each in find_pools(evidence_of(pool_exhausted=True))}
    full, idle = found["postgres"].pool, found["app_loop"].pool
    assert full.wait_p99_low_ms < full.wait_p99_ms <= full.wait_p99_high_ms
    low, high = (WAIT_EDGES[WAIT_EDGES.index(full.wait_p99_high_ms / 1e3) + by] for by in (-1, 0))
    assert (full.wait_p99_low_ms, full.wait_p99_high_ms) == (1e3 * low, 1e3 * high)
    assert re.search(r"\(p99 [\d,.]+ to [\d,.]+ ms\)", found["postgres"].evidence)
    assert idle.wait_p99_low_ms is None, "that was measured, request by request"


@pytest.mark.parametrize(
    ("defects", "diagnosis"),
    [
        pytest.param({}, "undersized", id="with time to spare"),
        pytest.param({"cpu_full": True}, None, id="the CPUs were full: more would not have helped"),
    ],
)
def test_a_pool_is_too_small_only_where_a_larger_one_could_help(pools_of, defects, diagnosis):
    pool = pools_of(pool_exhausted=True, **defects)["postgres"]
    assert pool.diagnosis == diagnosis
    assert (pool.undecided is None) == (diagnosis is not None)


def test_a_pool_that_was_waited_for_while_the_cpus_were_full_says_why_it_is_undecided(pools_of):
    said = pools_of(pool_exhausted=True, cpu_full=True)["postgres"].undecided
    looks, late, busy = map(
        int,
        re.match(
            r"of (\d+) looks at which it was full and waited for, event loops ran 50 ms late or "
            r"more in (\d+) and the CPUs were 95% busy or more in (\d+): more connections",
            said,
        ).groups(),
    )
    assert looks / 2 <= max(late, busy) <= looks


def test_how_long_a_connection_was_held_is_told_of_pools_that_gave_any_back(pools_of):
    usual = pools_of()["postgres"].hold_mean_ms
    assert 0 < usual < 50
    assert pools_of(slow_holder=True)["postgres"].hold_mean_ms > 3 * usual
    nothing = pools_of(allocation="redis_writeback", without_metrics=[_USE])
    assert nothing["postgres"].hold_mean_ms is None
    others = set(POOL_NAMES) - set(CLIENT_POOLS)
    assert {pool.hold_mean_ms for name, pool in pools_of().items() if name in others} == {None}


def test_a_send_is_as_long_as_its_queue_s_service_takes_and_says_so(evidence_of):
    found = of_its_own(evidence_of(allocation="sqs_writeback", slow_holder=True), "sqs")
    assert found.diagnosis is None
    assert "as long as the queue's service takes" in found.undecided
    lock = of_its_own(evidence_of(allocation="redis_lock", slow_holder=True), "redis_lock")
    assert lock.undecided is None, "one is meant: its size is no question"


def test_busy_cpus_that_make_nothing_late_did_not_saturate(pools_of):
    pools = pools_of(cpu_full=True, without_metrics=["app_event_loop"])
    assert (pools["cpu"].peak_used, pools["cpu"].saturated_at_s) == (1, None)
    assert pools["cpu"].diagnosis == "not_measured", "no loop of the app's was there to be late"
    assert pools_of(without_metrics=["app_event_loop"])["cpu"].diagnosis == "healthy"


def test_a_full_pool_nobody_waits_for_is_healthy(pools_of):
    pools = pools_of(plan={"app": {"postgres_pool": 4}})
    assert pools["postgres"].peak_used == pools["postgres"].max == 8
    assert pools["postgres"].diagnosis == "healthy"


def test_a_database_that_is_down_is_no_deadlock(pools_of):
    pools = pools_of(nested=True, plan=_PATIENCE_2S, without_metrics=["pg_"])
    assert pools["postgres"].diagnosis != "nested_acquire"


def test_a_pool_that_stands_still_for_longer_than_a_wait_may_last_is_no_deadlock(pools_of):
    pools = pools_of(nested=True, plan={"app": {"postgres_pool_timeout": "500ms"}})
    assert pools["postgres"].diagnosis != "nested_acquire"


@pytest.mark.parametrize(
    ("allocation", "own", "most"),
    [
        ("redis_lock", "redis_lock", 2),
        ("sqs_writeback", "sqs", 16),
        ("kafka_writeback", "kafka", 16),
        ("row_lock", None, None),
    ],
)
def test_the_pools_of_a_strategy_are_there_where_it_is_used(pools_of, allocation, own, most):
    pools = pools_of(allocation=allocation)
    assert {"redis_lock", "sqs", "kafka"} & set(pools) == ({own} if own else set())
    if own:
        assert (pools[own].max, pools[own].leaked, pools[own].diagnosis) == (most, 0, "healthy")


@pytest.mark.parametrize(
    ("allocation", "own", "defects", "diagnosis"),
    [
        pytest.param("redis_lock", "redis_lock", {"slow_holder": True}, None, id="others' lock"),
        pytest.param("redis_lock", "redis_lock", {"pool_exhausted": True}, None, id="one is meant"),
        pytest.param("sqs_writeback", "sqs", {"slow_holder": True}, None, id="SQS takes long"),
        pytest.param(
            "kafka_writeback", "kafka", {"slow_holder": True}, None, id="Kafka takes long"
        ),
        pytest.param(
            "sqs_writeback", "sqs", {"pool_exhausted": True}, "undersized", id="too few calls"
        ),
        pytest.param("sqs_writeback", "sqs", {"leak": 2}, "leak", id="turns never given back"),
    ],
)
def test_the_app_is_not_accused_of_what_others_do_to_a_strategys_own_pool(
    evidence_of, allocation, own, defects, diagnosis
):
    found = of_its_own(evidence_of(allocation=allocation, **defects), own)
    assert found.diagnosis == diagnosis
    if diagnosis != "leak":
        assert found.saturated_at_s is not None


@pytest.mark.parametrize("allocation", ["redis_writeback", "sqs_writeback", "kafka_writeback"])
def test_rows_that_never_come_show_in_the_writers_oldest_entry(pools_of, allocation):
    pools = pools_of(allocation=allocation, rows_dropped=3)
    assert pools["write_back"].saturated_at_s is not None
    pools = pools_of(allocation=allocation)
    assert pools["write_back"].diagnosis == "healthy"
    assert pools["write_back"].peak_pending > 0


def test_rows_that_were_written_while_the_clock_leapt_were_not_late(evidence_of):
    crowd = {"students": 2_000, "tickets": 1_000}
    found = find_pools(clock_set(evidence_of, 9, 0.3, **crowd))
    assert {f.pool.name: f.pool.diagnosis for f in found}["write_back"] == "not_measured"
    late = find_pools(evidence_of(**crowd, writeback_slow=True))
    assert {f.pool.name: f.pool.saturated_at_s for f in late}["write_back"] is not None


def test_what_was_not_measured_is_left_out(pools_of):
    pools = pools_of(without_metrics=["db_client", "machine_cpu"], allocation="naive")
    assert not {"postgres", "redis", "cpu", "write_back"} & set(pools)


def test_without_t0_nothing_has_a_moment(pools_of):
    pools = pools_of(no_t0=True)
    assert pools["postgres"].saturated_at_s is None


LENGTHS = ["listen_queue_length", "listen_queue_limit"]


def test_what_somebody_elses_socket_turned_away_is_not_the_targets(pools_of):
    """`ListenOverflows` counts the whole machine's; a socket's own drops tell whose they were."""
    pools = pools_of(accept_overflows=9, accept_drops=0, without_metrics=LENGTHS)
    assert (pools["accept_queue"].diagnosis, pools["accept_queue"].timeouts) == ("healthy", 0)


def test_drops_alone_tell_of_a_full_accept_queue(pools_of):
    pools = pools_of(accept_overflows=1, without_metrics=LENGTHS)
    assert pools["accept_queue"].timeouts == 1
    assert pools["accept_queue"].saturated_at_s is not None


def test_a_slow_pace_of_collecting_still_shows_the_wait(pools_of):
    pools = pools_of(pool_exhausted=True, plan={"collect": {"interval": "1s"}})
    assert pools["postgres"].saturated_at_s is not None
    assert pools["postgres"].peak_pending == 50


def test_a_pace_of_zero_is_no_reason_to_fall_over(evidence_of):
    evidence = evidence_of(pool_exhausted=True)
    collect = evidence.plan.collect.model_copy(update={"interval": 0.0})
    plan = evidence.plan.model_copy(update={"collect": collect})
    evidence = dataclasses.replace(evidence, plan=plan)
    found = find_pools(evidence)
    assert {f.pool.name: f.pool.saturated_at_s for f in found}["postgres"] is not None


def test_nobody_measures_a_generators_loop_by_users_who_mean_nothing_beforehand(evidence_of):
    evidence = evidence_of()
    assert "generator_loop" in {finding.pool.name for finding in find_pools(evidence)}
    closed = evidence.plan.model_copy(update={"load": Load()})
    found = find_pools(dataclasses.replace(evidence, plan=closed))
    assert "generator_loop" not in {finding.pool.name for finding in found}


def test_a_container_that_turns_connections_away_overflows_as_the_host_does(evidence_of):
    evidence = listening(evidence_of(), "nginx", drops=40)
    found = next(f for f in find_pools(evidence) if f.pool.name == "accept_queue")
    assert found.pool.timeouts == 40
    assert found.pool.saturated_at_s == pytest.approx(0, abs=0.5)
    unasked = listening(evidence_of(), "postgres", drops=40, length=128)
    found = next(f for f in find_pools(unasked) if f.pool.name == "accept_queue")
    assert (found.pool.timeouts, found.pool.diagnosis) == (0, "healthy"), "no student asks there"
    unknown = listening(evidence_of(), "app-2", drops=40, limit=None)
    found = next(f for f in find_pools(unknown) if f.pool.name == "accept_queue")
    assert found.pool.timeouts == 40, "though its limit is not known"


def test_of_several_accept_queues_the_fullest_is_told_of(evidence_of):
    """nginx' long one, a quarter full, was told as what filled up, with its own limit."""
    evidence = listening(evidence_of(), "nginx", drops=0, length=900, limit=4096)
    evidence = listening(evidence, "app-1", drops=0, length=129, limit=128)
    found = next(f for f in find_pools(evidence) if f.pool.name == "accept_queue")
    assert (found.pool.max, found.pool.peak_used) == (128, 129)
    assert found.evidence.startswith("128 connections filled the accept queue")
