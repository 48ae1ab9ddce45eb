"""What the processes of the stage expose ends up in the metrics table as they exposed it."""

import json
import os
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    start_http_server,
)

from dress_rehearsal.records.collectors.scrape import Exposition, Scrape, Target, TargetsFolder
from dress_rehearsal.records.samples import Reading, SourceUnreadableError


def values(reading: Reading) -> dict[tuple[str, str], float]:
    return {
        (series.name, series.labels): value
        for series, value in zip(reading.series, reading.values, strict=True)
    }


def announce(folder: Path, pid: int, port: int, component: str = "app") -> Path:
    file = folder / f"{component}-{pid}.json"
    groups = [{"targets": [f"127.0.0.1:{port}"], "labels": {"job": component, "pid": str(pid)}}]
    partial = folder / f".{file.name}.partial"
    partial.write_text(json.dumps(groups))
    partial.replace(file)
    return file


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def port(registry: CollectorRegistry) -> Iterator[int]:
    server, thread = start_http_server(0, "127.0.0.1", registry)
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


def test_every_sample_is_there_with_its_labels_sorted(registry: CollectorRegistry) -> None:
    requests = Counter("http_server_requests", "…", ["route", "method"], registry=registry)
    requests.labels("/events/{event}", "GET").inc(3)
    wait = Histogram("wait_seconds", "…", ["pool"], buckets=[0.001, 2], registry=registry)
    wait.labels("postgres").observe(0.5)

    reading = Exposition("app:7").read(5, generate_latest(registry).decode())

    assert reading.t_ns == 5
    assert {series.source for series in reading.series} == {"app:7"}
    assert values(reading) == {
        ("http_server_requests_total", '{"method":"GET","route":"/events/{event}"}'): 3.0,
        ("wait_seconds_bucket", '{"le":"0.001","pool":"postgres"}'): 0.0,
        ("wait_seconds_bucket", '{"le":"2.0","pool":"postgres"}'): 1.0,
        ("wait_seconds_bucket", '{"le":"+Inf","pool":"postgres"}'): 1.0,
        ("wait_seconds_count", '{"pool":"postgres"}'): 1.0,
        ("wait_seconds_sum", '{"pool":"postgres"}'): 0.5,
    }


def test_values_that_change_are_followed_and_earlier_readings_stay_as_they_were() -> None:
    exposition = Exposition("app:7")
    first = exposition.read(1, 'used{pool="a"} 1.0\nused{pool="b"} 5.0\n')
    second = exposition.read(2, 'used{pool="a"} 2.0\nused{pool="b"} 5.0\n')

    assert list(first.values) == [1.0, 5.0]
    assert list(second.values) == [2.0, 5.0]


@pytest.mark.parametrize(
    "later",
    [
        pytest.param('used{pool="a"} 1.0\nnew 3.0\nused{pool="b"} 5.0\n', id="a line more"),
        pytest.param('used{pool="b"} 5.0\nused{pool="a"} 1.0\n', id="another order"),
        pytest.param('used{pool="b"} 5.0\n', id="a line fewer"),
        pytest.param('used{pool="a"} 1.0\n# used{pool="b"} 5.0\n', id="a comment in its place"),
    ],
)
def test_lines_may_come_go_and_move_between_scrapes(later: str) -> None:
    exposition = Exposition("app:7")
    exposition.read(1, 'used{pool="a"} 1.0\nused{pool="b"} 5.0\n')

    assert values(exposition.read(2, later)) == values(Exposition("app:7").read(2, later))


def test_label_values_may_hold_blanks_quotes_and_braces(registry: CollectorRegistry) -> None:
    Gauge("odd", "…", ["text"], registry=registry).labels('a "b" } c\\ {').set(1)

    reading = Exposition("app:7").read(1, generate_latest(registry).decode())

    assert json.loads(reading.series[0].labels) == {"text": 'a "b" } c\\ {'}


def test_created_and_python_metrics_are_left_out_even_while_they_change() -> None:
    exposition = Exposition("app:7")
    for t_ns in range(3):
        text = f"python_gc_total {t_ns}.0\nx_created 1.7e+0{t_ns}\nx_total {t_ns}.0\n"
        assert values(exposition.read(t_ns, text)) == {("x_total", "{}"): float(t_ns)}


def test_what_is_not_prometheus_text_is_refused_not_guessed() -> None:
    with pytest.raises(ValueError, match="invalid metric name"):
        Exposition("app:7").read(1, "<html> Not found</html>\n")


def test_a_sample_with_its_own_time_is_refused() -> None:
    with pytest.raises(ValueError, match="time of its own"):
        Exposition("app:7").read(1, "used 1.0 1395066363000\n")


def test_a_scrape_takes_what_the_process_says_now(registry: CollectorRegistry, port: int) -> None:
    gauge = Gauge("used", "…", registry=registry)
    scrape = Scrape(Target("app:7", "127.0.0.1", port))
    seen = []
    for value in (1, 2):
        gauge.set(value)
        seen.append(values(scrape.read())["used", "{}"])
    scrape.close()

    assert seen == [1.0, 2.0]


def test_a_process_that_is_gone_is_unreadable(listening: socket.socket) -> None:
    port = listening.getsockname()[1]
    listening.close()
    scrape = Scrape(Target("app:7", "127.0.0.1", port))

    with pytest.raises(
        SourceUnreadableError, match=r"app:7 gave no metrics at http://127\.0\.0\.1"
    ):
        scrape.read()


@pytest.mark.slow
def test_a_process_that_hangs_is_given_up_within_about_a_second(listening: socket.socket) -> None:
    scrape = Scrape(Target("app:7", "127.0.0.1", listening.getsockname()[1]))

    with pytest.raises(SourceUnreadableError, match="no whole answer within 1 s"):
        scrape.read()
    scrape.close()


def test_an_answer_that_is_not_200_is_unreadable(stub_http: int) -> None:
    scrape = Scrape(Target("app:7", "127.0.0.1", stub_http))

    with pytest.raises(SourceUnreadableError, match="status 404"):
        scrape.read()
    scrape.close()


@pytest.fixture
def stub_http() -> Iterator[int]:
    class NotFound(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(404)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 — as inherited
            pass

    with HTTPServer(("127.0.0.1", 0), NotFound) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_targets_are_found_when_they_appear_and_forgotten_when_they_go(tmp_path: Path) -> None:
    folder = TargetsFolder(tmp_path)
    assert folder.targets() == {}

    file = announce(tmp_path, 12, 4000)
    announce(tmp_path, 13, 4001, "writeback")
    assert folder.targets() == {
        "app:12": Target("app:12", "127.0.0.1", 4000),
        "writeback:13": Target("writeback:13", "127.0.0.1", 4001),
    }

    file.unlink()
    assert list(folder.targets()) == ["writeback:13"]


def test_a_target_that_moves_to_another_port_is_followed(tmp_path: Path) -> None:
    folder = TargetsFolder(tmp_path)
    os.utime(announce(tmp_path, 12, 4000), ns=(1, 1))
    folder.targets()
    announce(tmp_path, 12, 5000)

    assert folder.targets()["app:12"].port == 5000


@pytest.mark.parametrize("text", ["{", "[1]", '[{"targets": ["a:1"], "labels": {}}]'])
def test_a_targets_file_that_is_not_file_sd_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "app-1.json").write_text(text)

    with pytest.raises(SourceUnreadableError, match=r"app-1\.json is not Prometheus file_sd"):
        TargetsFolder(tmp_path).targets()
