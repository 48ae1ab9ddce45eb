"""Boundaries of the app: how long what lies beyond them takes, and what is done when it fails."""

from typing import Final

from grafana_foundation_sdk.models.dashboard import Panel

from dashboards.panels import timeseries
from dashboards.promql import INSTANCE, of_run, or_zero, quantile, so_far
from dashboards.source import Query
from dashboards.steps import warn_fail

_SPAN: Final = 8
_OPEN: Final = warn_fail(1, 2)


def boundaries() -> tuple[Panel, ...]:
    """Give calls over boundaries, circuit breakers, and alerts the app sent."""
    duration = "boundary_duration_seconds"
    calls = quantile(0.99, duration, "kind", "name", series=of_run(f"{duration}_bucket", INSTANCE))
    state = of_run("circuit_breaker_state", INSTANCE)
    alerts = so_far(of_run("alerts_total", INSTANCE), "kind", "result")
    return (
        timeseries(
            "Calls over a boundary, p99",
            "To the stores, the enrolment API and the alert API, waiting for a connection "
            "included. Orange from 0.5 s, red from 2 s.",
            [Query(calls, "{{kind}} {{name}}")],
            unit="s",
            span=_SPAN,
            many=True,
            limits=warn_fail(0.5, 2),
        ),
        timeseries(
            "Circuit breakers",
            "0 closed: all may ask. 1 half open: one tries. 2 open: nobody asks. The worst of "
            "all processes.",
            [Query(or_zero(f"max by (name) ({state})", name="none"), "{{name}}")],
            unit="none",
            span=_SPAN,
            stepped=True,
            limits=_OPEN,
            maximum=2,
        ),
        timeseries(
            "Circuits opened and alerts sent so far",
            "Times a circuit breaker opened, and alerts the app told its owners, by what became "
            "of them.",
            [
                Query(
                    or_zero(
                        so_far(of_run("circuit_breaker_opened_total", INSTANCE), "name"),
                        name="none",
                    ),
                    "opened: {{name}}",
                ),
                Query(or_zero(alerts, kind="none", result="yet"), "alert {{kind}} {{result}}"),
            ],
            unit="short",
            span=_SPAN,
            stepped=True,
        ),
    )
