"""What all clients share and can run out of: PostgreSQL, the accept queue, memory, Redis."""

from typing import Final

from grafana_foundation_sdk.models.dashboard import Panel

from dress_rehearsal.dashboards.kit import colours, links
from dress_rehearsal.dashboards.kit.panels import timeseries
from dress_rehearsal.dashboards.kit.promql import of_app, of_run, per_second
from dress_rehearsal.dashboards.kit.query import Query
from dress_rehearsal.dashboards.kit.thresholds import warn_fail

_MAX_CONNECTIONS: Final = f"max({of_run('pg_settings_max_connections')})"


def postgres() -> tuple[Panel, ...]:
    """Return PostgreSQL's connections and what they do."""
    return (
        timeseries(
            "PostgreSQL connections by state",
            "Beyond the red line PostgreSQL refuses everybody; alerts begin at the 80 % line. Idle "
            "in transaction holds locks while it thinks.",
            [
                Query(f"max({of_run('pg_connections_used')})", "used", colours.POSTGRES),
                Query(f"sum by (state) ({of_run('pg_stat_activity_backends')})", "{{state}}"),
                Query(f"0.8 * {_MAX_CONNECTIONS}", "80 %", colours.WARNING, dashed=True),
                Query(_MAX_CONNECTIONS, "max_connections", colours.LIMIT, dashed=True),
            ],
            span=12,
            stepped=True,
        ),
        timeseries(
            "Transactions, locks and deadlocks",
            "Transactions a second, and backends that wait for a lock now.",
            [
                *(
                    Query(per_second(of_run(f"pg_stat_database_{counter}_total")), name, colour)
                    for counter, name, colour in (
                        ("xact_commit", "commits/s", colours.OK),
                        ("xact_rollback", "rollbacks/s", colours.UNKNOWN),
                        ("deadlocks", "deadlocks/s", colours.FAILED),
                    )
                ),
                Query(f"max({of_run('pg_lock_waiting')})", "waiting for a lock", colours.FAULT),
            ],
            unit="none",
            span=12,
        ),
    )


def doors() -> tuple[Panel, ...]:
    """Return the way into the app: accept queue, requests inside, event loop."""
    return (
        timeseries(
            "Accept queue, and requests inside the app",
            "Connections the kernel has made and nobody fetched yet; requests received and not yet "
            "answered, by process.",
            [
                Query(f"max by (port) ({of_run('listen_queue_length')})", "accept queue {{port}}"),
                Query(of_app("http_server_active_requests"), "inside {{instance}}"),
            ],
            span=12,
            many=True,
        ),
        timeseries(
            "Event loop lag",
            "How late each process' loop ran a timer; while it is blocked nobody is served. "
            "Orange from 0.25 s, red from 1.5 s.",
            [Query(of_app("app_event_loop_lag_seconds"), "{{instance}}")],
            unit="s",
            span=12,
            many=True,
            limits=warn_fail(0.25, 1.5),
        ),
    )


def machine() -> tuple[Panel, ...]:
    """Return memory and open files by component; whose the CPU is stands on *Ticket open*."""
    return (
        timeseries(
            "Memory by component",
            "Resident memory; what processes share is counted for each.",
            [
                Query(
                    f"sum by (component) ({of_run('process_resident_memory_bytes')})",
                    "{{component}}",
                )
            ],
            unit="bytes",
            span=12,
            many=True,
            links=[links.to_dashboard("CPU by whom", "rehearsal-open")],
        ),
        timeseries(
            "Open files by component",
            "Sockets and files, of the process that has most of them.",
            [Query(f"max by (component) ({of_run('process_open_fds')})", "{{component}}")],
            span=12,
            many=True,
        ),
    )


def redis() -> tuple[Panel, ...]:
    """Return Redis' memory and clients, of what it may have, and its commands."""
    used, connected = (
        f"max({of_run(name)})" for name in ("redis_used_memory_bytes", "redis_connected_clients")
    )
    memory = (
        f"((max({of_run('redis_maxmemory_bytes')}) > 0) "
        f"or on() max({of_run('machine_memory_bytes')}))"
    )
    clients = f"max({of_run('redis_maxclients')})"
    return (
        timeseries(
            "Share of Redis' limits",
            "Memory of maxmemory, or of the machine's where that is not set; clients of "
            "maxclients. Orange from 80 %, red from 95 %.",
            [
                Query(f"{used} / {memory}", "memory", colours.REDIS),
                Query(f"{connected} / {clients}", "clients", colours.SERVER),
            ],
            unit="percentunit",
            span=12,
            limits=warn_fail(0.8, 0.95),
        ),
        timeseries(
            "Redis commands",
            "Commands processed, a second. Redis does one at a time.",
            [
                Query(
                    per_second(of_run("redis_commands_processed_total")),
                    "commands",
                    colours.REDIS,
                )
            ],
            unit="ops",
            span=12,
            links=[links.to_dashboard("Integrity", "rehearsal-integrity")],
        ),
    )
