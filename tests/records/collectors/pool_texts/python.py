"""Exposition texts of Python's libraries, from their documentation, and what they say."""

from tests.records.collectors.pool_texts.expected import Expected

TEXTS = (
    Expected(
        "sqlalchemy, its methods as gauges",
        "sqlalchemy",
        """\
sqlalchemy_pool_size 5.0
sqlalchemy_pool_max_overflow 10.0
sqlalchemy_pool_checked_out 12.0
sqlalchemy_pool_checked_in 0.0
sqlalchemy_pool_overflow 7.0
""",
        {"shop.sqlalchemy": {"used": 12, "max": 15}},
    ),
    Expected(
        "sqlalchemy, with timed checkouts",
        "sqlalchemy",
        """\
sqlalchemy_pool_checked_out{pool="orders"} 2.0
sqlalchemy_pool_max{pool="orders"} 2.0
sqlalchemy_pool_waiting{pool="orders"} 48.0
sqlalchemy_pool_wait_seconds_bucket{le="0.1",pool="orders"} 10.0
sqlalchemy_pool_wait_seconds_bucket{le="+Inf",pool="orders"} 50.0
sqlalchemy_pool_wait_seconds_count{pool="orders"} 50.0
sqlalchemy_pool_wait_seconds_sum{pool="orders"} 21.0
sqlalchemy_pool_timeouts_total{pool="orders"} 6.0
""",
        {
            "shop.orders": {
                "used": 2,
                "max": 2,
                "pending": 48,
                "bucket<=0.1": 10,
                "bucket<=+Inf": 50,
                "wait_s": 21,
                "waits": 50,
                "timeouts": 6,
            }
        },
    ),
    Expected(
        "sqlalchemy, OpenTelemetry's instrumentation",
        "sqlalchemy",
        """\
db_client_connections_usage{pool_name="sqlite:///orders",state="used"} 3
db_client_connections_usage{pool_name="sqlite:///orders",state="idle"} 2
""",
        {"shop.sqlite:///orders": {"used": 3}},
    ),
    Expected(
        "psycopg_pool, what has counted nothing is not there",
        "psycopg_pool",
        """\
psycopg_pool_pool_min 4
psycopg_pool_pool_max 8
psycopg_pool_pool_size 8
psycopg_pool_pool_available 1
psycopg_pool_requests_waiting 0
psycopg_pool_requests_num 300
psycopg_pool_usage_ms 4500
psycopg_pool_connections_num 8
""",
        {
            "shop.psycopg_pool": {
                "used": 7,
                "max": 8,
                "pending": 0,
                "waits": 300,
                "wait_s": 0,
                "hold_s": 4.5,
                "returned": 300,
                "timeouts": 0,
            }
        },
    ),
    Expected(
        "psycopg_pool, under load",
        "psycopg_pool",
        """\
psycopg_pool_pool_max{pool="a"} 4
psycopg_pool_pool_size{pool="a"} 4
psycopg_pool_pool_available{pool="a"} 0
psycopg_pool_requests_waiting{pool="a"} 9
psycopg_pool_requests_num{pool="a"} 300
psycopg_pool_requests_queued{pool="a"} 250
psycopg_pool_requests_wait_ms{pool="a"} 60000
psycopg_pool_requests_errors{pool="a"} 2
psycopg_pool_usage_ms{pool="a"} 4500
""",
        {
            "shop.a": {
                "used": 4,
                "max": 4,
                "pending": 9,
                "waits": 300,
                "wait_s": 60,
                "hold_s": 4.5,
                "returned": 300,
                "timeouts": 2,
            }
        },
    ),
    Expected(
        "django",
        "django",
        """\
django_db_pool_pool_max{alias="default"} 4
django_db_pool_pool_size{alias="default"} 4
django_db_pool_pool_available{alias="default"} 1
django_db_pool_requests_waiting{alias="default"} 0
django_db_pool_requests_num{alias="default"} 30
django_db_pool_requests_wait_ms{alias="default"} 15
""",
        {
            "shop.default": {
                "used": 3,
                "max": 4,
                "pending": 0,
                "waits": 30,
                "wait_s": 0.015,
                "timeouts": 0,
            }
        },
    ),
)
