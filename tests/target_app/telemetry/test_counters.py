"""Counters and histograms: what a scrape reads of them is what Prometheus' own would tell."""

import random
import threading
from typing import Any

import prometheus_client
import pytest
from prometheus_client import CollectorRegistry, generate_latest

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
