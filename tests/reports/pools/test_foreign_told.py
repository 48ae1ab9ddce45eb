"""Of somebody else's pool only what its metrics tell is said: coarse buckets hide no waits, what
was counted before is not the run's, and what nobody counts is not 0."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.histogram import Histogram
from dress_rehearsal.reports.pools.foreign import find_foreign_pools
from dress_rehearsal.reports.schema import Pool
from dress_rehearsal.reports.verdict import judge
from tests.reports.pools.foreign_run import Shop
from tests.reports.synthetic_defects import SECOND, T0_NS

SECONDS = ("0.0", "5.0", "10.0", "25.0", "+Inf")
"""OpenTelemetry's default edges, of times in seconds."""
TIMEOUTS = "db_client_connection_timeouts_total"


def pool_of(evidence: Evidence) -> Pool:
    (finding,) = find_foreign_pools(evidence)
    return finding.pool


def without(evidence: Evidence, source: str, until_s: float, names: Sequence[str] = ()) -> Evidence:
    """Return evidence in which a source told nothing, or nothing of some names, until then."""
    table = evidence.metrics
    gone = (table["source"] == source) & (table["t_ns"] < T0_NS + until_s * SECOND)
    if names:
        gone &= table["name"].isin(names)
    return replace(evidence, metrics=table[~gone].reset_index(drop=True))


@pytest.mark.parametrize("edges", [SECONDS, ("0.025", "0.1", "+Inf")], ids=["seconds", "25 ms"])
def test_coarse_buckets_find_no_less_than_none(tmp_path: Path, edges: tuple[str, ...]) -> None:
    def pool(**shop: Any) -> Pool:
        told = ("used", "max", "sum", *(["buckets"] if "edges" in shop else []))
        name = "-".join(str(value) for value in shop.values())
        return pool_of(Shop(clicks=150, told=told, **shop).evidence(tmp_path / name))

    starved, bare = pool(size=1, hold_s=0.04, edges=edges), pool(size=1, hold_s=0.04)
    assert (starved.wait_mean_ms or 0) > 500
    assert (starved.saturated_at_s, starved.diagnosis) == (bare.saturated_at_s, bare.diagnosis)
    assert starved.saturated_at_s is not None
    sound = pool(edges=edges)
    assert (sound.diagnosis, sound.saturated_at_s) == ("healthy", None)


@pytest.mark.parametrize(("edges", "diagnosis"), [(SECONDS, "not_measured"), (None, "healthy")])
def test_buckets_alone_that_hide_the_waits_leave_a_full_pool_open(
    tmp_path: Path, edges: tuple[str, ...] | None, diagnosis: str
) -> None:
    shop = Shop(size=2, clicks=100, spread_s=3.0, told=("used", "max", "buckets"))
    evidence = replace(shop, edges=edges or shop.edges).evidence(tmp_path)
    table = evidence.metrics
    used = table["name"] == "db_client_connections"
    full = table.assign(value=np.where(used, 2.0, table["value"]))  # full at each look by chance
    pool = pool_of(replace(evidence, metrics=full))
    assert pool.diagnosis == diagnosis
    assert pool.wait_mean_ms is None, "no sum was told, so no mean"


def test_a_mean_of_few_that_buckets_know_is_no_starved_pool() -> None:
    def histogram(edges: list[float], counts: list[int]) -> Histogram:
        grown = np.array([[0] * len(counts), counts], dtype=float)
        return Histogram(np.array(edges), grown, np.zeros(2))

    fine = histogram([0.005, 0.025, np.inf], [48, 48, 50])
    assert (fine.above(0.01)[1], fine.may_be_above(0.01)[1], fine.tells(0.01)) == (2, 2, False)
    cut = histogram([0.005, 0.025, np.inf], [10, 48, 50])
    assert (cut.above(0.01)[1], cut.may_be_above(0.01)[1]) == (2, 40)
    coarse = histogram([5.0, np.inf], [50, 50])
    assert (coarse.above(0.01)[1], coarse.may_be_above(0.01)[1]) == (0, 50)
    assert histogram([0.01, np.inf], [50, 50]).tells(10 * 1e-3)


def two(tmp_path: Path, timeouts: int = 0) -> Evidence:
    """Return a run on two sound instances; the second's waits of last week had run out 50 times."""
    evidence = Shop(instances=2, clicks=120, timeouts=timeouts).evidence(tmp_path)
    table = evidence.metrics
    second = (table["source"] == "shop:2") & (table["name"] == TIMEOUTS)
    return replace(evidence, metrics=table.assign(value=table["value"] + 50.0 * second))


@pytest.mark.parametrize("since_s", [-99.0, -2.0, 1.0], ids=["start", "before T-0", "after"])
def test_what_an_instance_counted_before_it_was_heard_is_not_of_the_run(
    tmp_path: Path, since_s: float
) -> None:
    pool = pool_of(without(two(tmp_path), "shop:2", since_s))
    assert (pool.diagnosis, pool.timeouts, pool.saturated_at_s) == ("healthy", 0, None)
    assert (pool.wait_mean_ms or 0) < 5, "70 s of waits were of before"


def test_what_an_instance_counts_after_it_was_heard_is_of_the_run(tmp_path: Path) -> None:
    evidence = two(tmp_path, timeouts=5)
    late = pool_of(without(evidence, "shop:2", -2.0))
    assert (late.timeouts, late.saturated_at_s is not None) == (10, True)
    begun = pool_of(without(evidence, "shop:2", 1.5, [TIMEOUTS]))
    assert begun.timeouts == 5 + 55, "a counter that comes after its source's first began at 0"


def test_timeouts_that_nobody_tells_of_are_not_none_of_them(tmp_path: Path) -> None:
    gates = [{"metric": "pools[shop.main].timeouts", "limit": "== 0"}]

    def judged(*told: str) -> tuple[int | None, str]:
        shop = Shop(
            clicks=60, told=("used", "max", "pending", "sum", *told), extra={"gates": gates}
        )
        evidence = shop.evidence(tmp_path / "-".join(("run", *told)))
        (gate,) = [gate for gate in judge(evidence).gates if gate.metric == gates[0]["metric"]]
        return pool_of(evidence).timeouts, gate.status

    assert judged("timeouts") == (0, "pass")
    assert judged() == (None, "inconclusive")
