"""Metrics of somebody else's app are asked for within bounds, and read into our pools' names."""

import difflib
import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from pyarrow import parquet

from dress_rehearsal.plans.sections.metrics import Metrics
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.collectors import near_names
from dress_rehearsal.records.collectors.collector import Collector, Sources
from dress_rehearsal.records.collectors.pool_metrics import (
    FOUND,
    LEVELS,
    PROCESS,
    RESTARTS,
    UP,
    PoolMetrics,
    pool_metrics,
)
from dress_rehearsal.records.collectors.pool_series import NO_NUMBER
from dress_rehearsal.records.exporter import families
from dress_rehearsal.records.samples import Reading, SourceUnreadableError

TOKEN = "tok-93f1c0"  # of no service
MAP = {
    "used": ["pool_in_use", "pool_size - pool_idle"],
    "max": "pool_limit",
    "pending": 'pool_waiting{kind="client"}',
    "wait_sum": "pool_wait_ms_sum",
    "wait_count": "pool_wait_ms_count",
    "wait_bucket": "pool_wait_ms_bucket",
}


class Shop:
    """A server that answers what a test wants, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str | None]] = []
        self.answer: Callable[[BaseHTTPRequestHandler], None] = lambda _: None
        shop = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                shop.asked.append((self.path, self.headers.get("Authorization")))
                shop.answer(self)

            def log_message(self, *args: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/actuator/prometheus?x=1"

    def says(self, text: str, status: int = 200, **headers: str) -> None:
        def answer(handler: BaseHTTPRequestHandler) -> None:
            body = text.encode()
            handler.send_response(status)
            for name, value in headers.items():
                handler.send_header(name, value)
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)

        self.answer = answer


@pytest.fixture
def shop() -> Iterator[Shop]:
    shop = Shop()
    thread = Thread(target=shop.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield shop
    shop.server.shutdown()
    shop.server.server_close()
    thread.join()


def entry(url: str, pools: Any = "hikaricp", **more: Any) -> Metrics:
    return Metrics.model_validate({"name": "shop", "url": url, "pools": pools, **more})


def read(metrics: Metrics) -> Reading:
    source = PoolMetrics(metrics, 0)
    try:
        return source.read()
    finally:
        source.close()


def values(reading: Reading) -> dict[tuple[str, str], float]:
    return {
        (each.name.removeprefix("db_client_"), str(json.loads(each.labels).get("le", ""))): value
        for each, value in zip(reading.series, reading.values, strict=True)
        if each.name not in (UP, PROCESS, LEVELS, RESTARTS, FOUND)
    }


def said(reading: Reading) -> dict[str, tuple[float, str]]:
    return {
        json.loads(each.labels)["of"]: (value, json.loads(each.labels)["near"])
        for each, value in zip(reading.series, reading.values, strict=True)
        if each.name == FOUND
    }


def test_the_path_is_asked_with_the_token_of_the_environment(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_TOKEN", TOKEN)
    shop.says('hikaricp_connections_active{pool="a"} 3\n')

    reading = read(entry(shop.url, bearer_env="SHOP_TOKEN"))

    assert shop.asked == [("/actuator/prometheus?x=1", f"Bearer {TOKEN}")]
    assert {each.source for each in reading.series} == {"shop"}
    assert TOKEN not in repr(reading)


def test_without_its_token_nothing_is_asked_and_the_variable_is_named(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SHOP_TOKEN", raising=False)

    with pytest.raises(SourceUnreadableError, match="SHOP_TOKEN"):
        read(entry(shop.url, bearer_env="SHOP_TOKEN"))
    assert shop.asked == []


def test_a_process_that_is_replaced_takes_nothing_of_what_was_counted(shop: Shop) -> None:
    def says(*workers: tuple[int, int]) -> None:
        shop.says(
            "".join(f'pool_wait_ms_count{{pid="{pid}"}} {waits}\n' for pid, waits in workers)
            + "".join(f'pool_in_use{{pid="{pid}"}} 1\n' for pid, _ in workers)
        )

    source = PoolMetrics(entry(shop.url, MAP), 0)
    counted, levels = [], []
    for workers in ([(1, 900), (2, 700)], [(2, 701)], [(2, 703), (3, 4)]):
        says(*workers)
        reading = source.read()
        found = dict(zip((each.name for each in reading.series), reading.values, strict=True))
        counted.append(found["db_client_connection_wait_time_seconds_count"])
        levels.append(found[LEVELS])
    source.close()

    assert counted == [1600, 1601, 1607]
    assert levels == [2, 1, 2]


def test_a_map_of_own_names_is_read_in_seconds(shop: Shop) -> None:
    shop.says(
        'pool_size{w="1"} 6\npool_size{w="2"} 4\npool_idle{w="1"} 1\npool_idle{w="2"} 2\n'
        'pool_limit 10\npool_waiting{kind="client"} 5\npool_waiting{kind="other"} 9\n'
        'pool_wait_ms_bucket{le="10"} 3\npool_wait_ms_bucket{le="+Inf"} 4\n'
        "pool_wait_ms_sum 250\npool_wait_ms_count 4\n"
    )

    assert values(read(entry(shop.url, MAP))) == {
        ("connections", ""): 7.0,
        ("connection_max", ""): 10.0,
        ("connection_pending_requests", ""): 5.0,
        ("connection_wait_time_seconds_sum", ""): 0.25,
        ("connection_wait_time_seconds_count", ""): 4.0,
        ("connection_wait_time_seconds_bucket", "0.01"): 3.0,
        ("connection_wait_time_seconds_bucket", "+Inf"): 4.0,
    }


def test_a_brace_in_a_labels_value_is_part_of_it(shop: Shop) -> None:
    shop.says('busy{path="/{id}",state="used"} 5\nbusy{path="/{id}",state="idle"} 2\n')
    names = {"used": 'busy{path="/{id}", state="used"} - busy{path="/{id}",state="idle"}'}
    assert values(read(entry(shop.url, names))) == {("connections", ""): 3.0}


def test_what_is_infinite_is_not_known(shop: Shop) -> None:
    shop.says("used 5\nmost +Inf\nwaiting -Inf\n")
    names = {"used": "used", "max": "most", "pending": "waiting"}
    assert values(read(entry(shop.url, names))) == {("connections", ""): 5.0}


def test_a_limit_without_the_label_is_every_pools(shop: Shop) -> None:
    shop.says('used{pool="a"} 1\nused{pool="b"} 2\nmost 4\n')

    names = {"used": "used", "max": "most", "name_label": "pool"}
    reading = read(entry(shop.url, names))

    pools = [
        (json.loads(each.labels)["pool"], value)
        for each, value in zip(reading.series, reading.values, strict=True)
        if each.name == "db_client_connection_max"
    ]
    assert sorted(pools) == [("shop.a", 4.0), ("shop.b", 4.0)]


def test_a_preset_that_matches_nothing_says_what_is_near(shop: Shop) -> None:
    shop.says("hikari_connections_active 3\nhikari_connections_max 10\nup 1\n")

    number, near = said(read(entry(shop.url)))["hikaricp"]

    assert number == 0
    assert near == "hikari_connections_active, hikari_connections_max"


def test_of_very_many_names_only_kindred_ones_are_compared_and_the_nearest_is_found(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[int] = []

    def close(name: str, known: list[str], **more: Any) -> list[str]:
        compared.append(len(known))
        return difflib.get_close_matches(name, known, **more)

    monkeypatch.setattr(near_names, "get_close_matches", close)
    many = "".join(f"requests_{number}_seconds_count 1\n" for number in range(3_000))
    shop.says(f"{many}hikari_connections_active 3\n")

    number, near = said(read(entry(shop.url)))["hikaricp"]

    assert (number, near) == (0, "hikari_connections_active")
    assert max(compared) <= 60


def test_a_name_of_the_map_that_is_not_there_says_what_is_near(shop: Shop) -> None:
    shop.says("pool_in_use 3\npool_limits 4\npool_wait_ms_sum 1\npool_wait_ms_count 1\n")

    found = said(read(entry(shop.url, MAP)))

    assert found["used"] == (1.0, "")
    assert found["max"][0] == 0
    assert found["max"][1].startswith("pool_limits")


def test_series_that_say_no_number_are_there_all_the_same(shop: Shop) -> None:
    shop.says("pool_in_use NaN\npool_limit 0\npool_wait_ms_sum NaN\npool_wait_ms_count 1\n")

    reading = read(entry(shop.url, MAP))

    found = said(reading)
    assert found["used"] == found["wait_sum"] == (0.0, NO_NUMBER)
    assert found["max"] == (1.0, "")  # 0 is no limit
    assert found["wait_count"] == (1.0, "")
    assert not any(each.name == "db_client_connections" for each in reading.series)


def test_what_is_there_only_later_is_found_though_no_name_is_new(shop: Shop) -> None:
    source = PoolMetrics(entry(shop.url, {"used": 'pool{state="used"}'}), 0)
    shop.says('pool{state="idle"} 3\n')
    assert said(source.read())["used"][0] == 0
    shop.says('pool{state="idle"} 3\npool{state="used"} 1\n')
    assert said(source.read())["used"][0] == 1
    source.close()


@pytest.mark.parametrize(
    ("status", "text", "why"),
    [
        pytest.param(404, "used 1\n", "it answered 404", id="no such path"),
        pytest.param(401, "", "it answered 401: name the variable", id="no token"),
        pytest.param(200, "<html>\n<body>login</body>\n", "no text of metrics", id="a page"),
    ],
)
def test_what_is_no_metrics_is_said_and_recorded_as_down(
    shop: Shop, status: int, text: str, why: str
) -> None:
    shop.says(text, status)

    with pytest.raises(SourceUnreadableError, match=why) as refused:
        read(entry(shop.url))
    assert [each.name for each in refused.value.down.series] == [UP]
    assert list(refused.value.down.values) == [0.0]
    assert "actuator" not in str(refused.value)


def test_a_redirect_is_not_followed(shop: Shop) -> None:
    shop.says("", 302, Location=shop.url + "2")

    with pytest.raises(SourceUnreadableError, match="redirects are not followed"):
        read(entry(shop.url))
    assert len(shop.asked) == 1


def test_an_answer_without_end_is_cut_off(shop: Shop) -> None:
    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(b"used 1\n" * 10_000)
        except OSError:
            handler.close_connection = True

    shop.answer = endless

    with pytest.raises(SourceUnreadableError, match="more than 8 MiB"):
        read(entry(shop.url))


def test_each_instance_is_a_source_of_its_own_and_told_apart() -> None:
    metrics = Metrics.model_validate(
        {
            "name": "shop",
            "urls": ["http://127.0.0.1:1/m", "http://127.0.0.1:2/m"],
            "pools": "django",
        }
    )
    sources = list(pool_metrics((metrics,)))
    told = [source._series("psycopg_pool_requests_waiting 1\n") for source in sources]
    series = [each for own in told for each in own if each.name.endswith("pending_requests")]

    assert [source.name for source in sources] == ["shop:1", "shop:2"]
    assert [json.loads(each.labels).get("replica") for each in series] == ["1", "2"]


def test_the_collector_reads_it_once_a_second_at_most_and_shows_it(
    shop: Shop, tmp_path: Path
) -> None:
    shop.says('hikaricp_connections_active{pool="a"} 3\nhikaricp_connections_max{pool="a"} 4\n')
    run = RunDirectory(tmp_path / "run")
    run.metrics.mkdir(parents=True)
    sources = Sources(
        targets_dir=None,
        dsn=None,
        redis_url=None,
        event="festival",
        listen_ports=(),
        components=list,
        metrics=(entry(shop.url),),
    )

    with Collector(run, sources, 0.05) as collector:
        collector.read_all()
        shown = families(collector.newest())
        used = [
            (sample.labels, sample.value)
            for family in shown
            for sample in family.samples
            if sample.name == "db_client_connections"
        ]
        assert collector.by_label("db_client_connections", "shop", "pool") == {"shop.a": 3.0}

    assert used == [({"job": "shop", "pool": "shop.a", "state": "used"}, 3.0)]
    assert len(shop.asked) <= 3
    rows = parquet.read_table(run.metrics).to_pylist()
    assert ("shop", "db_client_connection_max", 4.0) in {
        (row["source"], row["name"], row["value"]) for row in rows
    }
