"""What stands behind somebody else's app: a server's connections, processors, and what both say."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dress_rehearsal.reports.cause import find_cause
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.pools import find_pools
from dress_rehearsal.reports.pools.foreign import find_foreign_pools
from dress_rehearsal.reports.schema import Pool
from tests.reports.pools.foreign_run import Shop, also_told

MACHINE = {
    "name": "machine-a",
    "url": "http://127.0.0.1:9100/metrics",
    "pools": "node_exporter",
}
DATABASE = {"name": "db", "url": "http://127.0.0.1:9187/metrics", "pools": "postgres_exporter"}
CPU = '{"kind":"cpu","pool":"machine-a.node_exporter"}'
SERVER = '{"kind":"server","pool":"db.postgres_exporter"}'
USED = '{"kind":"server","pool":"db.postgres_exporter","state":"used"}'


def with_machine(busy: Any, tmp_path: Path, **shop: Any) -> Evidence:
    """Return a run beside a machine of 4 processors, of which `busy` are in use."""
    evidence = Shop(extra={"metrics": [MACHINE]}, **shop).evidence(tmp_path)
    return also_told(
        evidence,
        "machine-a",
        {
            ("pool_busy_seconds_total", CPU): lambda at: 5e4 + np.cumsum(busy(at)),
            ("db_client_connection_max", CPU): lambda _: 4.0,
        },
    )


def with_server(used: Any, tmp_path: Path, refused: float = 0.0) -> Evidence:
    evidence = Shop(extra={"metrics": [DATABASE]}).evidence(tmp_path)
    return also_told(
        evidence,
        "db",
        {
            ("db_client_connections", USED): used,
            ("db_client_connection_max", SERVER): lambda _: 97.0,
            ("db_client_connection_timeouts_total", SERVER): lambda at: np.where(
                at > 1, refused, 0
            ),
        },
    )


def only(evidence: Evidence) -> Pool:
    (finding,) = find_foreign_pools(evidence)
    return finding.pool


def test_a_machine_with_time_to_spare_is_healthy(tmp_path: Path) -> None:
    pool = only(with_machine(lambda at: 1.0 + 0 * at, tmp_path))

    assert (pool.diagnosis, pool.peak_used, pool.max) == ("healthy", 1.0, 4)


def test_a_machine_that_is_wholly_busy_is_not_healthy_and_named(tmp_path: Path) -> None:
    evidence = with_machine(
        lambda at: np.where(at >= 0, 3.95, 0.2),
        tmp_path,
        size=200,
        slow_from_s=0.0,
        slow_s=2.0,
    )
    pools = find_pools(evidence)
    cpu = next(each.pool for each in pools if each.pool.name == "machine-a.node_exporter")
    cause = find_cause(evidence, pools)

    assert cpu.saturated_at_s is not None
    assert cpu.diagnosis != "healthy"
    assert cause.bottleneck is not None
    assert cause.bottleneck.resource == "machine-a.node_exporter"
    assert "3.95 cores busy, 98.7% of 4" in cause.cause


def test_a_second_of_all_processors_is_nothing(tmp_path: Path) -> None:
    evidence = with_machine(lambda at: np.where((at >= 1) & (at < 2), 4.0, 0.2), tmp_path)

    assert only(evidence).diagnosis == "healthy"


def test_processors_without_a_known_limit_are_not_measured(tmp_path: Path) -> None:
    evidence = Shop(extra={"metrics": [MACHINE]}).evidence(tmp_path)
    busy = {("pool_busy_seconds_total", CPU): lambda at: 5e4 + at}

    assert only(also_told(evidence, "machine-a", busy)).diagnosis == "not_measured"


def test_throttled_processors_are_too_few(tmp_path: Path) -> None:
    evidence = Shop(extra={"metrics": [MACHINE]}).evidence(tmp_path)
    evidence = also_told(
        evidence,
        "machine-a",
        {
            ("pool_busy_seconds_total", CPU): lambda at: 5e4 + 0.9 * at,
            ("db_client_connection_max", CPU): lambda _: 1.0,
            ("db_client_connection_wait_time_seconds_sum", CPU): lambda at: 0.6 * np.maximum(at, 0),
            ("db_client_connection_wait_time_seconds_count", CPU): lambda at: 9 * np.maximum(at, 0),
        },
    )

    assert only(evidence).diagnosis == "undersized"


def test_a_server_with_connections_left_is_healthy(tmp_path: Path) -> None:
    assert only(with_server(lambda at: 40 + 0 * at, tmp_path)).diagnosis == "healthy"


@pytest.mark.parametrize(
    ("refused", "diagnosis"), [pytest.param(0.0, None, id="full"), (5.0, "undersized")]
)
def test_a_server_without_connections_left_is_not(
    tmp_path: Path, refused: float, diagnosis: str | None
) -> None:
    pool = only(with_server(lambda at: np.where(at > 0, 97, 40), tmp_path, refused))

    assert pool.diagnosis == diagnosis
    assert pool.saturated_at_s is not None
    assert ("nothing tells of any that was turned away" in (pool.undecided or "")) == (not refused)


def nested(evidence: Evidence, active: float) -> Pool:
    """Return the shop's pool: full from T-0 on, and nothing given back until waits ran out."""

    def stall(before: float, during: float, after: float) -> Any:
        return lambda at: np.where(at < 0, before, np.where(at < 5, during, after))

    pool = '{"pool":"shop.main"}'
    used = '{"pool":"shop.main","state":"used"}'
    prefix = "db_client_connection_"
    evidence = also_told(
        evidence,
        "shop",
        {
            ("db_client_connections", used): stall(0, 4, 0),
            (f"{prefix}max", pool): lambda _: 4.0,
            (f"{prefix}pending_requests", pool): stall(0, 6, 0),
            (f"{prefix}timeouts_total", pool): stall(0, 0, 10),
            (f"{prefix}wait_time_seconds_sum", pool): stall(0, 0, 1),
            (f"{prefix}wait_time_seconds_count", pool): stall(100, 104, 110),
        },
    )
    evidence = also_told(
        evidence,
        "db",
        {
            ("db_client_connections", USED): lambda at: 10 + 0 * at,
            ("db_client_connection_max", SERVER): lambda _: 97.0,
            ("pool_server_active", SERVER): lambda at: 1 + active + 0 * at,
        },
    )
    return next(each.pool for each in find_foreign_pools(evidence) if each.pool.name == "shop.main")


@pytest.mark.slow
def test_holders_that_wait_for_a_second_connection_are_told_by_an_idle_database(
    tmp_path: Path,
) -> None:
    shop = {"name": "shop", "url": "http://127.0.0.1:8000/m", "pools": "hikaricp"}
    run = Shop(told=(), spread_s=7.0, extra={"metrics": [shop, DATABASE]})

    assert nested(run.evidence(tmp_path / "idle"), active=0).diagnosis == "nested_acquire"
    assert nested(run.evidence(tmp_path / "busy"), active=4).diagnosis != "nested_acquire"
