"""Instruments: what Prometheus would have counted itself, and nothing at all when switched off."""

import json
import logging
import random
import signal
import threading
from collections.abc import Callable
from typing import Any

import httpx
import prometheus_client
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from dress_rehearsal.target_app.telemetry import logs
from dress_rehearsal.target_app.telemetry.counters import Counter, Histogram
from dress_rehearsal.target_app.telemetry.metrics import POOL_EDGES_S


def test_they_expose_what_prometheus_clients_own_would() -> None:
    texts = []
    for counters, histograms in (
        (Counter, Histogram),
        (prometheus_client.Counter, prometheus_client.Histogram),
    ):
        registry = CollectorRegistry(auto_describe=True)
        counter: Any = counters("calls", "Calls, by result.", ("kind", "result"), registry=registry)
        spread: Any = histograms(
            "wait_seconds", "Waits.", ("pool",), buckets=POOL_EDGES_S, registry=registry
        )
        chosen = random.Random(2026)
        counter.labels("redis", "success")  # there from the start, as zero
        for _ in range(500):
            counter.labels("redis", chosen.choice(["success", 'odd "one"'])).inc()
            spread.labels("postgres").observe(chosen.choice([0.0, *POOL_EDGES_S, 99.0]))
            spread.labels("redis").observe(chosen.expovariate(50))
        counter.labels("sqs", "success").inc(3)
        texts.append(generate_latest(registry).decode())
    assert texts[0] == texts[1]
    assert 'wait_seconds_bucket{le="+Inf",pool="postgres"} 500.0' in texts[0]


def test_two_metrics_of_one_name_are_refused() -> None:
    registry = CollectorRegistry(auto_describe=True)
    Counter("calls", "Calls.", ("kind",), registry=registry)
    with pytest.raises(ValueError, match="Duplicated"):
        Counter("calls", "Calls.", ("kind",), registry=registry)


def test_a_scrape_while_counting_goes_on_sees_whole_numbers() -> None:
    registry = CollectorRegistry(auto_describe=True)
    counter = Counter("calls", "Calls.", ("kind",), registry=registry)
    done = threading.Event()

    def count() -> None:
        for number in range(20_000):
            counter.labels(str(number % 500)).inc()
        done.set()

    thread = threading.Thread(target=count)
    thread.start()
    while not done.is_set():
        generate_latest(registry)
    thread.join()
    values = [sample.value for family in registry.collect() for sample in family.samples]
    assert sum(values) == 20_000


@pytest.mark.parametrize("instruments", ["on", "off"])
def test_switched_off_there_is_neither_metric_nor_timing_nor_line_and_sales_go_on(
    make_stage: Callable[..., Any], spawn: Any, eventually: Callable[..., Any], instruments: str
) -> None:
    stage = make_stage(APP_INSTRUMENTATION=instruments)
    stage.prepare()
    child = spawn("dress_rehearsal.target_app", stage)
    url = f"http://127.0.0.1:{stage.settings.port}"
    announced = eventually(lambda: list(stage.targets.glob("app-*.json")))
    (target,) = json.loads(announced[0].read_text())[0]["targets"]
    student, pin, _ = stage.roster[0]
    with httpx.Client(base_url=url, verify=False, timeout=10) as http:

        def is_ready() -> bool:
            try:
                return http.get("/readyz").status_code == 200
            except httpx.TransportError:
                return False

        eventually(is_ready)
        token = http.post("/login", json={"student": student, "pin": pin}).json()["token"]
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "key"}
        answer = http.post(f"/events/{stage.event}/tickets", headers=headers)
        metrics = http.get(f"http://{target}/metrics").text
    assert child.stop(signal.SIGTERM) == 0
    assert answer.status_code == 202
    on = instruments == "on"
    assert ("server-timing" in answer.headers) == on
    assert ("http_server_requests_total{" in metrics) == on
    assert ("boundary_calls_total{" in metrics) == on
    assert child.said("ticket granted") == on


def granted(logger: logging.Logger) -> logs.Remark:
    """A remark about a number."""
    return logs.Remark(logger, "ticket granted", lambda number: {"number": number})


class TestRemarks:
    """Lines of which there are thousands a second."""

    @pytest.fixture
    def logger(self) -> Any:
        logger = logging.getLogger("dress_rehearsal.target_app.remarks")
        yield logger
        logger.setLevel(logging.NOTSET)

    def read(self, path: Any) -> list[dict[str, Any]]:
        return [json.loads(line) for line in path.read_text().splitlines()]

    def test_they_are_lines_like_others_once_flushed_and_in_order(
        self, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, logger: Any
    ) -> None:
        with (tmp_path / "log").open("wb") as file:
            handler = logs.LineHandler(file.fileno(), "app")
            monkeypatch.setattr(logs.Remark, "lines", handler)
            logger.setLevel(logging.INFO)
            granted(logger).make(1)
            assert self.read(tmp_path / "log") == []
            handler.emit(logging.makeLogRecord({"msg": "next", "levelno": logging.WARNING}))
            remark, following = self.read(tmp_path / "log")
            logger.setLevel(logging.WARNING)
            granted(logger).make(2)
            handler.close()
        assert (remark["message"], remark["number"], remark["level"]) == (
            *("ticket granted", 1, "info"),
        )
        assert following["message"] == "next"
        assert set(remark) - {"number"} == set(following)
        assert remark["time_ns"] <= following["time_ns"] + 1_000_000
        assert len(self.read(tmp_path / "log")) == 2

    def test_a_flood_of_them_is_written_before_it_fills_the_memory(
        self, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, logger: Any
    ) -> None:
        with (tmp_path / "log").open("wb") as file:
            handler = logs.LineHandler(file.fileno(), "app")
            monkeypatch.setattr(logs.Remark, "lines", handler)
            logger.setLevel(logging.INFO)
            for number in range(1500):
                granted(logger).make(number)
            assert len(self.read(tmp_path / "log")) == 1000
            handler.close()
        assert [line["number"] for line in self.read(tmp_path / "log")] == list(range(1500))

    def test_without_json_lines_they_are_ordinary_ones(
        self, caplog: pytest.LogCaptureFixture, logger: Any
    ) -> None:
        with caplog.at_level(logging.INFO, "dress_rehearsal.target_app.remarks"):
            granted(logger).make(1)
        assert caplog.records[0].number == 1


def test_what_logging_does_without_inside_it_has_again_afterwards(
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = (logging.logThreads, logging.logProcesses)
    with logs.json_logs("app", "info"):
        assert not logging.logThreads
        assert logs.Remark.lines is not None
    assert (logging.logThreads, logging.logProcesses) == before
    assert logs.Remark.lines is None
