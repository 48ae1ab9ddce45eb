"""*Generator*: whether the measurement is to be believed, before anybody believes it."""

from typing import Any, Final

from grafana_foundation_sdk.models.dashboard import Panel

from dress_rehearsal.dashboards.boards.shared_panels import students_by_state
from dress_rehearsal.dashboards.kit import colours
from dress_rehearsal.dashboards.kit.dashboard import Section, dashboard_json
from dress_rehearsal.dashboards.kit.panels import gauge, note, stat, timeseries
from dress_rehearsal.dashboards.kit.promql import (
    highest,
    last,
    of_run,
    or_value,
    per_second,
    quantile,
    quantile_of_all,
    so_far,
    total,
)
from dress_rehearsal.dashboards.kit.query import Query
from dress_rehearsal.dashboards.kit.thresholds import Thresholds, plain, warn_fail, warn_from

UID: Final = "rehearsal-generator"

_LATE: Final = warn_fail(0.25, 1)
_LATE_TEXT: Final = "Orange from 0.25 s, red from 1 s, where a run is inconclusive by default."
_LAG: Final = warn_fail(0.1, 0.5)
_GENERATOR: Final = "{{generator}}"
_CPU: Final = of_run("process_cpu_seconds_total", 'component="generator"')


def generator() -> dict[str, Any]:
    """Return the dashboard."""
    return dashboard_json(
        UID,
        "Generator",
        "Is the measurement to be believed? A generator that is late measures itself.",
        [
            Section("Is it to be believed?", _at_a_glance()),
            Section("On time", _on_time()),
            Section("Load", _load()),
            Section("Records", _records()),
            Section("Processors and memory", _machine()),
        ],
    )


def _at_a_glance() -> tuple[Panel, ...]:
    never = of_run("generator_students", 'state="never_started"')
    return (
        stat(
            "Late start, p99 so far",
            "99 % of the requests were sent at most this late after the moment the student meant "
            f"to send them. {_LATE_TEXT}",
            Query(quantile_of_all(0.99, "generator_start_late_seconds"), "late p99"),
            unit="s",
            limits=_LATE,
            filled=True,
        ),
        stat(
            "Loop lag, at most",
            "How late a generator's own event loop was, at worst. "
            "Orange from 0.1 s, red from 0.5 s.",
            Query(highest(of_run("generator_loop_lag_seconds")), "lag"),
            unit="s",
            limits=_LAG,
        ),
        stat(
            "Requests ended",
            "Answered, failed or given up; by all generator processes together.",
            Query(total(of_run("generator_requests_total")), "requests"),
            limits=plain(colours.SERVER),
        ),
        stat(
            "Students not started",
            "Students who have not begun yet. What is left of them at the end was never measured.",
            Query(f"sum({never})", "not started"),
            limits=Thresholds(colours.OK, ((1, colours.GREY),)),
            sparkline=True,
        ),
        stat(
            "CPU of the machine, at most",
            "Highest share of all processors in use. From 95 % on the generator competes with "
            "what it measures.",
            Query(highest(of_run("machine_cpu_used_ratio")), "in use"),
            unit="percentunit",
            limits=warn_fail(0.8, 0.95),
            decimals=0,
        ),
        stat(
            "Failed readings",
            "Readings of a source that the collector could not make; what they would have said "
            "is missing from the report.",
            Query(or_value(total(of_run("collector_failed_total"))), "failed"),
            limits=warn_from(1),
        ),
    )


def _on_time() -> tuple[Panel, ...]:
    late = "generator_start_late_seconds"
    return (
        timeseries(
            "Late start by process, p99",
            f"From when a student meant to send to when it was sent, each second. {_LATE_TEXT}",
            [Query(of_run("generator_late_start_seconds"), _GENERATOR)],
            unit="s",
            many=True,
            limits=_LATE,
        ),
        timeseries(
            "Late start, all processes",
            f"Median and p99 over the last moments. {_LATE_TEXT}",
            [
                Query(quantile(0.99, late), "p99", colours.FELT_P99),
                Query(quantile(0.5, late), "p50", colours.FELT_P50),
            ],
            unit="s",
            limits=_LATE,
        ),
        timeseries(
            "Loop lag",
            "How late each generator's loop ran a timer. Orange from 0.1 s, red from 0.5 s.",
            [Query(of_run("generator_loop_lag_seconds"), _GENERATOR)],
            unit="s",
            many=True,
            limits=_LAG,
        ),
    )


def _load() -> tuple[Panel, ...]:
    return (
        students_by_state(),
        timeseries(
            "Requests by process",
            "Ended a second. Processes that share the students evenly run side by side.",
            [Query(per_second(of_run("generator_requests_total"), "generator"), _GENERATOR)],
            unit="reqps",
            span=12,
            many=True,
        ),
        timeseries(
            "In flight",
            "Requests sent and not yet answered.",
            [_of_each("generator_in_flight")],
            span=12,
            many=True,
        ),
        timeseries(
            "Connections",
            "Open connections to the target.",
            [_of_each("generator_connections")],
            span=12,
            many=True,
        ),
    )


def _records() -> tuple[Panel, ...]:
    return (
        timeseries(
            "Rows not yet written",
            "Records still in memory; a killed process loses these. Orange from 50,000.",
            [_of_each("generator_unwritten_rows")],
            many=True,
            limits=warn_from(50_000),
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
            "Readings that the collector could not make; a source that never failed is not listed.",
            [
                Query(
                    so_far(of_run("collector_failed_total"), "source", source="none"), "{{source}}"
                )
            ],
            limits=warn_from(1),
            stepped=True,
        ),
    )


def _machine() -> tuple[Panel, ...]:
    memory = of_run("process_resident_memory_bytes", 'component="generator"')
    return (
        timeseries(
            "CPU of each generator",
            "A generator is one thread: from 0.9 processors on it is at its limit, and late soon.",
            [Query(per_second(_CPU, "pid"), "pid {{pid}}")],
            unit="suffix:CPUs",
            many=True,
            limits=warn_fail(0.75, 0.9),
        ),
        timeseries(
            "CPU of the machine",
            "Share of all processors in use. Orange from 80 %, red from 95 %.",
            [Query(f"max({of_run('machine_cpu_used_ratio')})", "machine", colours.SERVER)],
            unit="percentunit",
            maximum=1,
            limits=warn_fail(0.8, 0.95),
        ),
        timeseries(
            "Memory",
            "Resident, of the generators together; their share of the machine's is below.",
            [Query(f"sum({memory})", "generators", colours.FELT_P99)],
            unit="bytes",
        ),
        note(
            "When to doubt",
            "Latencies are counted from when a student *meant* to send. If **late start** is a "
            "large part of them, the generator was slow and not the target: use more generator "
            "processes, or another machine. If students are left **not started** at the end, or "
            "rows unwritten, the report calls the run inconclusive.",
            span=18,
            height=4,
        ),
        gauge(
            "Share of the machine's memory, at most",
            "Sum of each generator's highest resident memory. Orange from 50 %, red from 80 %.",
            Query(
                f"{highest(memory, 'sum')} / max({last(of_run('machine_memory_bytes'))})",
                "of the machine's memory",
            ),
            unit="percentunit",
            limits=warn_fail(0.5, 0.8),
            maximum=1,
            span=6,
        ),
    )


def _of_each(metric: str) -> Query:
    """Ask for a gauge of each generator process."""
    return Query(f"sum by (generator) ({of_run(metric)})", _GENERATOR)
