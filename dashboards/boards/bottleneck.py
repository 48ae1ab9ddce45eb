"""What requests wait for, while the rush goes on: pools, locks, the accept queue, processors.

It is what can be seen live. The report alone tells the cause, since it knows how much of each slow
request every wait made up.
"""

from typing import Final

from grafana_foundation_sdk.models.dashboard import Panel

from dress_rehearsal.dashboards.kit import colours, links
from dress_rehearsal.dashboards.kit.panels import stat, timeseries
from dress_rehearsal.dashboards.kit.promql import of_app, of_run, or_value, per_second, total
from dress_rehearsal.dashboards.kit.query import Query
from dress_rehearsal.dashboards.kit.thresholds import plain, warn_from
from dress_rehearsal.plans.names import POOLS
from dress_rehearsal.records.tables import CLIENT_POOLS

_POOLS: Final = "rehearsal-pools"
_LOCKS: Final = of_run("pg_lock_waiting")
_ACCEPT_QUEUE: Final = of_run("listen_queue_length")
_NAMES: Final = {
    "accept queue": POOLS["accept_queue"],
    **{f"{pool} pool": POOLS[pool] for pool in CLIENT_POOLS},
}
"""What the series of who waits are called."""
_FOREIGN: Final = of_run("machine_foreign_cpu_seconds_total")
_OTHERS: Final = per_second(_FOREIGN)


def waited_for_most() -> Panel:
    """Name what requests have waited for longest, all their waits added up."""
    return stat(
        "Waited for most so far",
        "The cause as far as it can be seen live: the pool of the app, the locks in "
        "PostgreSQL or the accept queue that requests have waited for longest, all of them "
        "together. Below a second in all it is nothing. The cause itself is below, once judged.",
        Query(_most_waited(), "{{what}}"),
        unit="suffix: s",
        limits=plain(colours.SERVER),
        named=True,
        names=_NAMES,
        decimals=0,
        links=[links.to_dashboard("Pools", _POOLS)],
    )


def _most_waited() -> str:
    """Return the longest sum of waits in s, its name in the label `what`.

    A pool's waits are measured. Of the others it is known how many wait: each counts for a second
    in every scrape that sees it.
    """
    waits = total(of_app("db_client_connection_wait_time_seconds_sum"), "pool")
    pools = (
        f'label_join(label_replace({waits}, "kind", "pool", "", ""), "what", " ", "pool", "kind")'
    )
    others = (
        f'label_replace(sum(sum_over_time({series}[$__range])), "what", "{name}", "", "")'
        for series, name in ((_LOCKS, "locks in PostgreSQL"), (_ACCEPT_QUEUE, "accept queue"))
    )
    every = " or ".join((f"sum by (what) ({pools})", *others))
    return or_value(f"topk(1, ({every}) > 1)", what="nothing")


def waiting_now() -> Panel:
    """Draw how many wait for what at each moment."""
    return timeseries(
        "Waiting now, by what for",
        "Requests that wait for a connection of a pool of the app, backends of PostgreSQL that "
        "wait for a lock, connections that nobody has accepted yet.",
        [
            Query(
                f"sum by (pool) ({of_app('db_client_connection_pending_requests')})",
                "{{pool}} pool",
            ),
            Query(f"sum({_LOCKS})", "locks in PostgreSQL", colours.FAULT),
            Query(f"sum({_ACCEPT_QUEUE})", "accept queue", colours.GREY),
        ],
        many=True,
        names=_NAMES,
        links=[links.to_dashboard("Pools", _POOLS)],
    )


def cpu_by_whom() -> Panel:
    """Draw whose the processors are."""
    return timeseries(
        "CPU by whom",
        "Processor seconds a second: 1 is one processor busy. Others are programs that have "
        "nothing to do with the rehearsal; what they take, the target and its students lack.",
        [
            Query(per_second(of_run("process_cpu_seconds_total"), "component"), "{{component}}"),
            Query(_OTHERS, "others", colours.FAILED),
        ],
        unit="suffix:CPUs",
        stacked=True,
        many=True,
    )


def others_cpu(span: int = 4) -> Panel:
    """Show the most that others took of the processors in a second."""
    return stat(
        "Others' CPU, at most",
        "The most processors that programs other than the rehearsal's took for a second. Orange "
        "from 0.3, where a run is inconclusive by default if they took it around T-0 and no "
        "processor was to spare. Nothing is shown where it is not measured.",
        Query(f"max_over_time(({_OTHERS})[$__range:1s])", "others"),
        unit="suffix:CPUs",
        limits=warn_from(0.3),
        span=span,
        decimals=2,
    )
