"""Series that look like a pool's are proposed as a map that works; others never are."""

import tomllib

import pytest

from dress_rehearsal.plans import read_plan
from dress_rehearsal.plans.sections.metrics import PoolNames
from dress_rehearsal.records.collectors.exposition import read_exposition
from dress_rehearsal.records.collectors.pool_series import PoolSeries
from dress_rehearsal.rehearsal.cli import main
from dress_rehearsal.rehearsal.first_contact.candidates import candidates
from tests.rehearsal.first_contact.served import served

ACME = """\
# TYPE acme_db_conns_busy gauge
acme_db_conns_busy 3
acme_db_conns_max 10
# TYPE acme_db_wait_seconds summary
acme_db_wait_seconds_sum 1.5
acme_db_wait_seconds_count 20
# TYPE acme_orders_total counter
acme_orders_total 5
"""
NO_POOL = """\
jvm_memory_pool_bytes_used 3
jvm_memory_pool_bytes_max 9
jvm_threads_live_threads 20
process_open_fds 3
process_max_fds 1024
nginx_connections_active 3
nginx_connections_waiting 2
http_connections_active 3
http_connections_max 9
tomcat_sessions_active_current_sessions 3
tomcat_sessions_active_max_sessions 9
tickets_used 3
tickets_max 9
cache_pool_size 3
db_connections_active 3
# TYPE conn_used_total counter
conn_used_total 5
conn_max 9
"""


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (
            ACME,
            {
                "used": "acme_db_conns_busy",
                "max": "acme_db_conns_max",
                "wait_sum": "acme_db_wait_seconds_sum",
                "wait_count": "acme_db_wait_seconds_count",
            },
        ),
        (
            'shop_pool_size{pool="a"} 9\nshop_pool_idle{pool="a"} 2\nshop_pool_size{pool="b"} 9\n'
            'shop_pool_idle{pool="b"} 1\nshop_pool_waiting{pool="a"} 4\n',
            {
                "used": "shop_pool_size - shop_pool_idle",
                "pending": "shop_pool_waiting",
                "name_label": "pool",
            },
        ),
        (
            'pool_conns{state="in_use"} 1\npool_conns{state="idle"} 2\npool_conns{state="max"} 3\n',
            {"used": 'pool_conns{state="in_use"}', "max": 'pool_conns{state="max"}'},
        ),
        (
            "dbConnectionsInUse 3\ndbConnectionsMax 4\ndbConnectionWaitMs_sum 5\n"
            "dbConnectionWaitMs_count 6\ndbConnectionTimeouts 1\n",
            {
                "used": "dbConnectionsInUse",
                "max": "dbConnectionsMax",
                "wait_sum": "dbConnectionWaitMs_sum",
                "wait_count": "dbConnectionWaitMs_count",
                "timeouts": "dbConnectionTimeouts",
                "unit": "ms",
            },
        ),
    ],
)
def test_what_looks_like_a_pool_is_a_map_that_reads_it(text: str, names: dict[str, str]) -> None:
    (found,) = candidates(text)
    assert found.names == names
    assert tomllib.loads(str(found))["pools"] == names
    pools = PoolSeries("shop", {"": (PoolNames(**names),)})  # type: ignore[arg-type]
    values, there = pools.read(read_exposition(text, pools.wanted, set()), ())
    assert values
    assert all(each.series for each in there)


def test_nothing_is_named_where_nothing_looks_like_a_pool() -> None:
    assert candidates(NO_POOL) == []
    assert candidates("") == []
    known = {"acme_db_conns_busy", "acme_db_conns_max"}
    assert candidates(ACME, known) == []


def test_init_writes_them_down_as_comments_that_make_a_plan(tmp_path, capsys):
    with served({"/metrics": ACME}) as app:
        assert main(["init", app.url, "--out", str(tmp_path)]) == 0
        said = " ".join(capsys.readouterr().out.split())
        assert "Guessed from their names" in said
        assert 'used = "acme_db_conns_busy" max = "acme_db_conns_max"' in said
        path = tmp_path / "own-app.toml"
        text = path.read_text()
        assert not read_plan(path).metrics
        assert "# GUESS" in text
        assert max(map(len, text.splitlines())) <= 100
        first, last = text.index("# [[metrics]]"), text.index("# Who holds a ticket")
        uncommented = text[first:last].replace("# ", "")
        path.write_text(text[:first] + uncommented + text[last:])
        (metrics,) = read_plan(path).metrics
        assert isinstance(metrics.pools, PoolNames)
        assert metrics.pools.wait_sum == ("acme_db_wait_seconds_sum",)


def test_init_is_silent_about_series_that_are_no_pools(tmp_path, capsys):
    with served({"/metrics": f"# TYPE jvm_threads_live_threads gauge\n{NO_POOL}"}) as app:
        assert main(["init", app.url, "--out", str(tmp_path)]) == 0
    assert "Guessed from their names, and in" not in capsys.readouterr().out
    assert "these series may be a pool's" not in (tmp_path / "own-app.toml").read_text()
