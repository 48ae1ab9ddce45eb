"""Cells that are judged by how long something took are carried out while nothing is beside them."""

import queue
import threading
from dataclasses import replace

import pytest
from rich.console import Console

from dress_rehearsal.plans import Cell, Plan
from dress_rehearsal.rehearsal.matrix import run as leading
from dress_rehearsal.rehearsal.matrix.judgement import judge_cell
from dress_rehearsal.rehearsal.matrix.run import MatrixRun
from dress_rehearsal.rehearsal.matrix.screen import Grid

TAKES_S = 0.05
TOGETHER = [
    Cell(strategy, "none", Plan(name="cell"), (), ())
    for strategy in ("row_lock", "optimistic", "atomic_update", "skip_locked", "redis_lock")
]
ALONE = [
    replace(TOGETHER[0], strategy=strategy, alone=True)
    for strategy in ("redis_script", "redis_writeback", "sqs_writeback")
]


class Lane:
    """A lane as a process is one: at a cell for a while, and as long again until it has ended."""

    lost = frozenset()
    under_way: "set[Lane]"
    beside: "dict[str, int]"
    quiet_beside: "list[int]"

    def __init__(self, folder, number, heard):
        self.cell, self._heard = None, heard
        self._orders = queue.Queue()
        self.under_way.add(self)
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self):
        while (cell := self._orders.get()) is not None:
            self.beside[cell.strategy] = len(self.under_way) - 1
            threading.Event().wait(TAKES_S)
            if cell.strategy in self.lost:
                break
            self._heard.put((self, judge_cell(cell, (), TAKES_S, "run")))
        threading.Event().wait(TAKES_S)
        self.under_way.remove(self)
        self._heard.put((self, None))

    def give(self, cell):
        self.cell = cell
        self._orders.put(cell)

    def dismiss(self):
        self._orders.put(None)

    interrupt = dismiss

    def await_end(self):
        self._thread.join()

    def last_words(self):
        return "Its log is empty."


@pytest.fixture
def lanes(monkeypatch):
    """The lanes, and how many were under way each time it was waited for a quiet machine."""
    kind = type("Lane", (Lane,), {"under_way": set(), "beside": {}, "quiet_beside": []})

    def await_quiet(cores, within_s):
        assert 0 < cores < 1 < within_s
        kind.quiet_beside.append(len(kind.under_way))
        return True

    monkeypatch.setattr(leading, "LaneProcess", kind)
    # The machine is busy with other tests, and no cell here is measured.
    monkeypatch.setattr(leading, "await_quiet", await_quiet)
    return kind


def carry_out(folder, cells, lanes):
    run = MatrixRun("small", cells, folder, lanes)
    run.make_folder()
    run.carry_out(Grid(Console(quiet=True), cells))
    return [judgement.strategy for judgement in run.judgements]


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 2, 3])
def test_they_come_last_and_one_by_one(tmp_path, lanes, count):
    judged = carry_out(tmp_path, [*ALONE, *TOGETHER], count)
    assert len(judged) == len(lanes.beside) == 8
    assert judged[-3:] == [cell.strategy for cell in ALONE]
    assert [lanes.beside[cell.strategy] for cell in ALONE] == [0, 0, 0]
    most = max(lanes.beside[cell.strategy] for cell in TOGETHER)
    assert (most > 0) == (count > 1)
    assert lanes.quiet_beside == [1, 1, 1]
    assert not lanes.under_way


@pytest.mark.slow
@pytest.mark.parametrize("lost", ["redis_script", "redis_lock", "row_lock"])
def test_they_are_alone_though_a_lane_is_lost(tmp_path, lanes, lost):
    lanes.lost = {lost}
    judged = carry_out(tmp_path, [*ALONE, *TOGETHER], 2)
    assert sorted(judged) == sorted(cell.strategy for cell in [*ALONE, *TOGETHER])
    assert [lanes.beside[cell.strategy] for cell in ALONE] == [0, 0, 0]


def test_a_matrix_of_nothing_else_needs_one_lane(tmp_path, lanes):
    carry_out(tmp_path, ALONE, 2)
    assert lanes.quiet_beside == [1, 1, 1]
    assert [lanes.beside[cell.strategy] for cell in ALONE] == [0, 0, 0]
