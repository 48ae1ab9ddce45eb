"""The exporter: what the harness knows, for a Prometheus to scrape.

PostgreSQL, Redis, the kernel, the processes and the generators are read once, by the collectors;
what they read last is shown here, so that the dashboards and the report have one source.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from dress_rehearsal.records.samples import Reading

HELP = {
    "clock_offset_seconds": "Wall clock less monotonic clock since the collectors began.",
    "collector_failed_total": "Reads of a source that failed.",
    "collector_tick_seconds": "The slowest read of any source since the last sample.",
    "db_client_connections": "Connections of somebody else's pool, by state.",
    "db_client_connection_max": "The most that somebody else's pool may have.",
    "db_client_connection_pending_requests": "Who waits for a connection of somebody else's pool.",
    "db_client_connection_timeouts_total": "Waits for somebody else's pool that ran out.",
    "db_client_connection_use_time_seconds": "How long connections of somebody else's were held.",
    "db_client_connection_wait_time_seconds": "How long somebody else's pool was waited for.",
    "event_views_total": "Views of the event's page, as Redis counts them.",
    "generator_clock_offset_seconds": "Wall clock less monotonic clock since the start.",
    "generator_connections": "Connections that the students hold open.",
    "generator_in_flight": "Requests sent and not yet answered.",
    "generator_late_start_seconds": "How late requests were sent: p99 since the last sample.",
    "generator_loop_lag_seconds": "How late the generator's loop read an answer, at worst.",
    "generator_outcomes_total": "Requests by outcome.",
    "generator_requests_total": "Requests recorded.",
    "generator_unwritten_rows": "Recorded requests not yet handed over for writing.",
    "listen_queue_drops_total": "Connections that the listening sockets of a port turned away.",
    "listen_queue_length": "Connections waiting to be accepted.",
    "listen_queue_limit": "Connections that may wait to be accepted.",
    "machine_cpu_idle_seconds_total": "CPU time that nobody used, or spent waiting for disks.",
    "machine_cpu_steal_seconds_total": "CPU time that the host gave to other machines.",
    "machine_cpu_used_ratio": "Share of all the machine's CPU time in use.",
    "machine_cpus": "CPUs of the machine.",
    "machine_foreign_cpu_seconds_total": "CPU time of programs that are none of the rehearsal's.",
    "machine_memory_available_bytes": "Memory that the machine could give without swapping.",
    "machine_memory_bytes": "The machine's memory.",
    "pool_busy_seconds_total": "Time that processors were in use, by somebody else's metrics.",
    "pool_metrics_up": "Whether somebody else's metrics could be read.",
    "pool_metrics_levels": "How many series of levels they had.",
    "pool_metrics_process": "When the process began that gave them, in Unix seconds.",
    "pool_series_found": "Series that a preset, or a name of the plan's, found.",
    "pool_server_active": "Connections that somebody else's server works on.",
    "pg_connections_used": "Connections to PostgreSQL, the harness's own included.",
    "pg_lock_waiting": "PostgreSQL connections that wait for a lock.",
    "pg_settings_max_connections": "Connections PostgreSQL takes at most.",
    "pg_stat_activity_backends": "PostgreSQL connections by state, without the harness's own.",
    "pg_stat_database_deadlocks_total": "Deadlocks in the event's database.",
    "pg_stat_database_xact_commit_total": "Transactions committed in the event's database.",
    "pg_stat_database_xact_rollback_total": "Transactions rolled back in the event's database.",
    "pg_up": "Whether PostgreSQL answers.",
    "process_cpu_seconds_total": "CPU time of a process.",
    "process_cpu_wait_seconds_total": "Time a process' main thread waited for a processor.",
    "process_open_fds": "Open files of a process.",
    "process_resident_memory_bytes": "Resident memory of a process.",
    "redis_blocked_clients": "Clients of Redis that wait for a blocking command.",
    "redis_commands_processed_total": "Commands that Redis carried out.",
    "redis_connected_clients": "Connections to Redis.",
    "redis_maxclients": "Connections Redis takes at most.",
    "redis_maxmemory_bytes": "Memory that Redis may use; 0 where it has no limit.",
    "redis_stream_lag": "Entries of a stream not yet delivered to a group.",
    "redis_stream_length": "Entries of a stream.",
    "redis_stream_pending": "Entries of a stream delivered to a group and not acknowledged.",
    "redis_up": "Whether Redis answers.",
    "redis_used_memory_bytes": "Memory that Redis uses.",
    "tcp_listen_drops_total": "Connection attempts that the kernel dropped, by its count.",
    "tcp_listen_overflows_total": "Connection attempts that found an accept queue full.",
    "tcp_syn_retrans_total": "First packets of connections that had to be sent again.",
    "tickets_held": "Tickets of the event, by the store that holds them.",
}
"""What each metric that the collectors read means."""

_FOREIGN: Final = ("db_client_connection", "pool_")
"""How the names of what somebody else's metrics tell begin."""
_TIMED: Final = ("db_client_connection_use_time_seconds", "db_client_connection_wait_time_seconds")
"""Those that are times, in up to three parts: buckets, sum and count."""


def families(readings: Iterable[Reading]) -> Iterator[Metric]:
    """Return readings as metrics; what has no text in `HELP` is left out.

    The collectors' sources never share a metric, but one metric may come in several readings.
    """
    by_name: dict[str, list[tuple[dict[str, str], float]]] = {}
    for reading in readings:
        for series, value in zip(reading.series, reading.values, strict=True):
            if series.name in HELP or series.name.startswith(_TIMED):
                labels = json.loads(series.labels)
                if series.name.startswith(_FOREIGN):  # on the boards beside the app's own processes
                    labels["job"] = series.source.partition(":")[0]
                by_name.setdefault(series.name, []).append((labels, value))
    for name, samples in by_name.items():
        if name in HELP:
            yield family_of(name, HELP[name], samples)
    for name in _TIMED:
        parts = {part: by_name.get(f"{name}_{part}", []) for part in ("bucket", "sum", "count")}
        if any(parts.values()):
            yield _histogram_of(name, parts)


def _histogram_of(
    name: str, parts: dict[str, list[tuple[dict[str, str], float]]]
) -> HistogramMetricFamily:
    """Return times as a histogram; where only their sum and count are told it has one bucket."""
    sums = {_labels_but_le(labels): value for labels, value in parts["sum"]}
    buckets: dict[tuple[tuple[str, str], ...], dict[str, float]] = {}
    for labels, value in parts["count"]:
        buckets.setdefault(_labels_but_le(labels), {})["+Inf"] = value
    for labels, value in parts["bucket"]:
        buckets.setdefault(_labels_but_le(labels), {})[labels.get("le", "+Inf")] = value
    names = sorted({key for labels in buckets for key, _ in labels})
    family = HistogramMetricFamily(name, HELP[name], labels=names)
    for labels_, edges in buckets.items():
        own = dict(labels_)
        ordered = sorted(edges.items(), key=lambda edge: float(edge[0]))
        family.add_metric([own.get(each, "") for each in names], ordered, sums.get(labels_, 0.0))
    return family


def _labels_but_le(labels: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((key, value) for key, value in labels.items() if key != "le"))


def family_of(name: str, text: str, samples: Iterable[tuple[dict[str, str], float]]) -> Metric:
    """Return a metric of these labels and values; a counter where its name ends in `_total`."""
    found = list(samples)
    names = sorted({label for labels, _ in found for label in labels})
    counter = name.endswith("_total")
    family = (CounterMetricFamily if counter else GaugeMetricFamily)(name, text, labels=names)
    for labels, value in found:
        family.add_metric([labels.get(each, "") for each in names], value)
    return family


class _Shown(Collector):
    def __init__(self, collect: Callable[[], Iterable[Metric]]) -> None:
        self._collect = collect

    def collect(self) -> Iterable[Metric]:
        return self._collect()

    def describe(self) -> Iterable[Metric]:
        return ()  # or the registry would ask for everything once just to learn the names


@contextmanager
def exporting(collect: Callable[[], Iterable[Metric]]) -> Iterator[int]:
    """Serve what `collect` gives at `/metrics` on a loopback port while inside; yields the port.

    `collect` is called from threads of the server, once a scrape.
    """
    registry = CollectorRegistry()
    registry.register(_Shown(collect))
    server, thread = start_http_server(0, "127.0.0.1", registry)
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
