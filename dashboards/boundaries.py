"""Boundaries of the app: how long what lies beyond them takes, and what is done when it fails."""

from typing import Final

from grafana_foundation_sdk.models.dashboard import Panel

from dashboards.panels import timeseries
from dashboards.promql import INSTANCE, occurred, of_run, quantile, so_far
from dashboards.source import Query
from dashboards.steps import warn_fail

_SPAN: Final = 8
_OPEN: Final = warn_fail(1, 2)
_SLOWEST: Final = 5
_HEIGHT: Final = 9


def boundaries() -> tuple[Panel, ...]:
    """Give calls over boundaries, circuit breakers, and alerts the app sent."""
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
            span=_SPAN,
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
            span=_SPAN,
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
            unit="locale",
            span=_SPAN,
            height=_HEIGHT,
            stepped=True,
        ),
    )


def _slowest_calls() -> str:
    """Give the course of those calls that were slowest over the time shown."""
    name = "boundary_duration_seconds"
    series = of_run(f"{name}_bucket", INSTANCE, 'name!="read_grants"')
    of_all = f"sum by (le, kind, name) (max_over_time({series}[$__range] @ end()))"
    slowest = f"topk({_SLOWEST}, histogram_quantile(0.99, {of_all}) >= 0)"
    return f"{quantile(0.99, name, 'kind', 'name', series=series)} and on (kind, name) {slowest}"
