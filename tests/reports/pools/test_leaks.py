"""A connection that is never given back is a leak; one that is only held for long is none."""

import dataclasses

import pytest

from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.reports.pools import find_pools
from dress_rehearsal.reports.pools.client import find_client_pools, run_grid

pytestmark = pytest.mark.slow


def cut_before(evidence, end_ns):
    """Judge the PostgreSQL pool as if the record had ended there, and there were no other."""
    requests = evidence.requests[evidence.requests["sent_ns"] < end_ns].copy()
    requests.loc[requests["done_ns"] >= end_ns, ["done_ns", "read_ns"]] = None
    metrics = evidence.metrics
    elsewhere = [text for text in metrics["labels"].cat.categories if '"pool":"redis"' in text]
    metrics = metrics[(metrics["t_ns"] < end_ns) & ~metrics["labels"].isin(elsewhere)]
    cut = dataclasses.replace(evidence, metrics=metrics, requests=requests)
    (postgres,) = find_client_pools(cut, run_grid(cut))
    return postgres


def test_no_leak_is_claimed_while_a_loop_is_late(evidence_of):
    evidence = evidence_of(leak=2)
    metrics = evidence.metrics.copy()
    metrics.loc[metrics["name"] == "app_event_loop_lag_seconds", "value"] = 1.0
    found = find_pools(dataclasses.replace(evidence, metrics=metrics))
    assert not {pool.pool.name: pool.pool.leaked for pool in found}["postgres"]


def test_a_connection_still_used_at_rest_is_leaked(pools_of):
    pools = pools_of(leak=2)
    assert (pools["postgres"].leaked, pools["postgres"].diagnosis) == (2, "leak")
    assert pools["redis"].leaked == 0


@pytest.mark.parametrize("rest_s", [1.2, 2.0])
def test_a_leak_is_seen_in_a_short_rest(pools_of, rest_s):
    pools = pools_of(leak=2, rest_s=rest_s)
    assert (pools["postgres"].leaked, pools["postgres"].diagnosis) == (2, "leak")
    pools = pools_of(rest_s=rest_s)
    assert (pools["postgres"].leaked, pools["postgres"].diagnosis) == (0, "healthy")


def test_what_goes_on_in_the_background_with_long_uses_is_not_leaked(evidence_of):
    evidence = evidence_of(leak=2)
    metrics, last_ns = evidence.metrics.copy(), evidence.requests["done_ns"].max()
    pool = metrics["labels"].astype(str).str.contains('"pool":"postgres"', regex=False)
    busy = pool & (metrics["source"] == metrics.loc[pool, "source"].iloc[0])
    busy &= metrics["t_ns"] > last_ns
    uses = busy & (metrics["name"] == "db_client_connection_use_time_seconds_sum")
    # both connections are given back and taken again all the time: two seconds of use a second
    metrics.loc[uses, "value"] += 2 * (metrics.loc[uses, "t_ns"] - last_ns) / NS_PER_S
    assert uses.any()
    found = find_pools(dataclasses.replace(evidence, metrics=metrics))
    pools = {finding.pool.name: finding.pool for finding in found}
    assert (pools["postgres"].leaked, pools["postgres"].diagnosis) == (0, "healthy")


@pytest.mark.parametrize(
    ("defects", "timeout", "leaked"),
    [
        pytest.param({"leak_fills": True}, "2s", 20, id="longer than a wait may last"),
        pytest.param({"leak_fills": True}, "8s", None, id="each may still wait for a second one"),
        pytest.param({"leak": 3}, "8s", 3, id="nobody waits, and the database has nothing to do"),
        pytest.param({"leak": 3, "without_metrics": ["pg_"]}, "8s", None, id="nobody asked it"),
        pytest.param({"nested": True}, "8s", None, id="in a transaction, and not yet given up"),
        pytest.param({}, "2s", None, id="healthy"),
    ],
)
def test_without_rest_what_is_out_for_too_long_is_leaked(evidence_of, defects, timeout, leaked):
    evidence = evidence_of(**defects, plan={"app": {"postgres_pool_timeout": timeout}})
    assert cut_before(evidence, evidence.requests["done_ns"].max()).pool.leaked == leaked


@pytest.mark.parametrize("timeout", ["2s", "8s"])
@pytest.mark.parametrize("in_transaction", [False, True])
@pytest.mark.parametrize(
    ("defects", "allowed"),
    [
        pytest.param({"leak_fills": True}, {"leak"}, id="leak"),
        pytest.param({"nested": True}, {"nested_acquire"}, id="nested"),
        pytest.param({}, set(), id="healthy"),
    ],
)
def test_wherever_the_record_ends_a_leak_is_never_taken_for_a_nested_acquire_or_the_reverse(
    evidence_of, defects, allowed, in_transaction, timeout
):
    plan = {"app": {"postgres_pool_timeout": timeout}}
    evidence = evidence_of(**defects, in_transaction=in_transaction, plan=plan)
    accused = {"leak", "nested_acquire"}
    for half_seconds in range(2 + in_transaction, 24, 2):
        end_ns = evidence.t0_ns + half_seconds * NS_PER_S // 2
        diagnosis = cut_before(evidence, end_ns).pool.diagnosis
        assert diagnosis not in accused - allowed, f"cut at T+{half_seconds / 2} s"


@pytest.mark.parametrize(
    ("defects", "end_s"), [({"leak_fills": True}, 2.75), ({"nested": True}, 2)]
)
def test_a_record_that_ends_too_soon_to_tell_a_leak_says_so(evidence_of, defects, end_s):
    evidence = evidence_of(**defects, plan={"app": {"postgres_pool_timeout": "2s"}})
    finding = cut_before(evidence, evidence.t0_ns + int(end_s * NS_PER_S))
    assert (finding.pool.leaked, finding.pool.diagnosis) == (None, None)
    assert "too short a time to tell a leak from requests" in finding.evidence


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
    found = find_pools(changed)
    assert found[0].pool.leaked == leaked


def test_rest_must_have_been_watched_to_speak_of_a_leak(pools_of):
    pools = pools_of(leak=2, killed=True)
    assert pools["postgres"].leaked is None
