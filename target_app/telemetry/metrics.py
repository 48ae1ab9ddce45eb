"""Every metric of the service, in one registry of its own, named as OpenTelemetry names them."""

import os

from prometheus_client import CollectorRegistry, Gauge, disable_created_metrics

from dress_rehearsal.target_app.telemetry.counters import Counter, Histogram


def with_edges_of(usual: tuple[float, ...], *variables: str) -> tuple[float, ...]:
    """Return `usual`, in seconds, and the numbers in these environment variables, in order.

    A variable may hold several, comma-separated. What is no positive number is left to the settings
    to complain about.
    """
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

# Edges in seconds, read here and not with the other settings: histograms are made as modules are
# imported. Few on purpose (every worker is scraped several times a second), but one on
# each limit that somebody set: a wait that timed out is told from one that just made it.
REQUEST_EDGES_S = with_edges_of(
    (
        0.001,
        0.0025,
        0.005,
        0.01,
        0.025,
        0.05,
        0.1,
        0.25,
        0.5,
        1.0,
        1.5,
        2.0,
        3.0,
        4.0,
        5.0,
        6.0,
        8.0,
        10.0,
        12.0,
        15.0,
        20.0,
    ),
    "APP_SLO_SECONDS",
)
POOL_EDGES_S = with_edges_of(
    (
        0.0001,
        0.00025,
        0.0005,
        0.001,
        0.0025,
        0.005,
        0.01,
        0.025,
        0.05,
        0.1,
        0.25,
        0.5,
        1.0,
        2.0,
        3.0,
        5.0,
        8.0,
        10.0,
        15.0,
    ),
    "APP_POSTGRES_POOL_TIMEOUT",
    "APP_REDIS_POOL_TIMEOUT",
    "APP_ENROLMENT_TIMEOUT",
)

HTTP_REQUESTS = Counter(
    "http_server_requests",
    "Requests answered, errors included, by route template.",
    ("method", "route", "status"),
    registry=REGISTRY,
)
HTTP_DURATION = Histogram(
    "http_server_request_duration_seconds",
    "Time from receipt of a request in the app to the start of its answer.",
    ("method", "route"),
    buckets=REQUEST_EDGES_S,
    registry=REGISTRY,
)
HTTP_ACTIVE = Gauge(
    "http_server_active_requests", "Requests received and not yet answered.", registry=REGISTRY
)

POOL_COUNT = Gauge(
    "db_client_connections",
    "Connections of the pool, by state.",
    ("pool", "state"),
    registry=REGISTRY,
)
POOL_MAX = Gauge(
    "db_client_connection_max", "Connections the pool may have.", ("pool",), registry=REGISTRY
)
POOL_PENDING = Gauge(
    "db_client_connection_pending_requests",
    "Callers waiting for a connection now.",
    ("pool",),
    registry=REGISTRY,
)
POOL_OLDEST = Gauge(
    "db_client_connection_oldest_checkout_seconds",
    "How long the connection that was borrowed first has been out; 0 when none is.",
    ("pool",),
    registry=REGISTRY,
)
POOL_USED_PEAK = Gauge(
    "db_client_connection_used_peak",
    "Most connections in use at once since the process started.",
    ("pool",),
    registry=REGISTRY,
)
POOL_PENDING_PEAK = Gauge(
    "db_client_connection_pending_peak",
    "Most callers waiting at once since the process started.",
    ("pool",),
    registry=REGISTRY,
)
POOL_TIMEOUTS = Counter(
    "db_client_connection_timeouts",
    "Callers who gave up waiting for a connection.",
    ("pool",),
    registry=REGISTRY,
)
POOL_WAIT = Histogram(
    "db_client_connection_wait_time_seconds",
    "Time callers waited for a connection, the ones who gave up included.",
    ("pool",),
    buckets=POOL_EDGES_S,
    registry=REGISTRY,
)
POOL_USE = Histogram(
    "db_client_connection_use_time_seconds",
    "Time from borrowing a connection to giving it back.",
    ("pool",),
    buckets=POOL_EDGES_S,
    registry=REGISTRY,
)

# Fewer: there is one for every call, and the pools' own histograms have the fine edges.
BOUNDARY_EDGES_S = (0.0005, 0.001, 0.005, 0.025, 0.1, 0.5, 2.0, 5.0, 10.0, 20.0)

BOUNDARY_CALLS = Counter(
    "boundary_calls",
    "Calls over a boundary of the process, by result.",
    ("kind", "name", "result"),
    registry=REGISTRY,
)
BOUNDARY_DURATION = Histogram(
    "boundary_duration_seconds",
    "Duration of calls over a boundary of the process, waiting for a connection included.",
    ("kind", "name"),
    buckets=BOUNDARY_EDGES_S,
    registry=REGISTRY,
)

WORKER_OPEN = Gauge(
    "app_worker_open",
    "1 once this worker has made its connections and is about to serve.",
    registry=REGISTRY,
)
LOOP_LAG = Gauge(
    "app_event_loop_lag_seconds",
    "How late the event loop ran a timer: the worst of the last half second.",
    registry=REGISTRY,
)
TICKETS_GRANTED = Counter(
    "tickets_granted", "Tickets granted (replays not counted).", ("allocation",), registry=REGISTRY
)
TICKETS_REFUSED = Counter(
    "tickets_refused", "Purchases refused, by problem code.", ("code",), registry=REGISTRY
)

QUEUE_JOINED = Gauge(
    "waiting_room_joined", "Students who have joined the queue, in all.", registry=REGISTRY
)
QUEUE_WATERMARK = Gauge("waiting_room_watermark", "The last position admitted.", registry=REGISTRY)
QUEUE_INSIDE = Gauge(
    "waiting_room_inside", "Students admitted and not yet answered.", registry=REGISTRY
)
QUEUE_STREAMS = Gauge(
    "waiting_room_streams", "Event streams open to this worker.", registry=REGISTRY
)
ENTRY_SCANS = Counter(
    "gate_scans", "Codes shown at the gates, by what became of it.", ("result",), registry=REGISTRY
)

BREAKER_STATE = Gauge(
    "circuit_breaker_state",
    "0 closed (all may ask), 1 half open (one trial), 2 open (nobody asks).",
    ("name",),
    registry=REGISTRY,
)
BREAKER_OPENED = Counter(
    "circuit_breaker_opened", "Times the circuit opened.", ("name",), registry=REGISTRY
)
ENROLMENT_UNASKED = Counter(
    "enrolment_unasked",
    "Purchases for which the enrolment API could not be asked, so that the roster decided alone.",
    ("reason",),
    registry=REGISTRY,
)
ALERTS = Counter(
    "alerts",
    "Alerts by what became of them: told, suppressed (one of its kind had just been told), "
    "dropped (the queue was full), failed (the alert API did not take it).",
    ("kind", "result"),
    registry=REGISTRY,
)
FAULT_GRADE = Gauge(
    "fault_grade", "How bad a seeded fault is now; 0 is off.", ("fault",), registry=REGISTRY
)
