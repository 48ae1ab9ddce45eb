"""Output that fails is dropped, and whoever writes never hears of it."""

import errno
import io
import os
import sys
import threading
import time
from pathlib import Path

import pytest

from dress_rehearsal.rehearsal.terminal.streams import Outlet, guarded_streams


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("utf-8", "5 µs … → ✓ 抽選 \\ud800"),
        ("latin-1", r"5 µs ... -> + \u62bd\u9078 \ud800"),
        ("ascii", r"5 us ... -> + \u62bd\u9078 \ud800"),
    ],
)
def test_a_narrow_encoding_gets_stand_ins(encoding, shown):
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding=encoding, write_through=True)
    Outlet(stream).write("5 µs … → ✓ 抽選 \ud800")
    assert written.getvalue().decode(encoding) == shown


def test_a_full_disk_is_remembered_and_asked_no_more():
    with Path("/dev/full").open("w") as full:
        outlet = Outlet(full)
        outlet.write("a")
        outlet.flush()
        assert outlet.failure.errno == errno.ENOSPC
        outlet.write("b" * 100_000)
        outlet.flush()
        full.flush()  # as the interpreter does at its end


def test_a_reader_who_left_is_remembered():
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        outlet = Outlet(pipe)
        outlet.write("x" * 100_000)
        outlet.flush()
        assert outlet.failure.errno == errno.EPIPE


def test_a_pipe_made_non_blocking_by_somebody_takes_it_all():
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    child = os.fork()
    if child == 0:
        os.close(reading)
        with os.fdopen(writing, "w") as pipe:
            outlet = Outlet(pipe)
            for _ in range(100):
                outlet.write("x" * 10_000)
                outlet.flush()
        os._exit(0 if outlet.failure is None else 1)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        assert len(pipe.read()) == 1_000_000
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_streams_that_were_closed_before_the_start_are_no_error(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    with guarded_streams() as output:
        print("nobody reads this")
        assert not sys.stdout.isatty()
    assert output.failure.errno == errno.EBADF
    assert sys.stdout is None


def test_what_is_printed_is_made_visible_on_the_way(capsys):
    with guarded_streams():
        print("a \x1b[31mred\u202e word")
        print("and \x9b", file=sys.stderr)
    said = capsys.readouterr()
    assert said.out == "a \\x1b[31mred\\u202e word\n"
    assert said.err == "and \\x9b\n"


def test_who_reads_no_more_keeps_nobody_waiting_and_may_go_on_later():
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as pipe, os.fdopen(writing, "w") as stream:
        outlet = Outlet(stream)
        outlet.patience_s = 0.05
        outlet.write("x" * 1_000_000)
        assert outlet.failure.errno == errno.ETIMEDOUT
        outlet.write("dropped")
        taken = pipe.read1(1_000_000)
        assert set(taken) == {ord("x")}
        outlet.write("later")
        assert pipe.read1(100) == b"later"


def test_who_reads_slowly_gets_all_where_nobody_is_in_a_hurry():
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as pipe, os.fdopen(writing, "w") as stream:
        read: list[bytes] = []

        def slowly():
            while sum(map(len, read)) < 300_000:
                time.sleep(0.01)
                read.append(pipe.read1(20_000))

        reader = threading.Thread(target=slowly)
        reader.start()
        outlet = Outlet(stream)
        outlet.write("µ" * 150_000)
        reader.join(60)
        assert b"".join(read).decode() == "µ" * 150_000
        assert outlet.failure is None
