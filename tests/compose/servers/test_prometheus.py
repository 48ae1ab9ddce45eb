"""Prometheus beside a rehearsal: ready inside, its data kept, and gone with its conductor."""

import json
import os
import signal
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from dress_rehearsal.compose import StageUnusableError
from dress_rehearsal.compose.servers.prometheus import Prometheus, has_prometheus

pytestmark = pytest.mark.servers

REQUIRED = os.environ.get("REHEARSE_REQUIRE_OBSERVABILITY") == "1"

with_prometheus = pytest.mark.skipif(
    not REQUIRED and not has_prometheus(), reason="there is no prometheus on the PATH"
)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "prometheus.yml"
    path.write_text("global: {scrape_interval: 1s}\n")
    return path


def test_without_the_binary_a_sentence_says_what_to_do(
    tmp_path: Path, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not has_prometheus()
    with (
        pytest.raises(StageUnusableError, match="no `prometheus` on the PATH; install it"),
        Prometheus(config, tmp_path / "data", tmp_path / "prometheus.log"),
    ):
        pass


@with_prometheus
def test_it_answers_inside_keeps_its_data_and_is_gone_outside(tmp_path: Path, config: Path) -> None:
    with Prometheus(config, tmp_path / "data", tmp_path / "prometheus.log") as server:
        pid = server.pid
        with urllib.request.urlopen(f"{server.url}/api/v1/status/buildinfo") as answer:
            assert json.load(answer)["status"] == "success"
    assert not psutil.pid_exists(pid)
    assert (tmp_path / "data" / "wal").is_dir()


@with_prometheus
def test_a_config_it_cannot_read_is_a_sentence_with_its_last_words(tmp_path: Path) -> None:
    config = tmp_path / "prometheus.yml"
    config.write_text("global: [\n")
    server = Prometheus(config, tmp_path / "data", tmp_path / "prometheus.log")
    with pytest.raises(
        StageUnusableError, match=r"(?s)does not start; the end of .*log says why.*yaml"
    ):
        server.__enter__()


CODE = """
import json, sys, time
from pathlib import Path
from dress_rehearsal.compose import guardian
from dress_rehearsal.compose.servers.prometheus import Prometheus
guardian._ENDS_ITSELF_S = 0.1
root = Path(sys.argv[1])
with Prometheus(root / "prometheus.yml", root / "data", root / "prometheus.log") as server:
    print(json.dumps(server.pid), flush=True)
    time.sleep(60)
"""


@with_prometheus
def test_it_does_not_outlive_a_conductor_that_was_killed(
    tmp_path: Path, config: Path, conduct: Callable[..., Any]
) -> None:
    conductor = conduct(CODE, str(tmp_path))
    pid = conductor.told
    assert psutil.pid_exists(pid)
    conductor.end(signal.SIGKILL)
    deadline = time.monotonic() + 20
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_one_that_ends_without_a_word_is_said_to_have_written_nothing(
    tmp_path: Path, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = tmp_path / "prometheus"
    silent.write_text("#!/bin/sh\nexit 1\n")
    silent.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    server = Prometheus(config, tmp_path / "data", tmp_path / "prometheus.log")
    with pytest.raises(StageUnusableError, match=r"it wrote nothing to \S+prometheus\.log\.$"):
        server.__enter__()
