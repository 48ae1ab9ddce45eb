"""Every metric a rehearsal exports or records, and a reader of the names in a PromQL expression."""

import re

_HISTOGRAMS = {
    "http_server_request_duration_seconds",
    "db_client_connection_wait_time_seconds",
    "db_client_connection_use_time_seconds",
    "boundary_duration_seconds",
    "writeback_batch_seconds",
    "generator_felt_seconds",
    "generator_start_late_seconds",
}
_APP = {
    "http_server_requests_total",
    "http_server_active_requests",
    "db_client_connections",
    "db_client_connection_max",
    "db_client_connection_pending_requests",
    "db_client_connection_used_peak",
    "db_client_connection_pending_peak",
    "db_client_connection_timeouts_total",
    "db_client_connection_oldest_checkout_seconds",
    "boundary_calls_total",
    "app_event_loop_lag_seconds",
    "app_worker_open",
    "tickets_granted_total",
    "tickets_refused_total",
    "waiting_room_joined",
    "waiting_room_watermark",
    "waiting_room_inside",
    "waiting_room_streams",
    "gate_scans_total",
    "circuit_breaker_state",
    "circuit_breaker_opened_total",
    "alerts_total",
    "fault_grade",
    "allocator_retries_total",
}
_WRITEBACK = {
    "writeback_backlog",
    "writeback_oldest_age_seconds",
    "writeback_committed_total",
    "writeback_redelivered_total",
    "writeback_poisoned_total",
    "writeback_dead_letters",
}
_STORES = {
    "pg_up",
    "pg_connections_used",
    "pg_settings_max_connections",
    "pg_lock_waiting",
    "pg_stat_activity_backends",
    "pg_stat_database_xact_commit_total",
    "pg_stat_database_xact_rollback_total",
    "pg_stat_database_deadlocks_total",
    "redis_up",
    "redis_connected_clients",
    "redis_maxclients",
    "redis_blocked_clients",
    "redis_used_memory_bytes",
    "redis_maxmemory_bytes",
    "redis_commands_processed_total",
    "redis_stream_length",
    "redis_stream_pending",
    "redis_stream_lag",
    "event_views_total",
    "tickets_held",
}
_MACHINE = {
    "machine_cpu_used_ratio",
    "machine_memory_bytes",
    "tcp_listen_overflows_total",
    "tcp_listen_drops_total",
    "tcp_syn_retrans_total",
    "listen_queue_length",
    "listen_queue_limit",
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
    "process_open_fds",
    "collector_tick_seconds",
    "collector_failed_total",
}
_GENERATOR = {
    "generator_loop_lag_seconds",
    "generator_late_start_seconds",
    "generator_requests_total",
    "generator_in_flight",
    "generator_connections",
    "generator_unwritten_rows",
    "generator_students",
    "generator_outcomes_total",
}
_REHEARSAL = {
    "rehearsal_info",
    "rehearsal_event_tickets",
    "rehearsal_event_students",
    "rehearsal_opens_at_timestamp_seconds",
    "rehearsal_timeline_timestamp_seconds",
    "rehearsal_verdict",
    "rehearsal_gate",
    "rehearsal_audit",
    "rehearsal_settle_seconds",
    "rehearsal_started_timestamp_seconds",
}
RECORDED = frozenset(
    {
        *(f"run_route:http_server_request_duration_seconds:p{q}" for q in (50, 90, 99)),
        *(f"run_step:generator_felt_seconds:p{q}" for q in (50, 90, 99)),
        "run_pool:db_client_connection_wait_time_seconds:p99",
        "run_pool:db_client_connections:utilisation",
        "run:http_server_requests:error_ratio",
        "run:http_server_active_requests:sum",
        "run:pg_connections:utilisation",
    }
)
"""What `dashboards/rules/recording.yml` records."""

BY_PROMETHEUS = frozenset({"up", "scrape_duration_seconds", "ALERTS", "ALERTS_FOR_STATE"})
"""What Prometheus itself adds."""

METRIC_NAMES = frozenset(
    _APP
    | _WRITEBACK
    | _STORES
    | _MACHINE
    | _GENERATOR
    | _REHEARSAL
    | {f"{name}_{part}" for name in _HISTOGRAMS for part in ("bucket", "sum", "count")}
    | RECORDED
)
"""Every series name a dashboard or a rule may use."""

_WORDS = frozenset(["and", "or", "unless", "offset", "bool", "inf", "nan", "start", "end"])
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'')
_BRACES = re.compile(r"\{[^{}]*\}")
_BRACKETS = re.compile(r"\[[^\[\]]*\]")
_LABELS = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^()]*\)")
_MODIFIERS = re.compile(r"\b(?:group_left|group_right)\b")
_NAME = re.compile(r"(?<![\w.:$])[A-Za-z_:][\w:]*\b(?!\s*\()")


def names_in(expression: str) -> set[str]:
    """Return the metric names a PromQL expression reads; variables must be filled in before."""
    text = expression
    for part in (_QUOTED, _BRACES, _BRACKETS, _LABELS, _MODIFIERS):
        text = part.sub(" ", text)
    text = re.sub(r"\boffset\s+-?\w+", " ", text)
    return {name for name in _NAME.findall(text) if name.lower() not in _WORDS}
