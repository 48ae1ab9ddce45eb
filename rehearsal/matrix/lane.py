"""Carries out cells of a matrix one after the other.

Run as `python -m dress_rehearsal.rehearsal.matrix.lane FOLDER IN OUT`.

It reads a cell a line from the descriptor IN and writes its judgement as a line to OUT. One stage
serves them all; at the end of input, or when told to end, the lane clears it.
"""

import json
import os
import queue
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Final

from rich.console import Console

from dress_rehearsal.compose import EmbeddedStage, StageError
from dress_rehearsal.compose.servers.binaries import redis_binary, redis_version
from dress_rehearsal.plans import Cell, Plan, seeded_people
from dress_rehearsal.records import RecordError, RunDirectory
from dress_rehearsal.records.environment import FILE as ENVIRONMENT
from dress_rehearsal.records.environment import RUN
from dress_rehearsal.records.machine import environment
from dress_rehearsal.rehearsal.errors import RehearsalError
from dress_rehearsal.rehearsal.generator_process import GeneratorProcess
from dress_rehearsal.rehearsal.matrix.judgement import Judgement, broken_cell, cell_from, judge_cell
from dress_rehearsal.rehearsal.rush import Rush
from dress_rehearsal.rehearsal.signals import interruptible, uninterruptible
from dress_rehearsal.rehearsal.terminal.screen import Screen
from dress_rehearsal.reports.errors import ReportError
from dress_rehearsal.reports.evidence import Evidence, read_evidence
from dress_rehearsal.reports.findings import findings_of
from dress_rehearsal.reports.report import write_report
from dress_rehearsal.reports.verdict import judge

_BREATH_S: Final = 0.6
_INSIST_EVERY_S: Final = 0.5


class Lane:
    """One stage, set for the first cell and used again for those that follow."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stage: EmbeddedStage | None = None
        self._environment = {**environment(), "redis_server": redis_version(redis_binary())}
        self._screen = Screen(Console(quiet=True))

    def carry_out(self, cell: Cell) -> Judgement:
        """Perform one cell and return its judgement, which also says what broke it.

        The run directory is kept: with its report when it differs, with the verdict otherwise.
        """
        begun_s = time.monotonic()
        run: RunDirectory | None = None
        try:
            run = RunDirectory.create(self._folder, cell.plan)
            run.write_json(ENVIRONMENT, {**self._environment, RUN: run.id})
            self._perform(cell.plan, run)
            evidence = read_evidence(run)
            verdict = judge(evidence)
            found = findings_of(evidence, verdict) | _taken_as_planned(evidence)
            seconds, said = time.monotonic() - begun_s, f"{verdict.reasons[0]} {verdict.cause}"
            judgement = judge_cell(cell, found, seconds, run.id, said)
            if judgement.differs:
                write_report(run)
            else:
                run.write_text("verdict.json", verdict.text())
        except (StageError, RehearsalError, RecordError, ReportError) as error:
            self.leave()
            name = None if run is None else run.id
            return broken_cell(cell, str(error), time.monotonic() - begun_s, name)
        return judgement

    def leave(self) -> None:
        """Clear the stage, if there is one; the next cell gets a new one."""
        stage, self._stage = self._stage, None
        if stage is not None:
            with uninterruptible():
                stage.clear()

    def _perform(self, plan: Plan, run: RunDirectory) -> None:
        run.stamp("phase", "stage_starting")
        people = seeded_people(plan)
        stage = self._stage
        if stage is None:
            stage = EmbeddedStage(plan, run, people)
            stage.set_stores()
            self._stage = stage
        else:
            stage.empty(plan, run, people)
        # The generator's students need as long to come up as the app does.
        with GeneratorProcess(run, stage) as generator:
            stage.start_service()
            run.stamp("phase", "stage_ready")
            rush = Rush(
                plan, run, people, stage, self._screen, breath_s=_BREATH_S, leader=os.getppid()
            )
            rush.perform(generator)
        run.stamp("phase", "torn_down", unclean=[])
        if rush.interrupted:
            raise KeyboardInterrupt


def _taken_as_planned(evidence: Evidence) -> frozenset[str]:
    """Return what the cell's own fault took: no wrong of the target's, but it has to be seen."""
    return frozenset(
        f"lost.{event.name}"
        for event in evidence.events
        if event.kind == "process" and event.detail.get("planned")
    )


class _Orders:
    """The leader's lines; when there will be no more of them, this process is told to end."""

    def __init__(self, orders: int) -> None:
        self._orders = os.fdopen(orders, encoding="utf-8")
        self._lines: queue.Queue[Cell | None] = queue.Queue()
        self._leaving = threading.Event()
        self._reader = threading.Thread(target=self._read, name="orders", daemon=True)
        self._reader.start()

    def next(self) -> Cell | None:
        """Wait for the next cell; None when there is none any more."""
        return self._lines.get()

    def leave(self) -> None:
        """Stop insisting: the end has begun."""
        self._leaving.set()

    def _read(self) -> None:
        for line in self._orders:
            self._lines.put(cell_from(line))
        self._lines.put(None)
        # Amid a cell nobody waits for the next line: a leader that is gone ends it all the same.
        while not self._leaving.wait(_INSIST_EVERY_S):
            os.kill(os.getpid(), signal.SIGTERM)


def main(folder: Path, orders_from: int, judgements_to: int) -> int:
    """Carry out cells until there are no more; return the exit code: 0, or 1 when interrupted."""
    lane, orders = Lane(folder), _Orders(orders_from)
    judgements = os.fdopen(judgements_to, "w", encoding="utf-8")
    try:
        with interruptible():
            while (cell := orders.next()) is not None:
                judgement = lane.carry_out(cell)
                judgements.write(json.dumps(judgement.document()) + "\n")
                judgements.flush()
    except KeyboardInterrupt:
        return 1
    finally:
        with uninterruptible():
            orders.leave()
            lane.leave()
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
