"""The server of known times tells the truth, and a figure beside the truth is found out."""

import os
import socket
import time
from pathlib import Path

import numpy as np
import pytest

from benchmarks.generator import truth
from benchmarks.generator.known_server import service
from benchmarks.generator.truth import Truth, figures, known_server

pytestmark = pytest.mark.servers


@pytest.fixture(autouse=True)
def _any_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(truth, "SERVER", min(os.sched_getaffinity(0)))


def ask(url: str, *paths: str) -> list[tuple[int, int]]:
    """Ask one after the other over one connection; return when, and when the answer was there."""
    host, _, port = url.removeprefix("http://").partition(":")
    times = []
    with socket.create_connection((host, int(port)), 10) as connection:
        for path in paths:
            sent_ns = time.time_ns()
            connection.sendall(f"GET {path} HTTP/1.1\r\nhost: known\r\n\r\n".encode())
            assert connection.recv(4096).endswith(b"{}")
            times.append((sent_ns, time.time_ns()))
    return times


def asked(folder: Path, *what: str, paths: list[str]) -> tuple[Truth, list[tuple[int, int]]]:
    with known_server(folder, *what) as server:
        times = ask(server.url, *paths)
    return server, times


def test_each_answer_is_written_down_between_when_it_was_asked_for_and_when_it_was_there(
    tmp_path: Path,
) -> None:
    server, times = asked(tmp_path, "constant", "20", paths=["/warm", "/known/7", "/known/3"])

    assert server.numbers.tolist() == [7, 3]
    assert server.warm == 1
    for (sent_ns, there_ns), came_ns, answered_ns in zip(
        times[1:], server.came_ns, server.answered_ns, strict=True
    ):
        assert sent_ns <= came_ns < answered_ns <= there_ns
    assert (server.own_ms >= 20).all()


def test_a_stall_keeps_everybody_waiting_to_its_end(tmp_path: Path) -> None:
    server, _ = asked(tmp_path, "stall", "0", "0", "0.2", paths=["/known/0", "/known/1"])

    assert server.answered_ns[1] - server.came_ns[0] >= 200_000_000


def test_work_takes_its_time(tmp_path: Path) -> None:
    server, _ = asked(tmp_path, "working", "500", paths=["/known/0"])

    assert server.own_ms[0] >= 0.5


def test_of_two_times_the_second_takes_its_share() -> None:
    draw, stall = service("bimodal", 5, 80, 0.05)
    drawn = [draw() for _ in range(10_000)]

    assert stall is None
    assert set(drawn) == {5_000_000, 80_000_000}
    assert 400 < drawn.count(80_000_000) < 600


def test_what_is_no_service_is_refused() -> None:
    with pytest.raises(SystemExit, match="guess"):
        service("guess", 1)


def test_a_figure_beside_the_truth_is_found() -> None:
    true_ms = np.linspace(10, 2000, 5000)

    assert all(each.is_right for each in figures(true_ms * 1.01 + 0.5, true_ms))
    assert not any(each.is_right for each in figures(true_ms * 1.05 + 1, true_ms))
    # As one who starts to count only when a request is sent at last (coordinated omission).
    *_, worst = figures(np.minimum(true_ms, 1500), true_ms)
    assert not worst.is_right
