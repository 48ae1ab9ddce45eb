"""A child that is led by lines says only what it writes to its own pipe."""

import errno
import os
import queue
import signal
import subprocess
import threading
from pathlib import Path

import psutil
import pytest

from dress_rehearsal.records.environment_variables import child_environment
from dress_rehearsal.rehearsal.errors import GeneratorFailedError
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
    with pytest.raises(GeneratorFailedError, match=r"/no, which gets its log, is gone"):
        LedProcess("json.tool", [], child_environment(), tmp_path / "no" / "log", lines.put)
    assert open_files() == before


@pytest.mark.parametrize(
    ("what", "name", "error", "said"),
    [
        (subprocess, "Popen", BlockingIOError(errno.EAGAIN, "again"), "no more processes now"),
        (threading.Thread, "start", RuntimeError("can't start new thread"), "no more processes"),
        (os, "pipe", OSError(errno.EMFILE, "Too many open files"), "Too many open files"),
    ],
)
def test_what_the_machine_refuses_is_a_sentence_and_leaves_nothing(
    tmp_path, lines, monkeypatch, what, name, error, said
):
    def refused(*_, **__):
        raise error

    children, before = psutil.Process().children(), open_files()
    with monkeypatch.context() as refusing:
        refusing.setattr(what, name, refused)
        with pytest.raises(GeneratorFailedError, match=said) as raised:
            LedProcess("json.tool", [], child_environment(), tmp_path / "log", lines.put)
    assert str(raised.value).startswith("The process json.tool cannot be started: ")
    assert open_files() == before
    assert psutil.Process().children() == children


def test_a_log_that_is_gone_has_no_last_words(led, tmp_path, lines):
    lines.get(timeout=20)
    (tmp_path / "child.log").unlink()
    assert led.last_words() == ""
