"""The exporter: what any Prometheus of the machine is shown."""

import http.client
import socket
import subprocess

import pytest
from prometheus_client.parser import text_string_to_metric_families

from dress_rehearsal.records.exporter import HELP, exporting, families, family_of
from dress_rehearsal.records.samples import Reading, Series, labels_json
from tests.dashboards.binaries import binary

READINGS = [
    Reading.of(
        1,
        {
            Series("postgres", "pg_up", "{}"): 1.0,
            Series("kernel", "tcp_listen_drops_total", "{}"): 7.0,
            Series("processes", "process_open_fds", labels_json(component="app", pid=1)): 9.0,
            Series("elsewhere", "not_one_of_ours", "{}"): 5.0,
        },
    ),
    Reading.of(2, {Series("g", "generator_connections", labels_json(state="ticket")): 3.0}),
    Reading.of(3, {Series("g", "generator_connections", labels_json(state="failed")): 4.0}),
]


def scraped(port: int) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    return text


def values(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_what_was_read_last_is_shown_with_its_type_and_meaning() -> None:
    with exporting(lambda: families(READINGS)) as port:
        text = scraped(port)
    assert values(text) == {
        ("pg_up", frozenset()): 1,
        ("tcp_listen_drops_total", frozenset()): 7,
        ("process_open_fds", frozenset({("component", "app"), ("pid", "1")})): 9,
        ("generator_connections", frozenset({("state", "ticket")})): 3,
        ("generator_connections", frozenset({("state", "failed")})): 4,
    }
    assert "# TYPE tcp_listen_drops_total counter" in text
    assert "# TYPE pg_up gauge" in text
    assert f"# HELP pg_up {HELP['pg_up']}" in text


def test_the_port_is_closed_afterwards() -> None:
    with exporting(lambda: ()) as port:
        scraped(port)
    with pytest.raises(OSError, match="refused"):
        scraped(port)


def test_prometheus_own_tool_has_nothing_to_say_about_the_metrics() -> None:
    known = [
        family_of(name, text, [({"label": "one"}, 1.0)]) for name, text in sorted(HELP.items())
    ]
    with exporting(lambda: known) as port:
        text = scraped(port)
    told = subprocess.run(
        [binary("promtool"), "check", "metrics"],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (told.returncode, told.stdout + told.stderr) == (0, "")


def test_who_says_nothing_keeps_nobody_waiting() -> None:
    with exporting(lambda: ()) as port:
        silent = socket.create_connection(("127.0.0.1", port), timeout=5)
        assert scraped(port) == ""
    silent.close()
