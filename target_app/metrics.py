"""Every metric of the service, in one registry of its own, named as OpenTelemetry names them."""

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
)

disable_created_metrics()  # type: ignore[no-untyped-call]

REGISTRY = CollectorRegistry(auto_describe=True)

# Edges in seconds. Few on purpose (every worker is scraped several times a second); 2 and 8 are
# the usual pool timeouts, so a wait that timed out is told from one that just made it.
REQUEST_EDGES_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0)
POOL_EDGES_S = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01),
    *(0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 10.0),
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
    "db_client_connection_count",
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

# Fewer: there is one for every errand, and the pools' own histograms have the fine edges.
BOUNDARY_EDGES_S = (0.0005, 0.001, 0.005, 0.025, 0.1, 0.5, 2.0, 5.0)

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
