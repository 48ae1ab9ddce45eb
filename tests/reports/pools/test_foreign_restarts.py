"""Processes of somebody else's app that go and come back are no leak, and hide none."""

import errno
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dress_rehearsal.records.collectors.pool_metrics import LEVELS, PROCESS, UP
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.pools.foreign import find_foreign_pools
from dress_rehearsal.reports.schema import Pool
from tests.reports.pools.foreign_run import Shop, also_told
from tests.reports.synthetic_defects import SECOND, T0_NS

REFUSED = os.strerror(errno.ECONNREFUSED)


def changed(
    evidence: Evidence,
    source: str,
    since_s: tuple[float, float],
    *,
    used: Callable[[Any], Any] | None = None,
    gone: str | None = None,
) -> Evidence:
    """Return evidence in which a source's samples are others for a while.

    Args:
        used: what its connections in use are then, by what they were.
        gone: why its metrics could not be read.
    """
    table = evidence.metrics.astype(dict.fromkeys(("source", "name", "labels"), str))
    at_s = (table["t_ns"] - T0_NS) / SECOND
    then = (table["source"] == source) & (at_s >= since_s[0]) & (at_s < since_s[1])
    if used is not None:
        of_it = then & (table["name"] == "db_client_connections")
        table.loc[of_it, "value"] = used(table.loc[of_it, "value"])
    if gone is not None:
        up = then & (table["name"] == UP)
        table.loc[up, "labels"] = json.dumps({"metrics": "shop", "why": gone})
        table.loc[up, "value"] = 0.0
        table = table[~then | up]
    words = dict.fromkeys(("source", "name", "labels"), "category")
    return replace(evidence, metrics=table.reset_index(drop=True).astype(words))


def pool_of(evidence: Evidence) -> Pool:
    (finding,) = find_foreign_pools(evidence)
    return finding.pool


def kept(tmp_path: Path, **shop: Any) -> Evidence:
    """Return a run on two instances, each of which keeps a connection for good, as one that
    listens for notifications."""
    evidence = Shop(instances=2, **shop).evidence(tmp_path)
    for source in ("shop:1", "shop:2"):
        evidence = changed(evidence, source, (-99, 99), used=lambda was: was + 1.0)
    return evidence


@pytest.mark.parametrize("why", [REFUSED, "no whole answer in time"])
def test_an_instance_that_is_put_up_again_is_no_leak(tmp_path: Path, why: str) -> None:
    evidence = changed(kept(tmp_path), "shop:2", (0.5, 4.5), gone=why)
    assert not pool_of(evidence).leaked


def test_nor_is_one_that_has_nothing_out_at_first(tmp_path: Path) -> None:
    evidence = changed(kept(tmp_path), "shop:2", (1.5, 2.5), used=lambda was: 0.0 * was)
    assert pool_of(evidence).leaked  # without knowing of another process
    for source in ("shop:1", "shop:2"):
        begun = {(PROCESS, "{}"): lambda at_s: np.where(at_s < 1.5, 1.0, 2.0)}
        evidence = also_told(evidence, source, begun)
    assert pool_of(evidence).leaked == 0


def test_nor_is_one_of_several_at_an_address_that_is_replaced(tmp_path: Path) -> None:
    evidence = changed(Shop().evidence(tmp_path), "shop", (-99, 99), used=lambda was: was + 4.0)
    evidence = changed(evidence, "shop", (1.5, 2.5), used=lambda was: 0.0 * was + 3.0)
    levels = {(LEVELS, "{}"): lambda at_s: np.where((at_s > 1.4) & (at_s < 2.6), 3.0, 4.0)}
    assert pool_of(also_told(evidence, "shop", levels)).leaked == 0


def test_a_leak_beside_a_restart_is_found(tmp_path: Path) -> None:
    evidence = changed(kept(tmp_path, leaks=3), "shop:2", (0.5, 2.5), gone=REFUSED)
    pool = pool_of(evidence)
    assert (pool.diagnosis, pool.leaked) == ("leak", 6)


def test_where_nobody_listens_for_a_while_nothing_is_unknown(tmp_path: Path) -> None:
    evidence = Shop().evidence(tmp_path)
    assert pool_of(changed(evidence, "shop", (0.5, 4.5), gone=REFUSED)).diagnosis == "healthy"
    late = changed(evidence, "shop", (0.5, 4.5), gone="no whole answer in time")
    assert pool_of(late).diagnosis == "not_measured"
    never = changed(evidence, "shop", (-3.0, 99), gone=REFUSED)
    assert pool_of(never).diagnosis == "not_measured"
