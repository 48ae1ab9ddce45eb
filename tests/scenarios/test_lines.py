"""Lines: each arrives whole, whoever is killed while saying one, and whoever else says some."""

import json
import os
from collections.abc import Iterator
from contextlib import suppress

import gevent
import pytest

from dress_rehearsal.scenarios.lines import Lines

LONG = "x" * 200_000
"""More than a pipe holds."""


class Pipe:
    """What is said, and what of it has been read."""

    def __init__(self) -> None:
        self._heard, self.end = os.pipe()
        orders, self._nobody = os.pipe()
        self.lines = Lines(orders, self.end)
        self._read = b""
        os.set_blocking(self._heard, False)

    def read(self) -> int:
        """Read what is there; return how many whole lines have come by now."""
        with suppress(BlockingIOError):
            self._read += os.read(self._heard, 1 << 20)
        return self._read.count(b"\n")

    def said(self, count: int) -> list[str]:
        """Return what kinds of lines were said, of so many."""
        with gevent.Timeout(5):
            while self.read() < count:
                gevent.sleep(0.001)
        *whole, rest = self._read.split(b"\n")
        assert rest == b""
        return [json.loads(line)["kind"] for line in whole]

    def hang_up(self) -> None:
        """Listen no more."""
        os.close(self._heard)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    return Pipe()


def test_a_line_that_somebody_was_killed_at_comes_whole_before_the_next(pipe):
    saying = gevent.spawn(pipe.lines.say, kind="status", meter=LONG)
    gevent.sleep(0.01)
    saying.kill()
    last = gevent.spawn(pipe.lines.say, kind="done")
    assert pipe.said(2) == ["status", "done"]
    assert last.get(timeout=1)


def test_lines_that_are_said_at_once_come_one_after_the_other(pipe):
    saying = [gevent.spawn(pipe.lines.say, kind=kind, meter=LONG) for kind in ("a", "b", "c")]
    assert sorted(pipe.said(3)) == ["a", "b", "c"]
    assert all(each.get(timeout=1) for each in saying)


def test_a_last_line_comes_after_what_is_left_of_the_one_before(pipe):
    saying = gevent.spawn(pipe.lines.say, kind="status", meter="x" * 80_000)
    gevent.sleep(0.01)
    saying.kill()
    pipe.read()
    pipe.lines.say_last(kind="error")
    assert pipe.said(2) == ["status", "error"]


def test_who_speaks_to_nobody_is_told_so(pipe):
    assert pipe.lines.say(kind="ready")
    pipe.hang_up()
    assert not pipe.lines.say(kind="status")
    pipe.lines.say_last(kind="error")
