"""What all clients share and can run out of: PostgreSQL, the accept queue, processors, Redis."""

from typing import Final

from grafana_foundation_sdk.models.dashboard import Panel

from dress_rehearsal.dashboards.kit import colours, links
from dress_rehearsal.dashboards.kit.panels import gauge, timeseries
from dress_rehearsal.dashboards.kit.promql import occurred, of_app, of_run, per_second
from dress_rehearsal.dashboards.kit.query import Query
from dress_rehearsal.dashboards.kit.thresholds import fail_from, warn_fail

_MAX_CONNECTIONS: Final = f"max({of_run('pg_settings_max_connections')})"


def postgres() -> tuple[Panel, ...]:
    """Return PostgreSQL's connections and what they do."""
    return (
        timeseries(
            "Connections and max_connections",
            "Beyond the red line PostgreSQL refuses everybody; alerts begin at the 80 % line.",
            [
                Query(f"max({of_run('pg_connections_used')})", "used", colours.POSTGRES),
                Query(f"0.8 * {_MAX_CONNECTIONS}", "80 %", colours.WARNING, dashed=True),
                Query(_MAX_CONNECTIONS, "max_connections", colours.LIMIT, dashed=True),
            ],
            stepped=True,
        ),
        timeseries(
            "Backends by state",
            "What PostgreSQL's connections do: idle in transaction holds locks while it thinks.",
            [Query(f"sum by (state) ({of_run('pg_stat_activity_backends')})", "{{state}}")],
            stacked=True,
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
        ),
    )


def doors() -> tuple[Panel, ...]:
    """Return the way into the app: accept queue, requests inside, event loop, faults."""
    length, limit = (
        f"max_over_time({of_run(f'listen_queue_{name}')}[$__range])" for name in ("length", "limit")
    )
    grade = of_app("fault_grade")
    return (
        timeseries(
            "Accept queue",
            "Connections the kernel has made and nobody fetched yet. How much of the queue that "
            "is stands below.",
            [Query(f"max by (port) ({of_run('listen_queue_length')})", "port {{port}}")],
            stepped=True,
        ),
        timeseries(
            "Connections lost by the kernel",
            "Overflows of an accept queue, drops, and first segments sent again, a second.",
            [
                Query(
                    per_second(of_run("tcp_listen_overflows_total")), "overflows", colours.FAILED
                ),
                Query(per_second(of_run("tcp_listen_drops_total")), "drops", colours.UNKNOWN),
                Query(
                    per_second(of_run("tcp_syn_retrans_total")), "SYNs sent again", colours.FAULT
                ),
            ],
            unit="suffix:/s",
            limits=fail_from(1),
        ),
        timeseries(
            "Requests inside the app",
            "Received and not yet answered, by process.",
            [Query(of_app("http_server_active_requests"), "{{instance}}")],
            many=True,
        ),
        timeseries(
            "Event loop lag",
            "How late each process' loop ran a timer; while it is blocked nobody is served. "
            "Orange from 0.25 s, red from 1.5 s.",
            [Query(of_app("app_event_loop_lag_seconds"), "{{instance}}")],
            unit="s",
            span=10,
            many=True,
            limits=warn_fail(0.25, 1.5),
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
            span=10,
            stepped=True,
        ),
        gauge(
            "Accept queue, at most",
            "Highest share of the accept queue in use. When it is full the kernel drops further "
            "connections, and their students wait for seconds. Orange from 50 %, red from 80 %.",
            Query(f"max({length} / {limit})", "of the queue"),
            unit="percentunit",
            limits=warn_fail(0.5, 0.8),
            maximum=1,
            height=8,
        ),
    )


def machine() -> tuple[Panel, ...]:
    """Return processors, memory and open files by component."""
    return (
        timeseries(
            "CPU by component",
            "Processor seconds a second: 1 is one processor busy.",
            [Query(per_second(of_run("process_cpu_seconds_total"), "component"), "{{component}}")],
            unit="suffix:CPUs",
            height=9,
            stacked=True,
            many=True,
        ),
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
            height=9,
            many=True,
        ),
        timeseries(
            "Open files by component",
            "Sockets and files, of the process that has most of them.",
            [Query(f"max by (component) ({of_run('process_open_fds')})", "{{component}}")],
            height=9,
            many=True,
        ),
        timeseries(
            "CPU of the machine",
            "Share of all processors in use, whoever uses them. Orange from 80 %, red from 95 %.",
            [Query(f"max({of_run('machine_cpu_used_ratio')})", "in use", colours.SERVER)],
            unit="percentunit",
            span=24,
            height=6,
            maximum=1,
            limits=warn_fail(0.8, 0.95),
        ),
    )


def redis() -> tuple[Panel, ...]:
    """Return Redis' memory, clients and commands."""
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
            "Redis memory",
            "In use; how much of what it may have that is stands to the right.",
            [Query(used, "used", colours.REDIS)],
            unit="bytes",
            span=6,
        ),
        timeseries(
            "Redis clients",
            "Connections, and those of them that wait in a blocking command.",
            [
                Query(connected, "connected", colours.REDIS),
                Query(f"max({of_run('redis_blocked_clients')})", "blocked", colours.UNKNOWN),
            ],
            span=6,
            stepped=True,
        ),
        timeseries(
            "Share of Redis' limits",
            "Memory of maxmemory, or of the machine's where that is not set; clients of "
            "maxclients. Orange from 80 %, red from 95 %.",
            [
                Query(f"{used} / {memory}", "memory", colours.REDIS),
                Query(f"{connected} / {clients}", "clients", colours.SERVER),
            ],
            unit="percentunit",
            span=6,
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
            span=6,
            links=[links.to_dashboard("Integrity", "rehearsal-integrity")],
        ),
    )
