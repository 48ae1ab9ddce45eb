# ruff: noqa: E501 (lines of metrics are as long as they are)
"""Exposition texts of the JVM's libraries, from their documentation, and what they say."""

from tests.records.collectors.pool_texts.expected import Expected

TEXTS = (
    Expected(
        "hikaricp, Micrometer",
        "hikaricp",
        """\
# HELP hikaricp_connections_active Active connections
# TYPE hikaricp_connections_active gauge
hikaricp_connections_active{application="shop",pool="HikariPool-1",} 10.0
hikaricp_connections_idle{application="shop",pool="HikariPool-1",} 0.0
hikaricp_connections_max{application="shop",pool="HikariPool-1",} 10.0
hikaricp_connections_min{application="shop",pool="HikariPool-1",} 10.0
hikaricp_connections_pending{application="shop",pool="HikariPool-1",} 40.0
hikaricp_connections{application="shop",pool="HikariPool-1",} 10.0
hikaricp_connections_timeout_total{application="shop",pool="HikariPool-1",} 3.0
# TYPE hikaricp_connections_acquire_seconds summary
hikaricp_connections_acquire_seconds_count{application="shop",pool="HikariPool-1",} 200.0
hikaricp_connections_acquire_seconds_sum{application="shop",pool="HikariPool-1",} 12.5
hikaricp_connections_acquire_seconds_max{application="shop",pool="HikariPool-1",} 1.2
hikaricp_connections_usage_seconds_count{application="shop",pool="HikariPool-1",} 190.0
hikaricp_connections_usage_seconds_sum{application="shop",pool="HikariPool-1",} 3.8
hikaricp_connections_creation_seconds_count{application="shop",pool="HikariPool-1",} 10.0
hikaricp_connections_creation_seconds_sum{application="shop",pool="HikariPool-1",} 0.3
""",
        {
            "shop.HikariPool-1": {
                "used": 10,
                "max": 10,
                "pending": 40,
                "timeouts": 3,
                "wait_s": 12.5,
                "waits": 200,
                "hold_s": 3.8,
                "returned": 190,
            }
        },
    ),
    Expected(
        "hikaricp, its own tracker",
        "hikaricp",
        """\
hikaricp_active_connections{pool="main",} 4.0
hikaricp_idle_connections{pool="main",} 6.0
hikaricp_pending_threads{pool="main",} 2.0
hikaricp_connections{pool="main",} 10.0
hikaricp_max_connections{pool="main",} 10.0
hikaricp_min_connections{pool="main",} 10.0
hikaricp_connection_timeout_total{pool="main",} 1.0
hikaricp_connection_acquired_nanos{pool="main",quantile="0.99",} 2.5E8
hikaricp_connection_acquired_nanos_count{pool="main",} 100.0
hikaricp_connection_acquired_nanos_sum{pool="main",} 4.0E9
hikaricp_connection_usage_millis_count{pool="main",} 96.0
hikaricp_connection_usage_millis_sum{pool="main",} 1920.0
""",
        {
            "shop.main": {
                "used": 4,
                "max": 10,
                "pending": 2,
                "timeouts": 1,
                "wait_s": 4.0,
                "waits": 100,
                "hold_s": 1.92,
                "returned": 96,
            }
        },
    ),
    Expected(
        "micrometer_jdbc, Tomcat",
        "micrometer_jdbc",
        """\
jdbc_connections_active{name="dataSource"} 7.0
jdbc_connections_idle{name="dataSource"} 1.0
jdbc_connections_max{name="dataSource"} 100.0
jdbc_connections_min{name="dataSource"} 10.0
""",
        {"shop.dataSource": {"used": 7, "max": 100}},
    ),
    Expected(
        "micrometer_jdbc, DBCP2 without a limit",
        "micrometer_jdbc",
        """\
jdbc_connections_active{name="dataSource"} 7.0
jdbc_connections_max{name="dataSource"} -1.0
commons_pool2_num_active_objects{name="dbcp",type="GenericObjectPool"} 8.0
commons_pool2_num_waiters_threads{name="dbcp",type="GenericObjectPool"} 5.0
""",
        {"shop.dataSource": {"used": 7}, "shop.dbcp": {"used": 8, "pending": 5}},
    ),
    Expected(
        "opentelemetry, since 1.26",
        "opentelemetry",
        """\
# TYPE db_client_connection_count gauge
db_client_connection_count{db_client_connection_pool_name="orders",db_client_connection_state="used"} 5
db_client_connection_count{db_client_connection_pool_name="orders",db_client_connection_state="idle"} 3
db_client_connection_max{db_client_connection_pool_name="orders"} 8
db_client_connection_pending_requests{db_client_connection_pool_name="orders"} 2
db_client_connection_timeouts_total{db_client_connection_pool_name="orders"} 4
db_client_connection_wait_time_seconds_bucket{db_client_connection_pool_name="orders",le="0.01"} 60
db_client_connection_wait_time_seconds_bucket{db_client_connection_pool_name="orders",le="+Inf"} 80
db_client_connection_wait_time_seconds_sum{db_client_connection_pool_name="orders"} 1.5
db_client_connection_wait_time_seconds_count{db_client_connection_pool_name="orders"} 80
""",
        {
            "shop.orders": {
                "used": 5,
                "max": 8,
                "pending": 2,
                "timeouts": 4,
                "bucket<=0.01": 60,
                "bucket<=+Inf": 80,
                "wait_s": 1.5,
                "waits": 80,
            }
        },
    ),
    Expected(
        "opentelemetry, before: times in ms",
        "opentelemetry",
        """\
db_client_connections_usage{pool_name="orders",state="used"} 5
db_client_connections_usage{pool_name="orders",state="idle"} 3
db_client_connections_max{pool_name="orders"} 8
db_client_connections_pending_requests{pool_name="orders"} 2
db_client_connections_timeouts_total{pool_name="orders"} 4
db_client_connections_wait_time_milliseconds_bucket{pool_name="orders",le="10"} 60
db_client_connections_wait_time_milliseconds_bucket{pool_name="orders",le="+Inf"} 80
db_client_connections_wait_time_milliseconds_sum{pool_name="orders"} 1500
db_client_connections_wait_time_milliseconds_count{pool_name="orders"} 80
db_client_connections_use_time_sum{pool_name="orders"} 900
db_client_connections_use_time_count{pool_name="orders"} 75
""",
        {
            "shop.orders": {
                "used": 5,
                "max": 8,
                "pending": 2,
                "timeouts": 4,
                "bucket<=0.01": 60,
                "bucket<=+Inf": 80,
                "wait_s": 1.5,
                "waits": 80,
                "hold_s": 0.9,
                "returned": 75,
            }
        },
    ),
    Expected(
        "lettuce",
        "lettuce",
        """\
commons_pool2_num_active_objects{factoryType="io.lettuce.core",name="pool",type="GenericObjectPool"} 8.0
commons_pool2_num_idle_objects{factoryType="io.lettuce.core",name="pool",type="GenericObjectPool"} 0.0
commons_pool2_num_waiters_threads{factoryType="io.lettuce.core",name="pool",type="GenericObjectPool"} 3.0
""",
        {"shop.pool": {"used": 8, "pending": 3}},
    ),
)
