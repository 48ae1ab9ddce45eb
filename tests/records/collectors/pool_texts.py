# ruff: noqa: E501 (lines of metrics are as long as they are)
"""Exposition texts of the presets' families, from their documentation, and what they say."""

from dataclasses import dataclass

Fields = dict[str, float]


@dataclass(frozen=True)
class Expected:
    """A text, the preset that reads it, and the numbers of each pool (times in seconds)."""

    id: str
    preset: str
    text: str
    pools: dict[str, Fields]


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
    Expected(
        "pgbouncer, its own database left out, users together",
        "pgbouncer",
        """\
pgbouncer_databases_pool_size{database="shop",force_user="",host="db",name="shop",pool_mode="",port="5432"} 20
pgbouncer_databases_pool_size{database="pgbouncer",force_user="pgbouncer",host="",name="pgbouncer",pool_mode="statement",port="6432"} 2
pgbouncer_pools_server_active_connections{database="shop",user="web"} 15
pgbouncer_pools_server_active_connections{database="shop",user="job"} 5
pgbouncer_pools_server_active_connections{database="pgbouncer",user="pgbouncer"} 0
pgbouncer_pools_client_waiting_connections{database="shop",user="web"} 30
pgbouncer_pools_client_waiting_connections{database="pgbouncer",user="pgbouncer"} 0
pgbouncer_stats_client_wait_seconds_total{database="shop"} 81.5
pgbouncer_stats_sql_transactions_pooled_total{database="shop"} 4000
pgbouncer_stats_server_in_transaction_seconds_total{database="shop"} 60
""",
        {
            "shop.shop": {
                "used": 20,
                "max": 20,
                "pending": 30,
                "wait_s": 81.5,
                "waits": 4000,
                "hold_s": 60,
                "returned": 4000,
            }
        },
    ),
    Expected(
        "pgbouncer, since 1.23: how often somebody got a connection",
        "pgbouncer",
        """\
pgbouncer_pools_server_active_connections{database="shop",user="web"} 15
pgbouncer_stats_client_wait_seconds_total{database="shop"} 81.5
pgbouncer_stats_server_assignments_total{database="shop"} 3000
pgbouncer_stats_sql_transactions_pooled_total{database="shop"} 4000
""",
        {"shop.shop": {"used": 15, "wait_s": 81.5, "waits": 3000, "returned": 4000}},
    ),
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
    Expected(
        "postgres_exporter, less what is kept for superusers",
        "postgres_exporter",
        """\
pg_stat_activity_count{datname="shop",server="db:5432",state="active",usename="web"} 20
pg_stat_activity_count{datname="shop",server="db:5432",state="idle",usename="web"} 70
pg_stat_activity_count{datname="shop",server="db:5432",state="idle in transaction",usename="web"} 5
pg_settings_max_connections{server="db:5432"} 100
pg_settings_superuser_reserved_connections{server="db:5432"} 3
""",
        {"shop.postgres_exporter": {"used": 95, "max": 97, "active": 20}},
    ),
    Expected(
        "redis_exporter",
        "redis_exporter",
        """\
redis_connected_clients 812
redis_config_maxclients 10000
redis_rejected_connections_total 0
redis_blocked_clients 1
""",
        {"shop.redis_exporter": {"used": 812, "max": 10000, "timeouts": 0}},
    ),
    Expected(
        "mysqld_exporter",
        "mysqld_exporter",
        """\
mysql_global_status_threads_connected 151
mysql_global_status_threads_running 12
mysql_global_variables_max_connections 151
mysql_global_status_connection_errors_total{error="max_connections"} 9
mysql_global_status_connection_errors_total{error="internal"} 1
""",
        {"shop.mysqld_exporter": {"used": 151, "max": 151, "timeouts": 9, "active": 12}},
    ),
    Expected(
        "node_exporter",
        "node_exporter",
        """\
node_cpu_seconds_total{cpu="0",mode="idle"} 1000
node_cpu_seconds_total{cpu="0",mode="iowait"} 5
node_cpu_seconds_total{cpu="0",mode="system"} 20
node_cpu_seconds_total{cpu="0",mode="user"} 80
node_cpu_seconds_total{cpu="1",mode="idle"} 900
node_cpu_seconds_total{cpu="1",mode="iowait"} 6
node_cpu_seconds_total{cpu="1",mode="system"} 30
node_cpu_seconds_total{cpu="1",mode="user"} 170
node_schedstat_waiting_seconds_total{cpu="0"} 3
node_schedstat_waiting_seconds_total{cpu="1"} 4
node_schedstat_timeslices_total{cpu="0"} 1000
node_schedstat_timeslices_total{cpu="1"} 3000
""",
        {"shop.node_exporter": {"busy_s": 300, "max": 2, "wait_s": 7, "waits": 4000}},
    ),
    Expected(
        "cadvisor, Kubernetes: with milliseconds and times of its own",
        "cadvisor",
        """\
container_cpu_usage_seconds_total{container="",cpu="total",id="/kubepods",image="",name="",namespace="",pod=""} 900 1790000000000
container_cpu_usage_seconds_total{container="web",cpu="total",id="/kubepods/a",namespace="shop",pod="web-1"} 120.5 1790000000000
container_spec_cpu_quota{container="web",id="/kubepods/a",namespace="shop",pod="web-1"} 150000 1790000000000
container_spec_cpu_period{container="web",id="/kubepods/a",namespace="shop",pod="web-1"} 100000 1790000000000
container_cpu_cfs_periods_total{container="web",id="/kubepods/a",namespace="shop",pod="web-1"} 600
container_cpu_cfs_throttled_periods_total{container="web",id="/kubepods/a",namespace="shop",pod="web-1"} 300
container_cpu_cfs_throttled_seconds_total{container="web",id="/kubepods/a",namespace="shop",pod="web-1"} 45
""",
        {"shop.web-1/web": {"busy_s": 120.5, "max": 1.5, "wait_s": 45, "waits": 300}},
    ),
    Expected(
        "cadvisor, Docker: a container without a limit",
        "cadvisor",
        """\
container_cpu_usage_seconds_total{cpu="total",id="/",image="",name=""} 900
container_cpu_usage_seconds_total{cpu="total",id="/docker/1",image="shop",name="shop-web"} 33
container_spec_cpu_period{id="/docker/1",image="shop",name="shop-web"} 100000
""",
        {"shop.shop-web": {"busy_s": 33}},
    ),
)
