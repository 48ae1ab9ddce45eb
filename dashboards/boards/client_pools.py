"""Client pools: how much of each is used, how long callers wait, who holds on for too long."""

from typing import Final

from grafana_foundation_sdk.models.dashboard import Panel

from dress_rehearsal.dashboards.kit import colours
from dress_rehearsal.dashboards.kit.panels import timeseries, words
from dress_rehearsal.dashboards.kit.promql import (
    INSTANCE,
    highest,
    last,
    of_run,
    quantile,
    quantile_of_all,
    total,
)
from dress_rehearsal.dashboards.kit.query import Query
from dress_rehearsal.dashboards.kit.table import Column, Key, table
from dress_rehearsal.dashboards.kit.thresholds import fail_from, warn_fail
from dress_rehearsal.plans.names import POOLS
from dress_rehearsal.records.tables import CLIENT_POOLS

_WAIT: Final = warn_fail(2, 6)
_WAIT_TEXT: Final = (
    "Orange from 2 s, red from 6 s, where the alert begins; callers give up after 8 s."
)
_POOL: Final = "{{job}} {{pool}}"
_BY: Final = ("job", "pool")
_JOBS: Final = ("app", "writeback")
"""Whose pools the app's own are."""
_NAMES: Final = {pool: (POOLS[pool], colours.GREY) for pool in CLIENT_POOLS}
_LINES: Final = {
    f"{job} {pool}": f"{POOLS[pool]} ({job})" for job in _JOBS for pool in CLIENT_POOLS
}
"""What the lines of the app's own pools are called."""
_LIMITS: Final = {f"{line} max": f"{name} max" for line, name in _LINES.items()}


def _peak(mark: str, level: str) -> str:
    """Return each process' highest level in the time shown.

    The mark keeps spikes that a scrape misses, but is as old as its process: it tells of the time
    shown only if it rose in it, as in `reports.pools.client`.
    """
    risen = f"max_over_time({mark}[$__range]) > min_over_time({mark}[$__range])"
    return f"({risen}) or ignoring(state) max_over_time({level}[$__range])"


def ranking() -> Panel:
    """Return the pools by how long they made callers wait."""
    used = of_run("db_client_connections", 'state="used"', INSTANCE)
    peak_used = _peak(of_run("db_client_connection_used_peak", INSTANCE), used)
    waiting = of_run("db_client_connection_pending_requests", INSTANCE)
    peak_waiting = _peak(of_run("db_client_connection_pending_peak", INSTANCE), waiting)
    oldest = of_run("db_client_connection_oldest_checkout_seconds", INSTANCE)
    limit = of_run("db_client_connection_max", INSTANCE)
    by = "by (job, pool)"
    return table(
        "Pools by wait",
        "All client pools, the one that made callers wait longest first. Peaks are sums of each "
        "process' own peak in the time shown, so they may lie in different moments. Connecting is "
        "part of how long connections were held, those made before the sale included. Somebody "
        "else's pools, read by the plan's metrics, often tell no more of waits than the mean. Each "
        "p99 is estimated within a bucket of a histogram.",
        [Key("pool", "Pool", words=words(_NAMES)), Key("job", "Process")],
        [
            Column(
                quantile_of_all(
                    0.99, "db_client_connection_wait_time_seconds", *_BY, matchers=(INSTANCE,)
                ),
                "Wait p99",
                "s",
                limits=_WAIT,
            ),
            Column(_mean("db_client_connection_wait_time_seconds"), "Wait, mean", "s"),
            Column(
                quantile_of_all(
                    0.99, "db_client_connection_use_time_seconds", *_BY, matchers=(INSTANCE,)
                ),
                "Held p99",
                "s",
            ),
            Column(
                total(of_run("db_client_connection_create_time_seconds_sum", INSTANCE), *_BY),
                "Connecting, in all",
                "s",
            ),
            Column(f"sum {by} ({peak_used})", "Peak used"),
            Column(highest(limit, f"sum {by} "), "Max"),
            Column(f"sum {by} ({peak_waiting})", "Peak waiting"),
            Column(
                total(of_run("db_client_connection_timeouts_total", INSTANCE), *_BY)
                + f" or 0 * sum {by} ({last(limit)})",
                "Timed out",
                limits=fail_from(1),
            ),
            Column(
                highest(oldest, f"max {by} "),
                "Longest checkout",
                "s",
                limits=warn_fail(5, 10),
            ),
        ],
        sort="Wait p99",
    )


def _mean(metric: str) -> str:
    """Return the mean of times over the whole run, of pools that had any."""
    time_s, number = (
        total(of_run(f"{metric}_{part}", INSTANCE), *_BY) for part in ("sum", "count")
    )
    return f"{time_s} / ({number} > 0)"


def client_pools() -> tuple[Panel, ...]:
    """Return panels over time."""
    return (
        timeseries(
            "Connections in use",
            "Of each pool, over all processes; dashed is the most it may have.",
            [
                Query(_by_pool("db_client_connections", 'state="used"'), _POOL),
                Query(_by_pool("db_client_connection_max"), f"{_POOL} max", dashed=True),
            ],
            span=12,
            many=True,
            stepped=True,
            names=_LINES | _LIMITS,
        ),
        timeseries(
            "Wait, p99",
            f"Time callers waited for a connection, of those who got one in each second, estimated "
            f"within the histogram's buckets. "
            f"{_WAIT_TEXT}",
            [_p99("db_client_connection_wait_time_seconds")],
            unit="s",
            span=12,
            many=True,
            names=_LINES,
            limits=_WAIT,
        ),
        timeseries(
            "Held, p99",
            "Time from borrowing a connection to giving it back, estimated within the histogram's "
            "buckets: what is slow here makes others wait. Orange from 0.5 s, red from 2 s.",
            [_p99("db_client_connection_use_time_seconds")],
            unit="s",
            span=12,
            many=True,
            names=_LINES,
            limits=warn_fail(0.5, 2),
        ),
        timeseries(
            "Oldest checkout",
            "Age of the connection borrowed first. A line that only climbs is a leak. "
            "Orange from 5 s, red from 10 s, where the alert begins.",
            [Query(_by_pool("db_client_connection_oldest_checkout_seconds", how="max"), _POOL)],
            unit="s",
            span=12,
            many=True,
            names=_LINES,
            limits=warn_fail(5, 10),
        ),
    )


def _p99(metric: str) -> Query:
    return Query(
        quantile(0.99, metric, *_BY, series=of_run(f"{metric}_bucket", INSTANCE)),
        _POOL,
    )


def _by_pool(metric: str, *matchers: str, how: str = "sum") -> str:
    return f"{how} by (job, pool) ({of_run(metric, INSTANCE, *matchers)})"
