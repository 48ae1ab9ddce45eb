"""The line that kept everybody waiting is named: the scenario's own, and nobody else's."""

import time
from pathlib import Path
from typing import Any

import gevent
import pytest

from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.tables import LOOP_BUSY
from dress_rehearsal.scenarios import busy
from dress_rehearsal.scenarios.busy import BusyLoop

SPIN = """
def solve():
    until = time.monotonic() + 0.4
    while time.monotonic() < until:
        pass
"""
HOLD = """
def solve():
    until = time.monotonic() + 0.4
    while time.monotonic() < until:
        sum(range(8_000_000))  # no other thread runs until it is over
"""
BUY = """
def buy():
    solve()
"""


def watched(folder: Path, *sources: tuple[str, str]) -> BusyLoop:
    """Return what is found of a loop that runs `buy` once; sources are of files of these names."""
    names: dict[str, Any] = {"time": time, "gevent": gevent}
    for file, source in sources:
        exec(compile(source, file, "exec"), names)
    loop = BusyLoop(folder)
    watching = gevent.spawn(loop.watch)
    gevent.sleep(0.03)
    gevent.spawn(names["buy"]).join()
    gevent.sleep(0.05)
    watching.kill()
    return loop


@pytest.mark.slow
@pytest.mark.parametrize("source", [SPIN, HOLD], ids=["computes", "lets no thread run"])
def test_code_that_lets_nobody_act_is_named_by_method_and_line(tmp_path, source, monkeypatch):
    monkeypatch.setattr(busy, "_RAN", 0.0)  # how much of a CPU there is for it, others decide
    loop = watched(tmp_path, (f"{tmp_path}/captcha.py", source), (f"{tmp_path}/shop.py", BUY))
    assert loop.longest_s > 0.25
    assert {place.partition(":")[0] for place in loop.places} == {"buy() at captcha.py"}
    assert 0 < loop.named_s <= loop.seconds  # how much of it, the machine has a say in


@pytest.mark.slow
def test_who_waits_for_others_keeps_nobody_waiting(tmp_path):
    waits = "def buy():\n    gevent.sleep(0.3)\n"
    assert not watched(tmp_path, (f"{tmp_path}/shop.py", waits)).places


@pytest.mark.slow
@pytest.mark.parametrize(
    "whose",
    [
        pytest.param(f"{Path(busy.__file__).parent}/client/session.py", id="the client"),
        pytest.param("{folder}-of-others/shop.py", id="a folder of nearly the same name"),
    ],
)
def test_what_others_compute_is_not_the_scenarios(tmp_path, whose):
    file = whose.format(folder=tmp_path)
    sources = [(file, SPIN), (f"{tmp_path}/shop.py", BUY)] if "client" in file else [
        (file, SPIN), (file, BUY)
    ]  # fmt: skip
    loop = watched(tmp_path, *sources)
    assert loop.seconds > 0.25
    assert not loop.places


def test_it_is_told_once_and_only_where_there_is_something_to_tell(run: RunDirectory, tmp_path):
    loop = BusyLoop(tmp_path)
    loop.stamp(run)
    loop.seconds, loop.longest_s, loop.places["buy() at shop.py:3"] = 2.0, 0.5, 1_500_000
    loop.stamp(run)
    (told,) = [event.detail for event in run.timeline() if event.name == LOOP_BUSY]
    assert told["places"] == ["buy() at shop.py:3"]
    assert told["values"] == {"busy_ms": 2000, "named_ms": 1500, "longest_ms": 500}


def test_it_is_told_while_the_thread_that_looks_is_at_its_last_look(run: RunDirectory, tmp_path):
    loop = BusyLoop(tmp_path)

    class Looked(int):
        def __lt__(self, other: int) -> bool:
            loop.places[f"buy() at shop.py:{len(loop.places)}"] += 1
            return int(self) < other

    loop.seconds, loop.longest_s = 2.0, 0.5
    loop.places.update({f"{line}": Looked(line) for line in range(9)})
    loop.stamp(run)
    assert len(loop.places) > 9
    (told,) = [event.detail for event in run.timeline() if event.name == LOOP_BUSY]
    assert told["places"] == ["8", "7", "6"]
