"""Every metric of the service, in one registry of its own, named as OpenTelemetry names them."""

import os
from collections.abc import Iterator
from contextlib import suppress
from functools import partial

from prometheus_client import CollectorRegistry, Gauge, disable_created_metrics

from dress_rehearsal.target_app.errors import SettingsError
from dress_rehearsal.target_app.secret_files import environment
from dress_rehearsal.target_app.telemetry.counters import Counter, Histogram


def with_edges_of(usual: tuple[float, ...], *variables: str) -> tuple[float, ...]:
    """Return `usual`, in seconds, and the numbers in these environment variables, in order.

    A variable may hold several, comma-separated. What is no positive number is left to the settings
    to complain about.
    """
    with suppress(SettingsError):  # whoever starts the process tells what is wrong
        environment()
    added: set[float] = set()
    for variable in variables:
        for text in os.environ.get(variable, "").split(","):
            try:
                added.add(float(text))
            except ValueError:
                continue
    return tuple(sorted({*usual, *(edge for edge in added if 0 < edge < float("inf"))}))


disable_created_metrics()  # type: ignore[no-untyped-call]

REGISTRY = CollectorRegistry(auto_describe=True)

_counter = partial(Counter, registry=REGISTRY)
_gauge = partial(Gauge, registry=REGISTRY)
_histogram = partial(Histogram, registry=REGISTRY)


def _below_a_second(*parts: int) -> Iterator[float]:
    """Yield 1, 2.5 and 5 of each of these parts of a second."""
    return (step / part for part in parts for step in (1, 2.5, 5))


_FROM_A_SECOND_S = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 15.0, 20.0)

# Edges in seconds, read here and not with the other settings: histograms are made as modules are
# imported. Few on purpose (every worker is scraped several times a second), but one on
# each limit that somebody set: a wait that timed out is told from one that just made it.
REQUEST_EDGES_S = with_edges_of(
    (*_below_a_second(1000, 100, 10), *_FROM_A_SECOND_S), "APP_SLO_SECONDS"
)
POOL_EDGES_S = with_edges_of(
    (*_below_a_second(10_000, 1000, 100, 10), 1.0, 2.0, 3.0, 5.0, 8.0, 10.0, 15.0),
    "APP_POSTGRES_POOL_TIMEOUT",
    "APP_REDIS_POOL_TIMEOUT",
    "APP_ENROLMENT_TIMEOUT",
    "APP_SLO_SECONDS",
)

HTTP_REQUESTS = _counter(
    "http_server_requests",
    "Requests answered, errors included, by route template.",
    ("method", "route", "status"),
)
HTTP_DURATION = _histogram(
    "http_server_request_duration_seconds",
    "Time from receipt of a request in the app to the start of its answer.",
    ("method", "route"),
    buckets=REQUEST_EDGES_S,
)
HTTP_ACTIVE = _gauge("http_server_active_requests", "Requests received and not yet answered.")

POOL_COUNT = _gauge(
    "db_client_connections", "Connections of the pool, by state.", ("pool", "state")
)
POOL_MAX = _gauge("db_client_connection_max", "Connections the pool may have.", ("pool",))
POOL_PENDING = _gauge(
    "db_client_connection_pending_requests", "Callers waiting for a connection now.", ("pool",)
)
POOL_OLDEST = _gauge(
    "db_client_connection_oldest_checkout_seconds",
    "How long the connection that was borrowed first has been out; 0 when none is.",
    ("pool",),
)
POOL_USED_PEAK = _gauge(
    "db_client_connection_used_peak",
    "Most connections in use at once since the process started.",
    ("pool",),
)
POOL_PENDING_PEAK = _gauge(
    "db_client_connection_pending_peak",
    "Most callers waiting at once since the process started.",
    ("pool",),
)
POOL_TIMEOUTS = _counter(
    "db_client_connection_timeouts", "Callers who gave up waiting for a connection.", ("pool",)
)
POOL_WAIT = _histogram(
    "db_client_connection_wait_time_seconds",
    "Time callers waited for a connection, the ones who gave up included.",
    ("pool",),
    buckets=POOL_EDGES_S,
)
POOL_USE = _histogram(
    "db_client_connection_use_time_seconds",
    "Time from borrowing a connection to giving it back.",
    ("pool",),
    buckets=POOL_EDGES_S,
)
POOL_CREATE = _histogram(
    "db_client_connection_create_time_seconds",
    "Time it took to make a connection, part of its first use; those that failed included.",
    ("pool",),
    buckets=POOL_EDGES_S,
)

# Fewer: there is one for every call, and the pools' own histograms have the fine edges.
BOUNDARY_EDGES_S = (0.0005, 0.001, 0.005, 0.025, 0.1, 0.5, 2.0, 5.0, 10.0, 20.0)

BOUNDARY_CALLS = _counter(
    "boundary_calls", "Calls over a boundary of the process, by result.", ("kind", "name", "result")
)
BOUNDARY_DURATION = _histogram(
    "boundary_duration_seconds",
    "Duration of calls over a boundary of the process, waiting for a connection included.",
    ("kind", "name"),
    buckets=BOUNDARY_EDGES_S,
)

WORKER_OPEN = _gauge(
    "app_worker_open", "1 once this worker has made its connections and is about to serve."
)
LOOP_LAG = _gauge(
    "app_event_loop_lag_seconds",
    "How late the event loop ran a timer: the worst of the last half second.",
)
TICKETS_GRANTED = _counter(
    "tickets_granted", "Tickets granted (replays not counted).", ("allocation",)
)
TICKETS_REFUSED = _counter("tickets_refused", "Purchases refused, by problem code.", ("code",))

QUEUE_JOINED = _gauge("waiting_room_joined", "Students who have joined the queue, in all.")
QUEUE_WATERMARK = _gauge("waiting_room_watermark", "The last position admitted.")
QUEUE_INSIDE = _gauge("waiting_room_inside", "Students admitted and not yet answered.")
QUEUE_STREAMS = _gauge("waiting_room_streams", "Event streams open to this worker.")
ENTRY_SCANS = _counter("gate_scans", "Codes shown at the gates, by what became of it.", ("result",))

BREAKER_STATE = _gauge(
    "circuit_breaker_state",
    "0 closed (all may ask), 1 half open (one trial), 2 open (nobody asks).",
    ("name",),
)
BREAKER_OPENED = _counter("circuit_breaker_opened", "Times the circuit opened.", ("name",))
ENROLMENT_UNASKED = _counter(
    "enrolment_unasked",
    "Purchases for which the enrolment API could not be asked, so that the roster decided alone.",
    ("reason",),
)
ALERTS = _counter(
    "alerts",
    "Alerts by what became of them: told, suppressed (one of its kind had just been told), "
    "dropped (the queue was full), failed (the alert API did not take it).",
    ("kind", "result"),
)
FAULT_GRADE = _gauge("fault_grade", "How bad a seeded fault is now; 0 is off.", ("fault",))
