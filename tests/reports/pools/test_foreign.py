"""Pools of somebody else's app: what is wrong with one is named, a healthy one is left alone."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.collectors.pool_metrics import FOUND, PROCESS, RESTARTS, UP
from dress_rehearsal.records.collectors.pool_series import NO_NUMBER
from dress_rehearsal.reports.cause import find_cause
from dress_rehearsal.reports.errors import MetricUnknownError
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.figures.pools import foreign_rows
from dress_rehearsal.reports.metrics import check_metric_names
from dress_rehearsal.reports.page import write_page
from dress_rehearsal.reports.pools import find_pools, foreign_notes
from dress_rehearsal.reports.pools.foreign import find_foreign_pools
from dress_rehearsal.reports.schema import Pool
from dress_rehearsal.reports.summary import write_summary
from dress_rehearsal.reports.verdict import judge
from tests.reports.cause.altered_runs import SECOND, TIMES
from tests.reports.pools.foreign_run import Shop, also_told
from tests.steps import PURCHASE

pytestmark = pytest.mark.slow


def pool_of(shop: Shop, tmp_path: Path) -> Pool:
    (finding,) = find_foreign_pools(shop.evidence(tmp_path))
    return finding.pool


HEALTHY = Shop()
SMALL = Shop(size=2, hold_s=0.04)


def test_a_healthy_pool_is_healthy_and_no_cause(tmp_path: Path) -> None:
    evidence = HEALTHY.evidence(tmp_path)
    pools = find_pools(evidence)
    own = next(each.pool for each in pools if each.pool.name == "shop.main")

    assert (own.diagnosis, own.saturated_at_s, own.leaked, own.timeouts) == ("healthy", None, 0, 0)
    assert find_cause(evidence, pools).bottleneck is None
    assert foreign_notes(evidence) == []


def test_a_pool_of_two_with_waiters_is_undersized_and_the_bottleneck(tmp_path: Path) -> None:
    evidence = SMALL.evidence(tmp_path)
    pools = find_pools(evidence)
    own = next(each for each in pools if each.pool.name == "shop.main")
    cause = find_cause(evidence, pools)

    assert own.pool.diagnosis == "undersized"
    assert own.pool.peak_used == own.pool.max == 2
    assert (own.pool.peak_pending or 0) >= 50
    assert own.pool.wait_mean_ms is not None and own.pool.wait_mean_ms > 100
    assert re.match(r"in the second from T-0 [+−] \S+ s on: 2 of 2 in use, ", own.evidence)
    assert cause.bottleneck is not None
    assert cause.bottleneck.resource == "shop.main"
    assert cause.bottleneck.evidence.startswith("about ")
    assert "the pool shop.main, which is too small" in cause.cause
    assert "estimated" in cause.cause
    assert cause.estimated == ("shop.main",)


def test_a_pool_whose_waits_are_far_less_than_what_was_lost_is_not_the_cause(
    tmp_path: Path,
) -> None:
    evidence = Shop(size=2, hold_s=0.018).evidence(tmp_path)
    requests = evidence.requests.copy()
    bought = (requests["step"] == PURCHASE) & (requests["status"] > 0)
    for name in TIMES:
        requests.loc[bought, name] += 4 * SECOND
    slept = replace(evidence, requests=requests)
    pools = find_pools(slept)
    own = next(each.pool for each in pools if each.pool.name == "shop.main")
    cause = find_cause(slept, pools)

    assert own.diagnosis == "undersized"
    assert own.saturated_at_s is not None
    assert cause.bottleneck is not None
    assert cause.bottleneck.resource == "target"


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(("used", "max", "sum"), id="by the sum and the count"),
        pytest.param(("used", "max", "buckets", "sum"), id="by buckets"),
        pytest.param(("used", "max", "pending"), id="by who waits"),
    ],
)
def test_however_waiting_is_told_the_part_of_it_is_right(
    tmp_path: Path, told: tuple[str, ...]
) -> None:
    evidence = Shop(size=2, hold_s=0.04, told=told).evidence(tmp_path)
    cause = find_cause(evidence, find_pools(evidence))
    latency = evidence.latency
    felt = latency.loc[latency["step"] == "POST /events/{event}/tickets", "felt_ms"].dropna()
    slowest = float(felt.nlargest(len(felt) // 10).mean())

    assert cause.lost_ms["shop.main"] == pytest.approx(slowest, rel=0.25)
    assert sum(cause.lost_ms.values()) == pytest.approx(slowest, rel=0.02)


def test_where_nothing_tells_of_waiting_a_full_pool_is_not_known(tmp_path: Path) -> None:
    evidence = Shop(size=2, hold_s=0.04, told=("used", "max")).evidence(tmp_path)
    pools = find_pools(evidence)
    own = next(each.pool for each in pools if each.pool.name == "shop.main")
    cause = find_cause(evidence, pools)

    assert own.diagnosis == "not_measured"
    assert "shop.main" not in cause.lost_ms
    assert cause.not_known == ("shop.main",)
    assert cause.bottleneck is not None and cause.bottleneck.resource == "target"


def test_without_waits_told_a_pool_that_was_never_full_is_healthy(tmp_path: Path) -> None:
    assert pool_of(Shop(told=("used", "max")), tmp_path).diagnosis == "healthy"


def test_connections_held_for_long_are_a_slow_holder(tmp_path: Path) -> None:
    pool = pool_of(Shop(size=4, slow_from_s=1.0, slow_s=0.5, clicks=300), tmp_path)

    assert pool.diagnosis == "slow_holder"


def test_how_long_connections_were_held_is_told_where_the_app_tells_it(tmp_path: Path) -> None:
    evidence = HEALTHY.evidence(tmp_path)
    use, labels = "db_client_connection_use_time_seconds", '{"pool":"shop.main"}'
    told = also_told(
        evidence,
        "shop",
        {
            (f"{use}_count", labels): lambda at: np.clip(at, 0, None) * 10,
            (f"{use}_sum", labels): lambda at: np.clip(at, 0, None) * 10 * 0.025,
        },
    )
    (finding,) = find_foreign_pools(told)
    assert finding.pool.hold_mean_ms == pytest.approx(25, rel=0.01)
    (untold,) = find_foreign_pools(evidence)
    assert untold.pool.hold_mean_ms is None, "an estimate is not what was measured"


def test_connections_never_given_back_are_counted_and_named(tmp_path: Path) -> None:
    pool = pool_of(Shop(leaks=3), tmp_path)

    assert (pool.diagnosis, pool.leaked) == ("leak", 3)


def test_who_is_still_at_work_at_the_end_is_no_leak(tmp_path: Path) -> None:
    pool = pool_of(Shop(size=40, slow_from_s=2.5, slow_s=6.0, rest_s=1.5), tmp_path)

    assert not pool.leaked


def test_counters_that_begin_anew_are_no_waits_and_hide_none(tmp_path: Path) -> None:
    whole = pool_of(SMALL, tmp_path / "whole")
    anew = pool_of(Shop(size=2, hold_s=0.04, restarted_s=2.0), tmp_path / "anew")

    assert anew.diagnosis == whole.diagnosis == "undersized"
    assert anew.wait_mean_ms == pytest.approx(whole.wait_mean_ms, rel=0.2)
    healthy = pool_of(Shop(restarted_s=2.0), tmp_path / "healthy")
    assert healthy.diagnosis == "healthy"


@pytest.mark.parametrize("how", [RESTARTS, PROCESS])
def test_processes_that_answer_in_turn_are_not_measured_and_it_is_said(
    how: str, tmp_path: Path
) -> None:
    evidence = Shop(size=2, hold_s=0.04).evidence(tmp_path)
    metrics = evidence.metrics.reset_index(drop=True)
    looks = metrics[metrics["name"] == UP].copy()
    turns = np.arange(len(looks))
    begun = 1_700_000_000.0 + turns % 2 * 7
    told = {RESTARTS: turns // 2, PROCESS: begun}
    rows = looks.assign(name=how, value=told[how].astype(float))
    evidence = replace(evidence, metrics=pd.concat([metrics, rows], ignore_index=True))

    [pool] = find_foreign_pools(evidence)
    assert (pool.pool.diagnosis, pool.pool.timeouts) == ("not_measured", None)
    assert any("several processes answer there in turn" in note for note in foreign_notes(evidence))


def test_instances_are_added_up(tmp_path: Path) -> None:
    pool = pool_of(Shop(instances=2), tmp_path)

    assert (pool.max, pool.diagnosis, pool.leaked) == (40, "healthy", 0)


def test_instances_that_are_both_too_small_are_undersized(tmp_path: Path) -> None:
    pool = pool_of(Shop(size=2, hold_s=0.045, instances=2), tmp_path)

    assert (pool.max, pool.diagnosis) == (4, "undersized")


def test_waits_that_ran_out_are_counted(tmp_path: Path) -> None:
    pool = pool_of(Shop(size=2, hold_s=0.04, timeouts=7), tmp_path)

    assert pool.timeouts == 7


def test_a_pool_not_heard_of_around_t0_is_not_healthy(tmp_path: Path) -> None:
    assert pool_of(Shop(silent=(-1.5, 3.0)), tmp_path).diagnosis == "not_measured"


def test_the_report_shows_foreign_pools_like_our_own_and_says_what_is_estimated(
    tmp_path: Path,
) -> None:
    evidence = SMALL.evidence(tmp_path)
    verdict = judge(evidence)
    run = RunDirectory(tmp_path / evidence.run)
    write_page(run, evidence, verdict)
    page = (run.path / "report.html").read_text(encoding="utf-8")
    summary = write_summary(verdict)

    assert "shop.main" in {pool.name for pool in verdict.pools}
    assert verdict.estimated == ("shop.main",)
    assert "The pool shop.main" in page and "estimated" in page
    assert "mean " in page
    assert [(row.name, row.wait_name) for row in foreign_rows(evidence)] == [
        ("shop.main", "mean wait")
    ]
    assert "estimated" in summary


@pytest.mark.parametrize(
    ("near", "words"),
    [
        (
            "db_pool_used, db_pool_max",
            "matched no series of shop; nearest names there: db_pool_used, db_pool_max.",
        ),
        (NO_NUMBER, "is there in shop, and says no number (NaN)."),
    ],
)
def test_a_preset_that_matches_nothing_is_said_and_nothing_healthy(
    near: str, words: str, tmp_path: Path
) -> None:
    evidence = Shop(told=()).evidence(tmp_path)
    labels = f'{{"near":"{near}","of":"hikaricp"}}'
    metrics = evidence.metrics.astype({"labels": str})
    of_it = metrics["name"] == FOUND
    metrics.loc[of_it, "labels"] = labels
    metrics.loc[of_it, "value"] = 0.0
    evidence = replace(evidence, metrics=metrics.astype({"labels": "category"}))

    (finding,) = find_foreign_pools(evidence)

    assert (finding.pool.name, finding.pool.diagnosis) == ("shop.hikaricp", "not_measured")
    assert foreign_notes(evidence) == [f"Pools: preset hikaricp {words}"]


def test_metrics_that_were_never_read_are_said(tmp_path: Path) -> None:
    evidence = Shop(told=()).evidence(tmp_path)
    metrics = evidence.metrics[evidence.metrics["name"].astype(str) != FOUND]
    metrics = metrics.astype({"labels": str})
    of_it = metrics["name"] == UP
    metrics.loc[of_it, "labels"] = '{"why":"it answered 404"}'
    metrics.loc[of_it, "value"] = 0.0
    evidence = replace(evidence, metrics=metrics.astype({"labels": "category"}))

    assert [each.pool.diagnosis for each in find_foreign_pools(evidence)] == ["not_measured"]
    assert foreign_notes(evidence) == [
        "Nothing is known of the pools of shop, for its metrics were never read: it answered 404."
    ]


def test_a_gate_may_name_a_foreign_pool_and_passes_nothing_that_was_not_measured(
    tmp_path: Path,
) -> None:
    gates = [
        {"metric": "pools[shop.main].wait_mean_ms", "limit": "<= 50ms"},
        {"metric": "pools[shop.main].saturated_at_s", "limit": ">= 60s"},
    ]
    small = Shop(size=2, hold_s=0.04, extra={"gates": gates}).evidence(tmp_path / "small")
    sound = Shop(extra={"gates": gates}).evidence(tmp_path / "sound")
    untold = Shop(size=2, hold_s=0.04, told=("used", "max"), extra={"gates": gates})

    def statuses(evidence: Evidence) -> list[str]:
        check_metric_names(evidence.plan)
        return [gate.status for gate in judge(evidence).gates if gate.metric.startswith("pools")]

    assert statuses(small) == ["fail", "fail"]
    assert statuses(sound) == ["pass", "pass"]
    assert statuses(untold.evidence(tmp_path / "untold")) == ["inconclusive", "inconclusive"]


def test_a_gate_on_a_pool_of_no_entry_is_refused(tmp_path: Path) -> None:
    gates = [{"metric": "pools[other.main].wait_mean_ms", "limit": "<= 50ms"}]

    with pytest.raises(MetricUnknownError):
        check_metric_names(Shop(extra={"gates": gates}).evidence(tmp_path).plan)
