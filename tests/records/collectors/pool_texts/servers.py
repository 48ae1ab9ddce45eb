# ruff: noqa: E501 (lines of metrics are as long as they are)
"""Exposition texts of servers, machines and containers, from their documentation, and what they say."""

from tests.records.collectors.pool_texts.expected import Expected

TEXTS = (
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
