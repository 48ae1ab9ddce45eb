"""*Generator*: whether the measurement is to be believed, before anybody believes it."""

from typing import Any, Final

from grafana_foundation_sdk.models.dashboard import Panel

from dress_rehearsal.dashboards.boards.bottleneck import others_cpu
from dress_rehearsal.dashboards.kit import colours
from dress_rehearsal.dashboards.kit.dashboard import Section, dashboard_json
from dress_rehearsal.dashboards.kit.panels import note, stat, timeseries
from dress_rehearsal.dashboards.kit.promql import (
    of_run,
    per_second,
    quantile_of_all,
    so_far,
)
from dress_rehearsal.dashboards.kit.query import Query
from dress_rehearsal.dashboards.kit.thresholds import warn_fail, warn_from

UID: Final = "rehearsal-generator"

_LATE: Final = warn_fail(0.25, 1)
_LATE_TEXT: Final = "Orange from 0.25 s, red from 1 s, where a run is inconclusive by default."


def generator() -> dict[str, Any]:
    """Return the dashboard."""
    return dashboard_json(
        UID,
        "Generator",
        "Is the measurement to be believed? A generator that is late measures itself.",
        [
            Section("Is it to be believed?", _at_a_glance()),
            Section("On time", _on_time()),
            Section("Load and records", _records()),
        ],
    )


def _at_a_glance() -> tuple[Panel, ...]:
    return (
        stat(
            "Late start, p99 so far",
            "99 % of the requests were sent at most this late after the moment the student meant "
            f"to send them. {_LATE_TEXT}",
            Query(quantile_of_all(0.99, "generator_start_late_seconds"), "late p99"),
            unit="s",
            limits=_LATE,
            span=12,
            filled=True,
        ),
        others_cpu(span=12),
    )


def _on_time() -> tuple[Panel, ...]:
    cpu = of_run("process_cpu_seconds_total", 'component="generator"')
    return (
        timeseries(
            "Late start and loop lag",
            "From when a student meant to send to when it was sent, p99 of each quarter of a "
            f"second, and how late the generator's loop ran a timer. {_LATE_TEXT}",
            [
                Query(of_run("generator_late_start_seconds"), "late start p99, {{generator}}"),
                Query(of_run("generator_loop_lag_seconds"), "loop lag, {{generator}}"),
            ],
            unit="s",
            span=12,
            many=True,
            limits=_LATE,
        ),
        timeseries(
            "CPU of each generator",
            "A generator is one thread: from 0.9 processors on it is at its limit, and late soon.",
            [Query(per_second(cpu, "pid"), "pid {{pid}}")],
            unit="suffix:CPUs",
            span=12,
            many=True,
            limits=warn_fail(0.75, 0.9),
        ),
    )


def _records() -> tuple[Panel, ...]:
    return (
        timeseries(
            "In flight, connected, not yet written",
            "Requests sent and not yet answered, open connections to the target, and records still "
            "in memory, which a killed process loses.",
            [
                Query(f"sum by (generator) ({of_run(f'generator_{what}')})", name)
                for what, name in (
                    ("in_flight", "in flight, {{generator}}"),
                    ("connections", "connections, {{generator}}"),
                    ("unwritten_rows", "rows not written, {{generator}}"),
                )
            ],
            many=True,
        ),
        timeseries(
            "Collector's round",
            "How long one round of readings took; orange from 0.5 s, red from 1 s, when it "
            "misses its next one.",
            [Query(f"max({of_run('collector_tick_seconds')})", "round", colours.SERVER)],
            unit="s",
            limits=warn_fail(0.5, 1),
        ),
        timeseries(
            "Failed readings so far by source",
            "Readings that the collector could not make, which the report will lack; a source that "
            "never failed is not listed.",
            [
                Query(
                    so_far(of_run("collector_failed_total"), "source", source="none"), "{{source}}"
                )
            ],
            limits=warn_from(1),
            stepped=True,
        ),
        note(
            "When to doubt",
            "Latencies are counted from when a student *meant* to send. If **late start** is a "
            "large part of them, the generator was slow and not the target: give it a processor "
            "of its own, or another machine. If **others** took the CPU around T-0, or readings "
            "**failed**, the report calls the run inconclusive and says why.",
            span=24,
            height=4,
        ),
    )
