"""*Pools*: everything finite that requests wait for, and which of it ran short first."""

from typing import Any, Final

from grafana_foundation_sdk.models.dashboard import Panel

from dress_rehearsal.dashboards.boards.client_pools import client_pools, ranking
from dress_rehearsal.dashboards.boards.containers import containers
from dress_rehearsal.dashboards.boards.shared_limits import doors, machine, postgres, redis
from dress_rehearsal.dashboards.kit.dashboard import Section, dashboard_json
from dress_rehearsal.dashboards.kit.panels import gauge, stat, timeseries
from dress_rehearsal.dashboards.kit.promql import (
    INSTANCE,
    grown,
    highest,
    occurred,
    of_app,
    of_run,
    quantile,
    so_far,
)
from dress_rehearsal.dashboards.kit.query import Query
from dress_rehearsal.dashboards.kit.thresholds import fail_from, warn_fail

UID: Final = "rehearsal-pools"

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
            Section("Machine", machine()),
            Section("Redis", redis()),
            Section("Containers", containers(), optional=True),
            Section("Ways out of the app, and faults", _ways_out(), optional=True),
        ],
    )


def _at_a_glance() -> tuple[Panel, ...]:
    length, limit = (
        f"max_over_time({of_run(f'listen_queue_{name}')}[$__range])" for name in ("length", "limit")
    )
    return (
        gauge(
            "PostgreSQL, at most",
            "Highest share of max_connections in use. Red from 80 %, where the alert begins.",
            Query(highest(of_run("run:pg_connections:utilisation")), "of max_connections"),
            limits=warn_fail(0.6, 0.8),
        ),
        gauge(
            "Accept queue, at most",
            "Highest share of the accept queue in use. When it is full the kernel drops further "
            "connections, and their students wait for seconds. Orange from 50 %, red from 80 %.",
            Query(f"max({length} / {limit})", "of the queue"),
            limits=warn_fail(0.5, 0.8),
        ),
        stat(
            "Connections the kernel turned away or tried again",
            "Since the rehearsal began: connections that the target's own sockets turned away, and "
            "on the whole machine those turned away, those dropped and first packets sent again.",
            *(
                Query(grown(of_run(f"{counter}_total")), name)
                for counter, name in (
                    ("listen_queue_drops", "the target's"),
                    ("tcp_listen_overflows", "the machine's"),
                    ("tcp_listen_drops", "dropped"),
                    ("tcp_syn_retrans", "sent again"),
                )
            ),
            limits=fail_from(1),
            span=12,
            decimals=0,
            named=True,
        ),
        stat(
            "Event loop, at most",
            "How late an app process' event loop ran a timer, at worst. "
            "Orange from 0.25 s, red from 1.5 s; just after T-0 a second is healthy.",
            Query(highest(of_run("app_event_loop_lag_seconds")), "lag"),
            unit="s",
            limits=warn_fail(0.25, 1.5),
        ),
    )


def _ways_out() -> tuple[Panel, ...]:
    """Return calls over boundaries, what failed there, and faults."""
    state = of_run("circuit_breaker_state", INSTANCE)
    failures = of_run("boundary_calls_total", 'result="failure"', INSTANCE)
    opened = of_run("circuit_breaker_opened_total", INSTANCE)
    alerts = of_run("alerts_total", INSTANCE)
    grade = of_app("fault_grade")
    return (
        timeseries(
            "Slowest calls over a boundary, p99",
            f"To the stores, the enrolment API and the alert API, the {_SLOWEST} slowest of the "
            "time shown, waiting for a connection included. Not among them is read_grants, which "
            "waits for grants to write back. Estimated within the histogram's buckets. Orange from "
            "0.5 s, red from 2 s.",
            [Query(_slowest_calls(), "{{kind}} {{name}}")],
            unit="s",
            height=_HEIGHT,
            many=True,
            limits=warn_fail(0.5, 2),
        ),
        timeseries(
            "Calls failed, circuits and alerts so far",
            "Calls that failed on the way out of the app, circuit breakers that are not closed now "
            "(1: one call tries, 2: nobody asks) and how often they opened, and alerts the app "
            "told its owners, by what became of them.",
            [
                Query(
                    so_far(failures, "kind", "name", kind="none", name="failed"),
                    "{{kind}} {{name}}",
                ),
                Query(
                    occurred(f"max by (name) ({state})", state, "name", name="none"),
                    "circuit {{name}}",
                ),
                Query(so_far(opened, "name", name="none"), "opened: {{name}}"),
                Query(
                    so_far(alerts, "kind", "result", kind="none", result="yet"),
                    "alert {{kind}} {{result}}",
                ),
            ],
            height=_HEIGHT,
            stepped=True,
        ),
        timeseries(
            "Faults switched on",
            "Grade of each fault the plan or a person has switched on; zero is off.",
            [
                Query(
                    occurred(f"max by (fault) ({grade})", grade, "fault", fault="none"),
                    "{{fault}}",
                )
            ],
            unit="none",
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
