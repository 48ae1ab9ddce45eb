"""Containers: how near each one is to its limits, and how often the kernel held it back."""

from typing import Final

from grafana_foundation_sdk.models.dashboard import Panel

from dress_rehearsal.dashboards.kit import colours
from dress_rehearsal.dashboards.kit.panels import timeseries
from dress_rehearsal.dashboards.kit.promql import of_run, or_zero, per_second, so_far
from dress_rehearsal.dashboards.kit.query import Query
from dress_rehearsal.dashboards.kit.thresholds import warn_fail

_NAME: Final = "{{container}}"
_BY: Final = "container"


def containers() -> tuple[Panel, ...]:
    """Return each container's CPU and memory against its limits."""
    quota, period = (of_run(f"container_spec_cpu_{name}") for name in ("quota", "period"))
    throttled, periods = (
        per_second(of_run(f"container_cpu_cfs_{name}_total"), _BY)
        for name in ("throttled_periods", "periods")
    )
    used = of_run("container_cpu_usage_seconds_total")
    killed = of_run("container_oom_events_total")
    return (
        timeseries(
            "CPU of each container",
            "Processor seconds a second, processes that came and went included; dashed is what its "
            "limit lets it use, held back what it would have used without.",
            [
                Query(_or_none(per_second(used, _BY)), _NAME),
                Query(
                    _or_none(per_second(of_run("container_cpu_cfs_throttled_seconds_total"), _BY)),
                    f"{_NAME} held back",
                ),
                Query(
                    _or_none(f"max by ({_BY}) ({quota} / {period})"), f"{_NAME} limit", dashed=True
                ),
            ],
            unit="suffix:CPUs",
            span=12,
            many=True,
        ),
        timeseries(
            "Throttled",
            "The share of its periods (a tenth of a second each) in which a container had used up "
            "its CPU limit and was held back until the next. Orange from 25 %, red from 50 %, "
            "where the alert begins if it lasts.",
            [Query(_or_none(f"{throttled} / ({periods} > 0)"), _NAME)],
            unit="percentunit",
            span=12,
            many=True,
            limits=warn_fail(0.25, 0.5),
        ),
        timeseries(
            "Memory of each container",
            "What it needs: in use less the file cache that could be given back at once. Dashed is "
            "its limit, where the kernel kills.",
            [
                Query(
                    _or_none(f"max by ({_BY}) ({of_run('container_memory_working_set_bytes')})"),
                    _NAME,
                ),
                Query(
                    _or_none(f"max by ({_BY}) ({of_run('container_spec_memory_limit_bytes')})"),
                    f"{_NAME} limit",
                    dashed=True,
                ),
            ],
            unit="bytes",
            span=12,
            many=True,
        ),
        timeseries(
            "Killed for memory so far",
            "Processes that the kernel has killed since the rehearsal began because their "
            "container needed more memory than its limit.",
            [
                Query(so_far(killed, _BY, container="none"), _NAME, colours.FAILED),
            ],
            span=12,
            many=True,
            stepped=True,
        ),
    )


def _or_none(expr: str) -> str:
    """Return an expression that is zero, of the container "none", where a run has no containers."""
    return or_zero(expr, container="none")
