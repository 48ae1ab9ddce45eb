"""*Pools*: everything finite that requests wait for, and which of it ran short first."""

from typing import Any, Final

from grafana_foundation_sdk.models.dashboard import Panel

from dashboards.boundaries import boundaries
from dashboards.client_pools import WAIT, WAIT_TEXT, client_pools, ranking
from dashboards.frame import Section, framed
from dashboards.panels import gauge, stat
from dashboards.promql import grown, of_run, total
from dashboards.shared_limits import doors, machine, postgres, redis
from dashboards.source import Query
from dashboards.steps import fail_from, warn_fail

UID: Final = "rehearsal-pools"


def pools() -> dict[str, Any]:
    """Give the dashboard."""
    return framed(
        UID,
        "Pools",
        "Used, waited for and run out: client pools, PostgreSQL, the accept queue, CPU, Redis.",
        [
            Section("At a glance", _at_a_glance()),
            Section("Who made requests wait", (ranking(),)),
            Section("Client pools", client_pools()),
            Section("PostgreSQL", postgres()),
            Section("Accept queue and event loop", doors()),
            Section("Ways out of the app", boundaries()),
            Section("Machine", machine()),
            Section("Redis", redis()),
        ],
    )


def _at_a_glance() -> tuple[Panel, ...]:
    waits = of_run("run_pool:db_client_connection_wait_time_seconds:p99")
    return (
        stat(
            "Longest pool wait, p99",
            "The worst ten seconds of any pool: wait is the evidence of a pool too small or held "
            f"too long. {WAIT_TEXT}",
            Query(f"max(max_over_time({waits}[$__range]))", "wait p99"),
            unit="s",
            limits=WAIT,
        ),
        stat(
            "Waits that timed out",
            "Callers who gave up waiting for a connection, in all pools.",
            Query(total(of_run("db_client_connection_timeouts_total")) + " or vector(0)", "out"),
            unit="locale",
            limits=fail_from(1),
        ),
        stat(
            "Oldest checkout",
            "How long the connection borrowed first has been out. It grows without end when one "
            "leaks. Orange from 5 s, red from 10 s.",
            Query(f"max({of_run('db_client_connection_oldest_checkout_seconds')})", "oldest"),
            unit="s",
            limits=warn_fail(5, 10),
            course=True,
        ),
        gauge(
            "PostgreSQL connections, at most",
            "Highest share of max_connections in use. Red from 80 %.",
            Query(
                f"max(max_over_time({of_run('run:pg_connections:utilisation')}[$__range]))",
                "of max_connections",
            ),
            unit="percentunit",
            limits=warn_fail(0.6, 0.8),
            maximum=1,
        ),
        stat(
            "Accept queue overflows",
            "Connections the kernel turned away since the rehearsal began, because a listening "
            "process did not fetch them in time.",
            Query(grown(of_run("tcp_listen_overflows_total")), "overflows"),
            unit="locale",
            limits=fail_from(1),
            decimals=0,
        ),
        stat(
            "Event loop blocked, at most",
            "How late an app process' event loop ran a timer, at worst. "
            "Orange from 0.25 s, red from 1.5 s; just after T-0 a second is healthy.",
            Query(f"max(max_over_time({of_run('app_event_loop_lag_seconds')}[$__range]))", "lag"),
            unit="s",
            limits=warn_fail(0.25, 1.5),
        ),
    )
