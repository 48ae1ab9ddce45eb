"""What Prometheus' HTTP API answers is read, and what is no answer of it is a sentence."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from dress_rehearsal.dashboards.errors import PrometheusRefusedError, PrometheusSilentError
from dress_rehearsal.dashboards.prometheus_api import Firing, PrometheusApi
from tests.dashboards.recorded import record, served
from tests.hostile_http import MODES, hostile

T0 = 1_780_000_000.0


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusApi]:
    data: Path = tmp_path_factory.mktemp("tsdb") / "data"
    record([("level", second, T0 + second) for second in range(10)], data)
    with served(data) as api:
        yield api


@contextmanager
def answering(status: int, body: bytes) -> Iterator[PrometheusApi]:
    """Something that gives one answer to whatever is asked."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        yield PrometheusApi(f"http://127.0.0.1:{server.server_port}")
        thread.join()


def test_a_line_has_its_points_in_the_order_of_their_time(api: PrometheusApi) -> None:
    (one,) = api.query_range("level", T0, T0 + 9, 3)
    assert one.labels == {"__name__": "level"}
    assert one.times == (T0, T0 + 3, T0 + 6, T0 + 9)
    assert one.values == (0, 3, 6, 9)


def test_a_scalar_is_a_series_without_labels(api: PrometheusApi) -> None:
    (one,) = api.query("6 * 7", T0)
    assert (one.labels, one.values) == ({}, (42.0,))


def test_an_expression_that_gives_no_series_is_refused(api: PrometheusApi) -> None:
    with pytest.raises(
        PrometheusRefusedError, match="answers with a string where a vector was asked"
    ):
        api.query('"words"', T0)


def test_a_server_that_scrapes_nothing_has_no_targets_and_no_alerts(api: PrometheusApi) -> None:
    assert api.healthy_targets() == 0
    assert api.firing() == []


def test_targets_are_counted_that_were_scraped_and_alerts_told_that_fire() -> None:
    active = [{"health": health} for health in ("up", "down", "unknown", "up")]
    with answering(200, json.dumps({"data": {"activeTargets": active}}).encode()) as api:
        assert api.healthy_targets() == 2
    labels = {"pool": "postgres", "alertname": "PoolLeak"}
    alerts = [
        {"state": "firing", "labels": labels, "annotations": {"summary": "4 are out"}},
        {"state": "pending", "labels": {"alertname": "Other"}},
    ]
    with answering(200, json.dumps({"data": {"alerts": alerts}}).encode()) as api:
        assert api.firing() == [
            Firing("PoolLeak", '{"alertname": "PoolLeak", "pool": "postgres"}', "4 are out")
        ]


def test_a_server_that_is_not_there_is_a_sentence() -> None:
    with pytest.raises(
        PrometheusSilentError, match=r"http://127\.0\.0\.1:9 gives no answer: .*refused"
    ):
        PrometheusApi("http://127.0.0.1:9", timeout_s=1).query("up", T0)


@pytest.mark.parametrize("mode", ["slow_head", "slow_body", "endless_continue", "cut_body"])
def test_a_server_that_answers_without_end_is_a_sentence(mode: str) -> None:
    with hostile(mode) as server, pytest.raises(PrometheusSilentError, match="gives no answer: "):
        PrometheusApi(
            server.url, timeout_s=0.2 if MODES[mode][0] == "late" else 60
        ).healthy_targets()


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (200, b"<html>welcome</html>", "is no Prometheus"),
        (200, b"[]", "is no Prometheus"),
        (200, b'{"status": "success"}', "is no Prometheus"),
        (502, b"bad gateway from the proxy", r"\(502 Bad Gateway\): bad gateway from the proxy"),
        (503, b"", r"\(503 Service Unavailable\): no reason given"),
    ],
)
def test_another_server_is_a_sentence(status: int, body: bytes, words: str) -> None:
    with answering(status, body) as api, pytest.raises(PrometheusRefusedError, match=words):
        api.query("up", T0)
    with answering(status, body) as api, pytest.raises(PrometheusRefusedError, match=words):
        api.firing()


@pytest.mark.parametrize(
    "data",
    [
        b'{"resultType": "scalar", "result": []}',
        b'{"resultType": "scalar", "result": ["soon", "x"]}',
        b'{"resultType": "vector", "result": [5]}',
        b'{"resultType": "vector", "result": {"a": 1}}',
        b'{"resultType": "vector", "result": [{"metric": 1, "value": [0, "1"]}]}',
        b'{"resultType": "vector", "result": [{"metric": {}, "value": null}]}',
        b"[" * 100_000,
    ],
)
def test_data_of_another_shape_are_none_of_prometheus(data: bytes) -> None:
    body = b'{"status": "success", "data": ' + data + b"}"
    with answering(200, body) as api, pytest.raises(PrometheusRefusedError, match="no Prometheus"):
        api.query("up", T0)


@pytest.mark.parametrize("alerts", [b"[5]", b'{"a": 1}', b'[{"state": "firing"}]', b"7"])
def test_alerts_of_another_shape_are_none_of_prometheus(alerts: bytes) -> None:
    body = b'{"data": {"alerts": ' + alerts + b"}}"
    with answering(200, body) as api, pytest.raises(PrometheusRefusedError, match="no Prometheus"):
        api.firing()
