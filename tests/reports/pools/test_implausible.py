"""Metrics that cannot be right are no healthy pool; those that can are believed."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.pools import foreign_notes
from dress_rehearsal.reports.pools.foreign import find_foreign_pools
from tests.reports.pools.foreign_run import Shop

Change = Callable[[pd.DataFrame, Any], pd.DataFrame]


def changed(evidence: Evidence, change: Change) -> Evidence:
    """The same run whose metrics of the shop say something else."""
    metrics = evidence.metrics.astype({"source": str, "name": str, "labels": str})
    of_it = metrics["source"].str.startswith("shop") & metrics["name"].str.startswith("db_")
    metrics = change(metrics, of_it)
    words = dict.fromkeys(("source", "name", "labels"), "category")
    return replace(evidence, metrics=metrics.astype(words))


def frozen(metrics: pd.DataFrame, of_it: Any) -> pd.DataFrame:
    first = metrics[of_it].groupby(["source", "name", "labels"])["value"].transform("first")
    return metrics.assign(value=metrics["value"].where(~of_it, first))


def idle_told(metrics: pd.DataFrame, of_it: Any) -> pd.DataFrame:
    used = of_it & metrics["labels"].str.contains('"used"')
    return metrics.assign(value=metrics["value"].where(~used, 20 - metrics["value"]))


def limit_of_one(metrics: pd.DataFrame, of_it: Any) -> pd.DataFrame:
    most = of_it & metrics["name"].str.endswith("_max")
    return metrics.assign(value=metrics["value"].where(~most, 1.0))


def given_back_twice(metrics: pd.DataFrame, of_it: Any) -> pd.DataFrame:
    used = of_it & metrics["labels"].str.contains('"used"')
    return metrics.assign(value=metrics["value"].where(~used, -3.0))


BUSY = Shop(hold_s=0.05)


def test_a_page_that_stands_still_tells_of_no_healthy_pool(tmp_path: Path) -> None:
    evidence = changed(BUSY.evidence(tmp_path), frozen)
    (finding,) = find_foreign_pools(evidence)
    assert finding.pool.diagnosis == "not_measured"
    (note,) = foreign_notes(evidence)
    assert "The metrics of shop stand still" in note


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(limit_of_one, "of 1 connection in use: its names", id="fuller than full"),
        pytest.param(idle_told, "all in use before the sale opened", id="idle called used"),
        pytest.param(given_back_twice, "-3 connections are in use, which cannot be", id="below 0"),
    ],
)
def test_levels_that_cannot_be_are_said(change: Change, words: str, tmp_path: Path) -> None:
    notes = foreign_notes(changed(BUSY.evidence(tmp_path), change))
    assert len(notes) == 1
    assert words in notes[0]


def test_fewer_than_none_in_use_are_not_known(tmp_path: Path) -> None:
    levels = Shop(told=("used", "max"))  # nothing else that could tell
    (finding,) = find_foreign_pools(changed(levels.evidence(tmp_path), given_back_twice))
    assert finding.pool.peak_used is None
    assert finding.pool.diagnosis == "not_measured"


@pytest.mark.parametrize(
    "shop",
    [
        pytest.param(BUSY, id="busy"),
        pytest.param(Shop(instances=2), id="two instances"),
        pytest.param(Shop(hold_s=0.001, told=("used", "max")), id="never in use at a look"),
        pytest.param(Shop(restarted_s=2.0), id="counters that begin anew"),
        pytest.param(Shop(size=2, hold_s=0.04), id="too small"),
    ],
)
def test_of_metrics_that_can_be_nothing_is_said(shop: Shop, tmp_path: Path) -> None:
    assert foreign_notes(shop.evidence(tmp_path)) == []
