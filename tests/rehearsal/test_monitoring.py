"""Prometheus beside a rehearsal: what it sees, and that nothing of it is left."""

import io
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from dress_rehearsal.compose import StageUnusableError
from dress_rehearsal.plans import Plan
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.rehearsal.monitoring import Monitoring, _literal, monitored
from dress_rehearsal.rehearsal.terminal.screen import Screen
from tests.dashboards.binaries import binary


@pytest.mark.rehearsal
@pytest.mark.xdist_group("a sound sale")
def test_prometheus_keeps_its_data_in_the_run_directory_and_is_gone(passed):
    binary("prometheus")
    passed.await_nothing_left(5)
    assert (passed.run.path / "prometheus" / "data" / "wal").is_dir()
    assert "prometheus_ready" in {event.name for event in passed.run.timeline()}


@pytest.mark.rehearsal
@pytest.mark.xdist_group("a sound sale")
def test_a_rehearsal_announces_what_can_be_scraped_as_long_as_it_lasts(passed):
    jobs = {group["labels"]["job"] for group in passed.targets}
    assert jobs == {"harness", "app", "writeback"}
    assert list((passed.out / "targets").iterdir()) == []


@pytest.fixture
def out_of_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Prometheus that does not start."""
    broken = tmp_path / "bin" / "prometheus"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\necho out of order >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{broken.parent}:{os.environ['PATH']}")


def test_a_prometheus_that_does_not_start_is_a_note_and_the_rehearsal_goes_on(
    out_of_order: None, tmp_path: Path
) -> None:
    plan, written = Plan(name="small"), io.StringIO()
    screen = Screen(Console(file=written, width=400))
    run = RunDirectory.create(tmp_path / "runs", plan)
    with monitored(plan, run, screen, None) as monitoring:
        assert monitoring.components() == []
    assert "Prometheus does not start" in written.getvalue()
    assert "goes on without it" in written.getvalue()
    assert "out of order" in written.getvalue()


def test_one_that_is_wanted_and_does_not_start_is_no_rehearsal(
    out_of_order: None, tmp_path: Path
) -> None:
    plan = Plan(name="small")
    run = RunDirectory.create(tmp_path / "runs", plan)
    screen = Screen(Console(quiet=True))
    with (
        pytest.raises(StageUnusableError, match="out of order"),
        monitored(plan, run, screen, prometheus=True),
    ):
        pytest.fail("it went on without")


@contextmanager
def answering(body: bytes, length: int) -> Iterator[SimpleNamespace]:
    """Something that gives the same to everybody, in place of a Prometheus that is running."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield SimpleNamespace(url=f"http://127.0.0.1:{server.server_port}", ended=False)
    server.shutdown()
    server.server_close()
    thread.join()


FIRING = {
    "state": "firing",
    "labels": {"alertname": "PoolLeak", "pool": "postgres"},
    "annotations": {"summary": "4 are out"},
}


def told(alerts: list[object]) -> bytes:
    return json.dumps({"data": {"alerts": alerts}}).encode()


def test_an_alert_is_told_once_when_it_begins_and_once_when_it_ends(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # it cannot reach loopback
    first = told([FIRING, {**FIRING, "state": "pending", "labels": {"alertname": "Other"}}])
    with answering(first, len(first)) as server:
        monitoring = Monitoring(None, None, server)
        ((begun, on),) = monitoring.alerts()
        assert (begun.name, begun.summary, on) == ("PoolLeak", "4 are out", True)
        assert list(monitoring.alerts()) == []
    with answering(told([]), len(told([]))) as server:
        monitoring._prometheus = server
        ((ended, on),) = monitoring.alerts()
        assert (ended.name, on) == ("PoolLeak", False)


@pytest.mark.parametrize(
    ("body", "length"), [(b"{}", 500), (b"[]", 2), (b"nonsense", 8), (b'{"data": null}', 14)]
)
def test_an_answer_that_is_none_breaks_nothing(body, length):
    with answering(body, length) as server:
        assert list(Monitoring(None, None, server).alerts()) == []


def test_the_loss_of_prometheus_is_told_once():
    server = SimpleNamespace(ended=False, url="http://127.0.0.1:9")
    monitoring = Monitoring(None, None, server)
    assert not monitoring.has_lost_prometheus()
    server.ended = True
    assert monitoring.has_lost_prometheus()
    assert not monitoring.has_lost_prometheus()


def test_whoever_else_scrapes_sees_the_verdict_before_the_port_closes():
    exporter = SimpleNamespace(scrapes=7, conclude=lambda verdict: None)
    scraping = threading.Timer(0.2, lambda: setattr(exporter, "scrapes", 9))
    scraping.start()
    Monitoring(exporter, None, None).conclude(None)
    assert exporter.scrapes == 9
    unseen = SimpleNamespace(scrapes=0, conclude=lambda verdict: None)
    Monitoring(unseen, None, None).conclude(None)  # nobody looks: nothing is waited for
    scraping.join()


def test_a_path_is_found_by_prometheus_though_it_looks_like_a_pattern(tmp_path):
    odd = tmp_path / "runs [a]?" / "targets.json"
    assert _literal(odd) == f"{tmp_path}/runs \\[a\\]\\?/targets.json"
