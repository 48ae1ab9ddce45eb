"""Processes: two workers as one service, a clean end on SIGTERM, and nobody left behind."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from granian.constants import Interfaces

from dress_rehearsal.target_app.__main__ import WorkerServer

Spawn = Callable[..., Any]


@pytest.fixture
def serve(
    make_stage: Callable[..., Any], spawn: Spawn, eventually: Callable[..., Any]
) -> Callable[..., Any]:
    """Start the service as it is started in earnest, and wait until all workers are open."""

    def start(**changes: object) -> tuple[Any, Any, str]:
        stage = make_stage(**changes)
        stage.prepare()
        child = spawn("dress_rehearsal.target_app", stage)
        url = f"http://127.0.0.1:{stage.settings.port}"
        eventually(lambda: len(pids(stage)) == stage.settings.workers)
        eventually(lambda: ready(url))
        return stage, child, url

    return start


def pids(stage: Any) -> set[int]:
    if not stage.targets.exists():
        return set()
    return {int(path.stem.rpartition("-")[2]) for path in stage.targets.glob("app-*.json")}


def get(url: str) -> httpx.Response:
    with httpx.Client(verify=False, timeout=9) as client:
        return client.get(url)


def ready(url: str) -> bool:
    try:
        return get(f"{url}/readyz").status_code == 200
    except httpx.TransportError:
        return False


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def test_two_workers_announce_themselves_count_every_view_and_stop_cleanly(serve: Any) -> None:
    stage, child, url = serve(APP_WORKERS=2)
    for _ in range(50):  # each over a connection of its own, so that both workers get some
        urllib.request.urlopen(f"{url}/events/{stage.event}").close()
    counted = 0.0
    for path in stage.targets.iterdir():
        ((announced),) = json.loads(path.read_text())
        assert announced["labels"]["job"] == "app"
        with urllib.request.urlopen(f"http://{announced['targets'][0]}/metrics") as answer:
            text = answer.read().decode()
        pattern = r'^http_server_requests_total{.*route="/events/{event}",status="200"} (.+)$'
        found = re.search(pattern, text, re.MULTILINE)
        counted += float(found[1]) if found else 0
    assert counted == 50
    with stage.client() as redis:
        assert redis.get(f"event:{stage.event}:views") == b"50"
    assert child.stop(signal.SIGTERM) == 0
    assert list(stage.targets.iterdir()) == []
    for line in child.lines:
        assert {"time_ns", "level", "component", "message"} <= set(json.loads(line))
    assert sum("worker closed" in line for line in child.lines) == 2


def test_what_is_in_flight_at_sigterm_is_finished(serve: Any) -> None:
    """The request waits two seconds for a stopped Redis; the service ends in between."""
    stage, child, url = serve()
    answers: list[int] = []
    asking = threading.Thread(
        target=lambda: answers.append(get(f"{url}/events/{stage.event}").status_code)
    )
    idle = socket.create_connection(("127.0.0.1", stage.settings.port))
    stage.redis.signal(signal.SIGSTOP)
    try:
        asking.start()
        time.sleep(0.3)
        child.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        stage.redis.signal(signal.SIGCONT)
        began_s = time.monotonic()
        assert child.wait() == 0
        assert time.monotonic() - began_s < 9
    finally:
        stage.redis.signal(signal.SIGCONT)
        asking.join()
        idle.close()
    assert answers == [200]


def test_workers_do_not_outlive_a_killed_parent(serve: Any, eventually: Any) -> None:
    stage, child, _ = serve(APP_WORKERS=2)
    workers = pids(stage)
    assert child.stop(signal.SIGKILL) == -signal.SIGKILL
    eventually(lambda: not any(is_alive(pid) for pid in workers), timeout_s=3)


def test_a_killed_worker_is_replaced(serve: Any, eventually: Any) -> None:
    stage, child, url = serve()
    (first,) = pids(stage)
    os.kill(first, signal.SIGKILL)
    eventually(lambda: pids(stage) and pids(stage) != {first} and ready(url))
    assert len(pids(stage)) == 1
    assert child.stop(signal.SIGTERM) == 0


SELDOM = pytest.mark.long


@pytest.mark.parametrize(
    "after_s",
    [0.0, 0.05, pytest.param(0.1, marks=SELDOM), 0.2, pytest.param(0.4, marks=SELDOM)],
)
def test_told_to_end_while_a_killed_worker_is_replaced_it_ends_at_once(
    serve: Any, eventually: Any, after_s: float
) -> None:
    """The new worker is not there yet: it must not take over the ear of who started it."""
    stage, child, _ = serve(APP_WORKERS=2)
    os.kill(min(pids(stage)), signal.SIGKILL)
    eventually(lambda: any("Respawning" in line for line in child.lines))
    time.sleep(after_s)
    assert child.stop(signal.SIGTERM) == 0
    assert not [line for line in child.lines if "refused to gracefully stop" in line]


TOLD = """
import asyncio, os, signal, sys, types
import uvloop
from dress_rehearsal.target_app.__main__ import _leave_on_sigterm

loop, heard, ended = uvloop.new_event_loop(), [], asyncio.Event()

def told(when):
    if when == sys.argv[1]:
        os.kill(os.getpid(), signal.SIGTERM)

async def startup():
    told("as it begins")
    _leave_on_sigterm(types.SimpleNamespace(leave=lambda: heard.append("left")))
    told("in the startup")
    await asyncio.sleep(0.1)

async def main():
    told("while it serves")
    await asyncio.wait_for(ended.wait(), 20)

for number in (signal.SIGINT, signal.SIGTERM):  # as granian does
    loop.add_signal_handler(number, ended.set)
told("before the loop runs")
loop.run_until_complete(startup())
told("before it serves")
loop.run_until_complete(main())
loop.close()
told(sys.argv[1])
assert heard == ["left"], heard
"""


@pytest.mark.parametrize(
    "when",
    [
        *("before the loop runs", "as it begins", "in the startup"),
        *("before it serves", "while it serves"),
    ],
)
def test_a_worker_hears_that_it_is_to_end_whenever_it_is_told(when: str) -> None:
    """It stayed until it was killed, 9 s later, and the service ended with 1."""
    command = [sys.executable, "-c", TOLD, when]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_it_starts_while_its_stores_are_down_and_says_it_is_not_ready(
    make_stage: Any, spawn: Spawn, eventually: Any
) -> None:
    stage = make_stage(
        APP_DATABASE_DSN="postgresql://x@/x?host=/nowhere", APP_REDIS_URL="unix:///nowhere.sock"
    )
    child = spawn("dress_rehearsal.target_app", stage)
    url = f"http://127.0.0.1:{stage.settings.port}"

    def readiness() -> Any:
        try:
            return get(f"{url}/readyz")
        except httpx.TransportError:
            return None

    answer = eventually(readiness)
    assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
    assert get(f"{url}/healthz").status_code == 200
    assert child.stop(signal.SIGINT) == 0
    assert child.said("PostgreSQL is not reachable yet")
    assert child.said("Redis is not reachable yet")


def test_wrong_settings_are_told_before_anything_starts(make_stage: Any, spawn: Spawn) -> None:
    stage = make_stage(APP_PORT="x", APP_WORKERS="0")
    child = spawn("dress_rehearsal.target_app", stage)
    assert child.wait() == 2
    assert [line.split()[0] for line in child.lines] == ["APP_PORT", "APP_WORKERS"]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is shared by forking")
def test_workers_are_forked_whatever_this_python_does_by_itself(make_stage: Any) -> None:
    code = """
import multiprocessing, sys
multiprocessing.set_start_method("forkserver")  # what Python 3.14 does
from dress_rehearsal.target_app import __main__ as service
service.WorkerServer.serve = lambda *_, **__: print(multiprocessing.get_start_method())
sys.exit(service.main())
"""
    environment = {**os.environ, **make_stage().environment}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "fork"


def test_a_signal_that_comes_while_the_main_loop_holds_its_own_lock_is_heard() -> None:
    server = WorkerServer("target_app", interface=Interfaces.ASGI)
    waiting = server.main_loop_interrupt
    with waiting._cond:  # where a wait begins or ends
        server.signal_handler_interrupt()
    assert waiting.wait(10)
    assert server.interrupt_signal


def test_a_signal_that_comes_before_a_worker_is_replaced_is_heard_after_it() -> None:
    server = WorkerServer("target_app", interface=Interfaces.ASGI)
    server.interrupt_signal = True
    server.main_loop_interrupt.clear()  # granian does, to hear of the next worker's end
    server._respawn_workers([], None, None)
    assert server.main_loop_interrupt.is_set()
