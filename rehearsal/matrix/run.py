"""The matrix run: has lanes carry out every cell, and says which are not as expected."""

import json
import queue
import secrets
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from dress_rehearsal.compose import raise_file_limit
from dress_rehearsal.compose.embedded.stage import longest_setting_s
from dress_rehearsal.compose.faults.patience import RELIEVED_WITHIN_S
from dress_rehearsal.compose.servers.binaries import redis_binary, redis_version
from dress_rehearsal.plans import Cell
from dress_rehearsal.plans.visible import visible_values
from dress_rehearsal.records.files import remedy, resolved
from dress_rehearsal.rehearsal.errors import RehearsalError
from dress_rehearsal.rehearsal.generator_process import last_words_s, ready_within_s
from dress_rehearsal.rehearsal.matrix.judgement import Judgement, broken_cell
from dress_rehearsal.rehearsal.matrix.lane_process import LaneProcess
from dress_rehearsal.rehearsal.matrix.screen import Grid
from dress_rehearsal.rehearsal.preflight.bystanders import await_quiet
from dress_rehearsal.rehearsal.series.bound import lanes_told
from dress_rehearsal.rehearsal.signals import interruptible, uninterruptible
from dress_rehearsal.reports.figures.heat_map import MatrixCell, State, draw_heat_map
from dress_rehearsal.reports.schema import EXIT_CODES

_INTERRUPTED: Final = 1
_NEW_LANES: Final = 3
"""How many lanes may be lost before the matrix is given up."""

_LOOK_S: Final = 1.0
_BESIDE_S: Final = 35.0
"""What a cell may take beside its plan's schedule, the setting of its stage, the end of its faults,
and the generator's readiness and last words: reading the stores, judging and clearing, each of
which has a bound of its own."""
_BESIDE_A_STUDENT_S: Final = 1.5e-3
"""… and more for each student, as these bounds have."""
_SETTLE_TIMES: Final = 6

_QUIET_CORES: Final = 0.3
_QUIET_WITHIN_S: Final = 30.0
"""Before a cell that judges timing: how long it is waited for that others take no more than this.

A machine that does not get quiet is judged all the same, by what the run says of its own trust."""


class MatrixRun:
    """Carries out cells in lanes and keeps what came of them.

    Args:
        runs: the folder that gets the matrix's folder, and in it each cell's run directory.
        lanes: how many cells at a time; those that have to be alone come last, one by one.
        again: whether a cell that differs, or is undecided, is carried out once more, alone; the
            second counts.
    """

    def __init__(
        self, name: str, cells: Sequence[Cell], runs: Path, lanes: int, *, again: bool = False
    ) -> None:
        self.judgements: list[Judgement] = []
        self.repeated: list[Judgement] = []
        """What came first of cells that were carried out again."""
        self._again = again
        self.interrupted = False
        self._name = name
        self._cells = cells
        self._waiting = deque(cell for cell in cells if not cell.alone)
        self._alone = deque(cell for cell in cells if cell.alone)
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        self.folder = resolved(runs) / f"{stamp}-{name}-{secrets.token_hex(3)}"
        self._lane_count = max(1, min(lanes, len(self._waiting)))
        self._heard: queue.Queue[tuple[LaneProcess, Judgement | None]] = queue.Queue()
        self._lanes: list[LaneProcess] = []
        self._staying: LaneProcess | None = None
        """The last one: it has the cells that want no other."""
        self._started = 0
        self._due_s: dict[LaneProcess, float] = {}
        """When each lane must have judged its cell, by the monotonic clock."""
        self._begun_s = time.monotonic()

    @property
    def exit_code(self) -> int:
        """0 when every cell is as expected, 99 when one differs, 1 when interrupted."""
        if self.interrupted:
            return _INTERRUPTED
        return EXIT_CODES["fail" if any(each.differs for each in self.judgements) else "pass"]

    @property
    def time_told(self) -> str:
        """How long it takes, in a sentence."""
        beside, alone = ([cell.plan for cell in cells] for cells in (self._waiting, self._alone))
        return lanes_told(beside, alone, self._lane_count, _QUIET_WITHIN_S)

    def make_folder(self) -> None:
        """Make the matrix's folder.

        Raises:
            RehearsalError: it cannot be made.
        """
        try:
            self.folder.mkdir(parents=True)
        except OSError as error:
            raise RehearsalError(
                f"The folder {self.folder} cannot be made: {error.strerror or error}; "
                f"{remedy(error, 'choose another folder with --out')}."
            ) from error

    def carry_out(self, grid: Grid) -> None:
        """Carry out every cell; nothing that was started is left when this returns or raises.

        What was judged is kept in `matrix.json` after every cell, whole at any time.

        Raises:
            RehearsalError: lane after lane is lost, or the results cannot be written.
            StageError: there is no server that a lane could have for its Redis.
        """
        raise_file_limit()
        redis_version(redis_binary())
        problems: list[str] = []
        with uninterruptible():  # but for what leads the lanes
            try:
                with interruptible(), grid:
                    self._lead(grid)
            except KeyboardInterrupt:
                self.interrupted = True
                for lane in self._lanes:
                    lane.interrupt()
            except RehearsalError as error:
                problems.append(str(error))
            finally:
                for lane in self._lanes:
                    lane.dismiss()
                for lane in self._lanes:
                    lane.await_end()
                self._hear_the_rest(grid)
                problems += self._keep()
        if problems:
            raise RehearsalError("\n".join(problems))

    def _lead(self, grid: Grid) -> None:
        for _ in range(self._lane_count):
            self._start_lane(grid)
        while len(self.judgements) < len(self._cells):
            self._kill_overdue()
            try:
                lane, judgement = self._heard.get(timeout=_LOOK_S)
            except queue.Empty:
                continue
            lost = judgement is None
            if judgement is None:
                judgement = self._lane_lost(lane)
                self._lanes.remove(lane)
            if judgement is not None and not self._postponed(judgement, lane, grid):
                self._take(judgement, grid)
            if not lost:
                self._give(lane, grid)
            elif self._waiting or (self._alone and not self._lanes):
                self._start_lane(grid)
            elif self._lanes == [self._staying]:
                self._give(self._lanes[0], grid)

    def _postponed(self, judgement: Judgement, lane: LaneProcess, grid: Grid) -> bool:
        """Return whether a cell is to be carried out again, alone, at the end."""
        cell = lane.cell
        first = (judgement.strategy, judgement.fault) not in {
            (each.strategy, each.fault) for each in self.repeated
        }
        settled = not (judgement.differs or judgement.undecided)
        if not self._again or settled or not first or cell is None:
            return False
        self.repeated.append(judgement)
        self._alone.append(cell)
        grid.postponed(judgement)
        return True

    def _take(self, judgement: Judgement, grid: Grid) -> None:
        self.judgements.append(judgement)
        grid.judged(judgement)
        with suppress(OSError):  # tried again after the next cell; at the end it is said
            self._write()

    def _hear_the_rest(self, grid: Grid) -> None:
        """Take in what lanes had judged when the end came."""
        while not self._heard.empty():
            _, judgement = self._heard.get_nowait()
            if judgement is not None:
                self._take(judgement, grid)

    def _start_lane(self, grid: Grid) -> None:
        self._started += 1
        if self._started > self._lane_count + _NEW_LANES:
            raise RehearsalError(
                f"The matrix is given up: {self._started - 1} lanes were lost; see their logs in "
                f"{self.folder}."
            )
        lane = LaneProcess(self.folder, self._started, self._heard)
        self._lanes.append(lane)
        self._give(lane, grid)

    def _give(self, lane: LaneProcess, grid: Grid) -> None:
        """Have a lane carry out the next cell, wait for the others' end, or end itself."""
        cell = self._next(lane)
        lane.cell = None
        if cell is not None:
            lane.give(cell)
            self._due_s[lane] = time.monotonic() + _longest_s(cell)
            grid.begun(cell)
        elif self._alone and not any(one.cell for one in self._lanes):
            self._staying = lane
        else:
            lane.dismiss()

    def _next(self, lane: LaneProcess) -> Cell | None:
        """Return what a lane is to do next; None where there is nothing, or it is not alone yet."""
        if self._waiting:
            return self._waiting.popleft()
        if self._alone and self._lanes == [lane]:
            await_quiet(_QUIET_CORES, _QUIET_WITHIN_S)
            return self._alone.popleft()
        return None

    def _lane_lost(self, lane: LaneProcess) -> Judgement | None:
        """Return the judgement of the cell a lane was at when it ended; None: it was at none."""
        lane.await_end()
        if lane.cell is None:
            return None
        how = "ended amid it"
        if time.monotonic() > self._due_s[lane]:
            how = f"was not done with it after {_longest_s(lane.cell):.0f} s and was killed"
        return broken_cell(lane.cell, f"Its lane {how}; {lane.last_words()}", 0.0)

    def _kill_overdue(self) -> None:
        """Kill lanes that do not get done with a cell; what was theirs is heard to be lost."""
        for lane in self._lanes:
            if lane.cell is not None and time.monotonic() > self._due_s[lane]:
                lane.kill()

    def _keep(self) -> list[str]:
        """Write everything down; return a sentence for each file that cannot be."""
        problems = []
        for name, write in (("matrix.json", self._write), ("matrix.svg", self._draw)):
            try:
                write()
            except OSError as error:
                problems.append(
                    f"{self.folder / name} cannot be written: {error.strerror or error}; "
                    f"{remedy(error, 'the judgements above are all there is')}."
                )
        return problems

    def _write(self) -> None:
        document: dict[str, Any] = {
            "schema": 1,
            "matrix": self._name,
            "planned": len(self._cells),
            "seconds": round(time.monotonic() - self._begun_s, 1),
            "cells": [judgement.document() for judgement in self.judgements],
            "repeated": [judgement.document() for judgement in self.repeated],
        }
        text = json.dumps(visible_values(document), indent=2, ensure_ascii=False)
        _write_whole(self.folder / "matrix.json", f"{text}\n")

    def _draw(self) -> None:
        judged = {(each.strategy, each.fault): each for each in self.judgements}
        squares = [
            MatrixCell(cell.strategy, cell.fault, _state(judged.get((cell.strategy, cell.fault))))
            for cell in self._cells
        ]
        _write_whole(self.folder / "matrix.svg", draw_heat_map(squares).file)


def _longest_s(cell: Cell) -> float:
    """Return the most that a cell may take, in seconds."""
    schedule = cell.plan.schedule
    performs_s = schedule.lead + schedule.sale + schedule.drain
    stage_s = longest_setting_s(cell.plan) + RELIEVED_WITHIN_S
    url = ""  # of a target that is ours, wherever it will answer
    generator_s = ready_within_s(cell.plan, url) + last_words_s(cell.plan, url)
    beside_s = _BESIDE_S + _BESIDE_A_STUDENT_S * cell.plan.event.students
    return performs_s + _SETTLE_TIMES * schedule.settle + stage_s + generator_s + beside_s


def _state(judgement: Judgement | None) -> State:
    if judgement is None:
        return "running"
    if judgement.differs:
        return "differs"
    if judgement.undecided:
        return "undecided"
    return "caught" if judgement.expected else "clean"


def _write_whole(path: Path, text: str) -> None:
    """Write a file so that it is whole at any time: as it was before, or as it is now."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError:
        with suppress(OSError):
            partial.unlink()
        raise
