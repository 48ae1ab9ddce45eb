"""What the targets of a rehearsal export: every metric with labels as they come."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

RUN: Final = "20260601T120000-smoke-ab12"
RULES: Final = Path(__file__).parents[2] / "dashboards" / "rules" / "recording.yml"


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric, and the label sets it comes with, without those of its target."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    job: str
    labels: tuple[str, ...] = ("",)
    always: bool = True
    """Whether it is there in any rehearsal, also where nothing of its kind happened."""

    def series(self, end: str = "") -> Iterator[tuple[str, str]]:
        """Return series and their samples, one a second for a minute, as `promtool` reads them.

        Args:
            end: what comes after the minute.
        """
        port = {"app": 9101, "writeback": 9102, "harness": 9103}[self.job]
        target = f'run="{RUN}",job="{self.job}",instance="127.0.0.1:{port}"'
        for labels in self.labels:
            inside = f"{target},{labels}" if labels else target
            if self.kind == "histogram":
                for grown, edge in enumerate(("0.01", "0.1", "1", "+Inf"), start=1):
                    yield f'{self.name}_bucket{{{inside},le="{edge}"}}', f"0+{grown}x60{end}"
                yield f"{self.name}_count{{{inside}}}", f"0+4x60{end}"
                yield f"{self.name}_sum{{{inside}}}", f"0+2x60{end}"
            else:
                samples = "0+2x60" if self.kind == "counter" else "3+0x60"
                yield f"{self.name}{{{inside}}}", f"{samples}{end}"


_POOLS: Final = ('pool="postgres"', 'pool="redis"')
_ROUTES: Final = (
    'method="POST",route="/events/{event}/tickets"',
    'method="POST",route="/login"',
)
_STEPS: Final = (
    'step="POST /events/{event}/tickets",role="purchase"',
    'step="POST /login",role="login"',
)
_GENERATORS: Final = ('generator="worker-1"', 'generator="worker-2"')
_STATES: Final = (
    "never_started",
    "in_flight",
    "ticket",
    "sold_out",
    "refused",
    "gave_up",
    "failed",
    "unknown",
)
_CONTAINERS: Final = ('container="app-1"', 'container="app-2"')
_COMPONENTS: Final = tuple(
    f'component="{name}",pid="{pid}"'
    for pid, name in enumerate(("app", "postgres", "redis", "generator", "conductor"), start=100)
)


def _gauges(job: str, *names: str, labels: tuple[str, ...] = ("",)) -> list[Metric]:
    return [Metric(name, "gauge", job, labels) for name in names]


def _counters(job: str, *names: str, labels: tuple[str, ...] = ("",)) -> list[Metric]:
    return [Metric(name, "counter", job, labels) for name in names]


def _seldom(kind: Literal["counter", "gauge"], job: str, name: str, labels: str = "") -> Metric:
    return Metric(name, kind, job, (labels,), always=False)


EXPORTED: Final = (
    # the app's processes
    Metric(
        "http_server_requests_total", "counter", "app", tuple(f'{r},status="200"' for r in _ROUTES)
    ),
    _seldom(
        "counter",
        "app",
        "http_server_requests_total",
        'method="POST",route="/login",status="503"',
    ),
    Metric("http_server_request_duration_seconds", "histogram", "app", _ROUTES),
    *_gauges("app", "http_server_active_requests", "app_event_loop_lag_seconds"),
    Metric(
        "db_client_connections",
        "gauge",
        "app",
        tuple(f'{pool},state="{state}"' for pool in _POOLS for state in ("used", "idle")),
    ),
    *_gauges(
        "app",
        "db_client_connection_max",
        "db_client_connection_pending_requests",
        "db_client_connection_used_peak",
        "db_client_connection_pending_peak",
        "db_client_connection_oldest_checkout_seconds",
        labels=_POOLS,
    ),
    _seldom("counter", "app", "db_client_connection_timeouts_total", 'pool="postgres"'),
    Metric("db_client_connection_wait_time_seconds", "histogram", "app", _POOLS),
    Metric("db_client_connection_use_time_seconds", "histogram", "app", _POOLS),
    Metric("db_client_connection_create_time_seconds", "histogram", "app", _POOLS),
    Metric("boundary_calls_total", "counter", "app", ('kind="db",name="roster",result="success"',)),
    _seldom("counter", "app", "boundary_calls_total", 'kind="db",name="roster",result="failure"'),
    Metric("boundary_duration_seconds", "histogram", "app", ('kind="db",name="roster"',)),
    _seldom("counter", "app", "tickets_granted_total", 'allocation="redis_writeback"'),
    _seldom("counter", "app", "tickets_refused_total", 'code="already_holds_ticket"'),
    *(
        _seldom("gauge", "app", f"waiting_room_{name}")
        for name in ("joined", "watermark", "inside", "streams")
    ),
    _seldom("counter", "app", "gate_scans_total", 'result="admitted"'),
    _seldom("gauge", "app", "circuit_breaker_state", 'name="enrolment"'),
    _seldom("counter", "app", "circuit_breaker_opened_total", 'name="enrolment"'),
    _seldom("counter", "app", "alerts_total", 'kind="pool",result="told"'),
    _seldom("gauge", "app", "fault_grade", 'fault="leak"'),
    _seldom("counter", "app", "allocator_retries_total", 'allocation="optimistic"'),
    # the write-back
    *(
        _seldom("gauge", "writeback", f"writeback_{name}")
        for name in ("backlog", "oldest_age_seconds", "dead_letters")
    ),
    *(
        _seldom("counter", "writeback", f"writeback_{name}_total")
        for name in ("committed", "redelivered", "poisoned")
    ),
    Metric("writeback_batch_seconds", "histogram", "writeback", always=False),
    # the conductor, of PostgreSQL, Redis and the machine
    *_gauges("harness", "pg_up", "pg_connections_used", "pg_settings_max_connections"),
    *_gauges("harness", "pg_lock_waiting"),
    *_gauges("harness", "pg_stat_activity_backends", labels=('state="active"', 'state="idle"')),
    *_counters(
        "harness",
        "pg_stat_database_xact_commit_total",
        "pg_stat_database_xact_rollback_total",
        "pg_stat_database_deadlocks_total",
    ),
    *_gauges("harness", "redis_up", "redis_connected_clients", "redis_maxclients"),
    *_gauges("harness", "redis_blocked_clients", "redis_used_memory_bytes"),
    *_gauges("harness", "redis_maxmemory_bytes"),
    *_counters("harness", "redis_commands_processed_total"),
    _seldom("gauge", "harness", "redis_stream_length", 'stream="grants"'),
    _seldom("gauge", "harness", "redis_stream_pending", 'stream="grants",group="writeback"'),
    _seldom("gauge", "harness", "redis_stream_lag", 'stream="grants",group="writeback"'),
    _seldom(
        "gauge", "writeback", "kafka_consumergroup_lag", 'consumergroup="g-writeback",topic="g"'
    ),
    _seldom("counter", "harness", "event_views_total", 'event="festival"'),
    *_gauges("harness", "machine_cpu_used_ratio", "machine_memory_bytes"),
    *_counters(
        "harness",
        "machine_foreign_cpu_seconds_total",
        "tcp_listen_overflows_total",
        "tcp_listen_drops_total",
        "tcp_syn_retrans_total",
    ),
    *_gauges("harness", "listen_queue_length", "listen_queue_limit", labels=('port="8000"',)),
    *_counters("harness", "listen_queue_drops_total", labels=('port="8000"',)),
    *_counters(
        "harness",
        "process_cpu_seconds_total",
        "process_cpu_wait_seconds_total",
        labels=_COMPONENTS,
    ),
    *_gauges("harness", "process_resident_memory_bytes", "process_open_fds", labels=_COMPONENTS),
    *_gauges(
        "harness",
        "container_spec_cpu_quota",
        "container_spec_cpu_period",
        "container_memory_working_set_bytes",
        "container_spec_memory_limit_bytes",
        labels=_CONTAINERS,
    ),
    *_counters(
        "harness",
        "container_cpu_usage_seconds_total",
        "container_cpu_cfs_periods_total",
        "container_cpu_cfs_throttled_periods_total",
        "container_cpu_cfs_throttled_seconds_total",
        "container_oom_events_total",
        labels=_CONTAINERS,
    ),
    *_gauges("harness", "collector_tick_seconds"),
    _seldom("counter", "harness", "collector_failed_total", 'source="postgres"'),
    # the conductor, of the generators
    *_gauges(
        "harness",
        "generator_loop_lag_seconds",
        "generator_late_start_seconds",
        "generator_in_flight",
        "generator_connections",
        "generator_unwritten_rows",
        labels=_GENERATORS,
    ),
    *_counters("harness", "generator_requests_total", labels=_GENERATORS),
    *_gauges(
        "harness",
        "generator_arrivals_last_second",
        "generator_sent_last_second",
        labels=_GENERATORS,
    ),
    *_gauges(
        "harness",
        "generator_answers_last_second",
        labels=tuple(f'{who},outcome="{end}"' for who in _GENERATORS for end in ("ok", "failed")),
    ),
    *_gauges(
        "harness",
        "generator_felt_p99_last_second_seconds",
        labels=tuple(f"{who},{step}" for who in _GENERATORS for step in _STEPS),
    ),
    *_gauges(
        "harness",
        "generator_students",
        labels=tuple(f'{who},state="{state}"' for who in _GENERATORS for state in _STATES),
    ),
    *_counters(
        "harness",
        "generator_outcomes_total",
        labels=tuple(f'{who},outcome="ok"' for who in _GENERATORS),
    ),
    _seldom(
        "counter", "harness", "generator_outcomes_total", 'generator="worker-1",outcome="failed"'
    ),
    Metric(
        "generator_felt_seconds",
        "histogram",
        "harness",
        tuple(f"{who},{step}" for who in _GENERATORS for step in _STEPS),
    ),
    Metric("generator_start_late_seconds", "histogram", "harness", _GENERATORS),
    # the conductor, of the rehearsal
    *_gauges(
        "harness",
        "rehearsal_info",
        labels=(
            'plan="smoke",stage="embedded",allocation="row_lock",waiting_room="none",workers="2"',
        ),
    ),
    *_gauges("harness", "rehearsal_event_tickets", "rehearsal_event_students"),
    *_gauges("harness", "rehearsal_opens_at_timestamp_seconds"),
    *_gauges(
        "harness",
        "rehearsal_timeline_timestamp_seconds",
        labels=('kind="t0",name="open",state="",text="sales open"',),
    ),
    *_gauges("harness", "tickets_held", labels=('store="postgres"',)),
    _seldom("gauge", "harness", "tickets_held", 'store="redis"'),
    *_gauges(
        "harness",
        "rehearsal_started_timestamp_seconds",
        labels=(f'rehearsal="{RUN}",plan="smoke",verdict="pass",report="/runs/r/report.html"',),
    ),
    _seldom("gauge", "harness", "rehearsal_verdict", 'verdict="pass"'),
    _seldom(
        "gauge",
        "harness",
        "rehearsal_gate",
        'metric="census.failed",limit="== 0",status="pass",bound="none"',
    ),
    _seldom("gauge", "harness", "rehearsal_audit", 'counter="oversold"'),
    _seldom("gauge", "harness", "rehearsal_settle_seconds"),
    _seldom(
        "gauge", "harness", "rehearsal_cause", 'cause="Cause: none; nobody bought.",resource="none"'
    ),
)

HISTOGRAMS: Final = frozenset(metric.name for metric in EXPORTED if metric.kind == "histogram")
RECORDED: Final = frozenset(
    re.findall(r"(?m)^\s*(?:- )?record: (\S+)$", RULES.read_text(encoding="utf-8"))
)
METRICS: Final = frozenset({metric.name for metric in EXPORTED} | RECORDED | {"ALERTS"})
"""What a panel or an annotation may ask for."""
