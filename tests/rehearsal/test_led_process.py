"""A child that is led by lines says only what it writes to its own pipe."""

import queue
import signal
from pathlib import Path

import pytest

from dress_rehearsal.records.environment_variables import child_environment
from dress_rehearsal.rehearsal.led_process import LedProcess

CHILD = """
import os, sys
orders, lines = os.fdopen(int(sys.argv[-2])), os.fdopen(int(sys.argv[-1]), "w", buffering=1)
print("printed", sys.stdin.read(), flush=True)
lines.write(" ".join(sys.argv[1:-2]) + "\\n")
for order in orders:
    print("heard", order, end="", file=sys.stderr)
    lines.write(order.upper())
lines.write("end\\n")
"""


@pytest.fixture
def lines():
    return queue.Queue()


@pytest.fixture
def led(tmp_path: Path, lines):
    (tmp_path / "led_child.py").write_text(CHILD)
    environment = child_environment({"PYTHONPATH": str(tmp_path)})
    log = tmp_path / "child.log"
    process = LedProcess("led_child", ["one", "two"], environment, log, lines.put)
    yield process
    process.end()


def test_orders_and_lines_go_their_own_way_and_the_rest_into_the_log(led, lines):
    assert lines.get(timeout=20) == b"one two\n"
    led.tell("an order")
    assert lines.get(timeout=20) == b"AN ORDER\n"
    led.dismiss()
    assert [lines.get(timeout=20) for _ in range(2)] == [b"end\n", None]
    led.end(20)
    assert led.exit_code == 0
    assert led.last_words().splitlines() == ["  printed ", "  heard an order"]


def test_its_end_is_the_end_of_its_lines(led, lines):
    lines.get(timeout=20)
    assert led.exit_code is None
    led.signal(signal.SIGKILL)
    assert lines.get(timeout=20) is None
    led.end(20)
    assert led.exit_code == -signal.SIGKILL
    led.dismiss()


def test_one_that_was_stopped_ends_too(led, lines):
    lines.get(timeout=20)
    led.signal(signal.SIGSTOP)
    led.dismiss()
    led.end(20)
    assert led.exit_code == 0


def test_one_that_will_not_end_is_killed(led, lines):
    lines.get(timeout=20)
    led.end(0)
    assert led.exit_code == -signal.SIGKILL


def open_files() -> set[Path]:
    return set(Path("/proc/self/fd").iterdir())


def test_no_descriptor_is_left_open(tmp_path, lines):
    before = open_files()
    for module in ("json.tool", "no_such_module"):
        LedProcess(module, [], child_environment(), tmp_path / "child.log", lines.put).end(20)
    with pytest.raises(FileNotFoundError):
        LedProcess("json.tool", [], child_environment(), tmp_path / "no" / "log", lines.put)
    assert open_files() == before
