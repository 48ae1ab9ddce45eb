"""Limits on latencies become edges of histograms."""

from dress_rehearsal.plans import Plan, slo_edges_s, wait_edges_s

BUY = "latency_ms[POST /events/{event}/tickets]"


def plan(*gates: tuple[str, str]) -> Plan:
    written = [{"metric": metric, "limit": limit} for metric, limit in gates]
    return Plan.model_validate({"name": "limits", "gates": written})


def test_every_latency_that_a_gate_limits_is_an_edge() -> None:
    gates = [(f"{BUY}.p99", "<= 3s"), (f"{BUY}.p50", "< 250 ms"), (f"{BUY}.max", "<= 3s")]
    assert slo_edges_s(plan(*gates)) == (0.25, 3.0)


def test_other_limits_are_none() -> None:
    others = [(f"{BUY}.count", ">= 100"), ("census.failed", "<= 1%"), ("audit.oversold", "== 0")]
    assert slo_edges_s(plan(*others, ("pools[redis].wait_p99_ms", "<= 50ms"))) == ()


def test_every_wait_for_a_pool_that_a_gate_limits_is_an_edge_of_the_pools_own() -> None:
    waits = [("pools[redis].wait_p99_ms", "<= 30ms"), ("pools[postgres].wait_p99_ms", "< 1s")]
    others = [(f"{BUY}.p99", "<= 3s"), ("pools[redis].timeouts", "== 0")]
    assert wait_edges_s(plan(*waits, *others)) == (0.03, 1.0)
