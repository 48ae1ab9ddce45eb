# ruff: noqa: E501 (lines of metrics are as long as they are)
"""Exposition texts of the libraries of Go, Node.js and .NET, from their documentation, and what they say."""

from tests.records.collectors.pool_texts.expected import Expected

TEXTS = (
    Expected(
        "go_sql",
        "go_sql",
        """\
go_sql_idle_connections{db_name="shop"} 0
go_sql_in_use_connections{db_name="shop"} 25
go_sql_max_open_connections{db_name="shop"} 25
go_sql_max_idle_closed_total{db_name="shop"} 0
go_sql_open_connections{db_name="shop"} 25
go_sql_wait_count_total{db_name="shop"} 400
go_sql_wait_duration_seconds_total{db_name="shop"} 33.25
""",
        {"shop.shop": {"used": 25, "max": 25, "wait_s": 33.25, "waits": 400}},
    ),
    Expected(
        "go_sql, no limit",
        "go_sql",
        'go_sql_in_use_connections{db_name="shop"} 25\ngo_sql_max_open_connections{db_name="shop"} 0\n',
        {"shop.shop": {"used": 25}},
    ),
    Expected(
        "nodejs, node-postgres-prometheus-exporter",
        "nodejs",
        """\
pg_pool_connections_created_total{host="localhost:5432",database="shop"} 19
pg_pool_size{host="localhost:5432",database="shop"} 10
pg_pool_max{host="localhost:5432",database="shop"} 10
pg_pool_active_connections{host="localhost:5432",database="shop"} 10
pg_pool_waiting_connections{host="localhost:5432",database="shop"} 12
pg_pool_idle_connections{host="localhost:5432",database="shop"} 0
pg_pool_errors_total{host="localhost:5432",database="shop"} 1
""",
        {"shop.localhost:5432/shop": {"used": 10, "max": 10, "pending": 12}},
    ),
    Expected(
        "nodejs, the pool's properties as gauges",
        "nodejs",
        """\
pg_pool_total_count 10
pg_pool_idle_count 4
pg_pool_waiting_count 0
pg_pool_max 10
pg_pool_wait_seconds_sum 1.5
pg_pool_wait_seconds_count 30
""",
        {"shop.nodejs": {"used": 6, "max": 10, "pending": 0, "wait_s": 1.5, "waits": 30}},
    ),
    Expected(
        "nodejs, TypeORM",
        "nodejs",
        """\
typeorm_pool_total_count{database="shop"} 10
typeorm_pool_idle_count{database="shop"} 0
typeorm_pool_waiting_count{database="shop"} 7
typeorm_pool_max{database="shop"} 10
""",
        {"shop.shop": {"used": 10, "max": 10, "pending": 7}},
    ),
    Expected(
        "nodejs, @opentelemetry/instrumentation-pg",
        "nodejs",
        """\
db_client_connection_count{db_client_connection_pool_name="db:5432/shop",db_client_connection_state="used"} 4
db_client_connection_count{db_client_connection_pool_name="db:5432/shop",db_client_connection_state="idle"} 1
db_client_connection_pending_requests{db_client_connection_pool_name="db:5432/shop"} 3
""",
        {"shop.db:5432/shop": {"used": 4, "pending": 3}},
    ),
    Expected(
        "npgsql 10",
        "npgsql",
        """\
db_client_connection_count{db_client_connection_pool_name="Shop",db_client_connection_state="used"} 9
db_client_connection_count{db_client_connection_pool_name="Shop",db_client_connection_state="idle"} 1
db_client_connection_max{db_client_connection_pool_name="Shop"} 100
db_client_connection_npgsql_pending_requests{db_client_connection_pool_name="Shop"} 2
db_client_connection_npgsql_timeouts_total{db_client_connection_pool_name="Shop"} 1
""",
        {"shop.Shop": {"used": 9, "max": 100, "pending": 2, "timeouts": 1}},
    ),
    Expected(
        "npgsql 8",
        "npgsql",
        """\
db_client_connections_usage{pool_name="Shop",state="idle"} 1
db_client_connections_usage{pool_name="Shop",state="used"} 9
db_client_connections_max{pool_name="Shop"} 100
db_client_connections_pending_requests{pool_name="Shop"} 2
db_client_connections_timeouts_total{pool_name="Shop"} 1
""",
        {"shop.Shop": {"used": 9, "max": 100, "pending": 2, "timeouts": 1}},
    ),
)
