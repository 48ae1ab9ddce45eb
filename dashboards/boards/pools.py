"""*Pools*: everything finite that requests wait for, and which of it ran short first."""

from typing import Any, Final

from grafana_foundation_sdk.models.dashboard import Panel

from dress_rehearsal.dashboards.boards.client_pools import WAIT, WAIT_TEXT, client_pools, ranking
from dress_rehearsal.dashboards.boards.shared_limits import doors, machine, postgres, redis
from dress_rehearsal.dashboards.kit.dashboard import Section, dashboard_json
from dress_rehearsal.dashboards.kit.panels import gauge, stat, timeseries
from dress_rehearsal.dashboards.kit.promql import (
    INSTANCE,
    grown,
    highest,
    occurred,
    of_run,
    quantile,
    so_far,
    total,
)
from dress_rehearsal.dashboards.kit.query import Query
from dress_rehearsal.dashboards.kit.thresholds import fail_from, warn_fail

UID: Final = "rehearsal-pools"

_OPEN: Final = warn_fail(1, 2)
_SLOWEST: Final = 5
_HEIGHT: Final = 9


def pools() -> dict[str, Any]:
    """Return the dashboard."""
    return dashboard_json(
        UID,
        "Pools",
        "Used, waited for and run out: client pools, PostgreSQL, the accept queue, CPU, Redis.",
        [
            Section("At a glance", _at_a_glance()),
            Section("Who made requests wait", (ranking(),)),
            Section("Client pools", client_pools()),
            Section("PostgreSQL", postgres()),
            Section("Accept queue and event loop", doors()),
            Section("Ways out of the app", _boundaries()),
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
            Query(highest(waits), "wait p99"),
            unit="s",
            limits=WAIT,
        ),
        stat(
            "Waits that timed out",
            "Callers who gave up waiting for a connection, in all pools.",
            Query(total(of_run("db_client_connection_timeouts_total")) + " or vector(0)", "out"),
            limits=fail_from(1),
        ),
        stat(
            "Oldest checkout",
            "How long the connection borrowed first has been out. It grows without end when one "
            "leaks. Orange from 5 s, red from 10 s.",
            Query(f"max({of_run('db_client_connection_oldest_checkout_seconds')})", "oldest"),
            unit="s",
            limits=warn_fail(5, 10),
            sparkline=True,
        ),
        gauge(
            "PostgreSQL connections, at most",
            "Highest share of max_connections in use. Red from 80 %.",
            Query(highest(of_run("run:pg_connections:utilisation")), "of max_connections"),
            unit="percentunit",
            limits=warn_fail(0.6, 0.8),
            maximum=1,
        ),
        stat(
            "Accept queue overflows",
            "Connections the kernel turned away since the rehearsal began, because a listening "
            "process did not fetch them in time.",
            Query(grown(of_run("tcp_listen_overflows_total")), "overflows"),
            limits=fail_from(1),
            decimals=0,
        ),
        stat(
            "Event loop blocked, at most",
            "How late an app process' event loop ran a timer, at worst. "
            "Orange from 0.25 s, red from 1.5 s; just after T-0 a second is healthy.",
            Query(highest(of_run("app_event_loop_lag_seconds")), "lag"),
            unit="s",
            limits=warn_fail(0.25, 1.5),
        ),
    )


def _boundaries() -> tuple[Panel, ...]:
    """Return calls over boundaries, circuit breakers, and alerts the app sent."""
    state = of_run("circuit_breaker_state", INSTANCE)
    opened = of_run("circuit_breaker_opened_total", INSTANCE)
    alerts = of_run("alerts_total", INSTANCE)
    return (
        timeseries(
            "Slowest calls over a boundary, p99",
            f"To the stores, the enrolment API and the alert API, the {_SLOWEST} slowest of the "
            "time shown, waiting for a connection included. Not among them is read_grants, which "
            "waits for grants to write back. Orange from 0.5 s, red from 2 s.",
            [Query(_slowest_calls(), "{{kind}} {{name}}")],
            unit="s",
            height=_HEIGHT,
            many=True,
            limits=warn_fail(0.5, 2),
        ),
        timeseries(
            "Circuit breakers",
            "0 closed: all may ask. 1 half open: one tries. 2 open: nobody asks. The worst of "
            "all processes; those that stayed closed are not listed.",
            [
                Query(
                    occurred(f"max by (name) ({state})", state, "name", name="none opened"),
                    "{{name}}",
                )
            ],
            unit="none",
            height=_HEIGHT,
            stepped=True,
            limits=_OPEN,
            maximum=2,
        ),
        timeseries(
            "Circuits opened and alerts sent so far",
            "Times a circuit breaker opened, and alerts the app told its owners, by what became "
            "of them.",
            [
                Query(so_far(opened, "name", name="none"), "opened: {{name}}"),
                Query(
                    so_far(alerts, "kind", "result", kind="none", result="yet"),
                    "alert {{kind}} {{result}}",
                ),
            ],
            height=_HEIGHT,
            stepped=True,
        ),
    )


def _slowest_calls() -> str:
    """Return over time those calls that were slowest in all of the time shown."""
    name = "boundary_duration_seconds"
    series = of_run(f"{name}_bucket", INSTANCE, 'name!="read_grants"')
    of_all = f"sum by (le, kind, name) (max_over_time({series}[$__range] @ end()))"
    slowest = f"topk({_SLOWEST}, histogram_quantile(0.99, {of_all}) >= 0)"
    return f"{quantile(0.99, name, 'kind', 'name', series=series)} and on (kind, name) {slowest}"
