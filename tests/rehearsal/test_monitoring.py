"""Prometheus beside a rehearsal: what it sees, and that nothing of it is left."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

from dress_rehearsal.rehearsal.monitoring import Monitoring, _literal
from tests.dashboards.binaries import binary


def test_prometheus_keeps_its_data_in_the_run_directory_and_is_gone(rehearse):
    binary("prometheus")
    command = rehearse(options=("--prometheus",))
    command.await_offset(0.5)
    targets = json.loads((command.out / "targets" / f"{command.run.id}.json").read_text())
    jobs = {group["labels"]["job"] for group in targets}
    assert command.find("prometheus", f"--storage.tsdb.path={command.run.path}/prometheus/data")
    assert command.ended() == 0, command.output()
    command.await_nothing_left(5)
    assert jobs == {"harness", "app", "writeback"}
    assert list((command.out / "targets").iterdir()) == []
    assert (command.run.path / "prometheus" / "data" / "wal").is_dir()
    assert "prometheus_ready" in {event.name for event in command.run.timeline()}


def test_killed_or_interrupted_it_leaves_no_prometheus_either(rehearse):
    binary("prometheus")
    command = rehearse(options=("--prometheus",))
    command.await_offset(0.5)
    command.process.kill()
    command.process.wait()
    command.await_nothing_left(20)


def test_one_that_is_wanted_and_not_there_is_a_sentence_before_anything_starts(tmp_path: Path):
    done = subprocess.run(
        [
            *(sys.executable, "-m", "dress_rehearsal.rehearsal", "run", "smoke", "--prometheus"),
            *("--out", tmp_path / "runs"),
        ],
        env={**os.environ, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "there is no `prometheus` on the PATH; install it" in done.stderr
    assert not (tmp_path / "runs").exists()


def test_a_prometheus_that_does_not_start_is_a_note_and_the_rehearsal_goes_on(tmp_path: Path):
    broken = tmp_path / "bin" / "prometheus"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\necho out of order >&2\nexit 1\n")
    broken.chmod(0o755)
    done = subprocess.run(
        [
            *(
                sys.executable,
                "-m",
                "dress_rehearsal.rehearsal",
                "run",
                "smoke",
                "--out",
                tmp_path / "runs",
            ),
            *("--students", "50", "--set", "event.tickets=10", "--set", "gates=[]"),
            *("--set", "schedule.lead=1s", "--set", "schedule.sale=2s"),
        ],
        env={**os.environ, "PATH": f"{broken.parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Report: " in done.stdout, done.stdout + done.stderr
    assert "Prometheus does not start" in done.stdout
    assert "goes on without it" in done.stdout
    assert "out of order" in done.stdout


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
    thread = threading.Thread(target=server.serve_forever)
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
