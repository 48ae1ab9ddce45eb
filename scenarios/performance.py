"""The students that one process plays, and all that records them, from T-0 to the last row."""

import gc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import gevent
from gevent.pool import Group

from dress_rehearsal.plans import Person, Plan
from dress_rehearsal.records import RecordError, RunDirectory, tables
from dress_rehearsal.records.steps import Steps
from dress_rehearsal.scenarios.busy import BusyLoop
from dress_rehearsal.scenarios.buyer import Buyer
from dress_rehearsal.scenarios.client.origin import Origin
from dress_rehearsal.scenarios.last_words import CAUGHT_A_STUDENT_S
from dress_rehearsal.scenarios.loading import load_buyer
from dress_rehearsal.scenarios.recorder import Recorder
from dress_rehearsal.scenarios.rush import Rush
from dress_rehearsal.scenarios.status import Observer
from dress_rehearsal.scenarios.students.student import Student
from dress_rehearsal.scenarios.tallies.histograms import Histograms, edges_of, steps_of
from dress_rehearsal.scenarios.timetable import Timetable

_CAUGHT_S: Final = 5.0
"""How long is waited for students whose scenario catches whatever ends it."""


class Performance:
    """What one process plays and records.

    Args:
        run: where it is recorded.
        run_id: the id of the whole run; it is part of every trace id.
        people: one a student.
        url: where the target answers.
        name: of this process, in what is recorded.
        playing: who of the students is played here, in the order of their arrival; by default
            everybody.

    Raises:
        PlanError, ScenarioError: they cannot be played.
    """

    def __init__(
        self,
        run: RunDirectory,
        run_id: str,
        plan: Plan,
        people: Sequence[Person],
        timetable: Timetable,
        url: str,
        name: str,
        playing: Sequence[int] | None = None,
    ) -> None:
        self.run, self.plan = run, plan
        buyer = load_buyer(plan)
        steps = steps_of_buyer(buyer)
        histograms = Histograms(steps, edges_of(plan), steps_of(plan, steps))
        self.recorder = Recorder(run, name, histograms, steps)
        origin = Origin.of(url, plan.target, run_id)
        self.rush = Rush(run_id, plan, people, timetable, origin, self.recorder, buyer, playing)
        Student.rush = self.rush
        self.observer = Observer(self.rush)
        file = plan.scenario.file  # the bundled one's code is ours: it computes nothing
        self._busy = None if file is None else BusyLoop(Path(file).parent)
        self._background: list[gevent.Greenlet] = []
        self._at_last: list[Callable[[], None]] = []

    def meanwhile(self, does: Callable[[], None]) -> None:
        """Have something done beside until all is recorded; a defect in it ends the recording."""
        task = gevent.spawn(does)
        task.link_exception(self._broken)
        self._background.append(task)

    def at_last(self, does: Callable[[], None]) -> None:
        """Have something done once every row is written."""
        self._at_last.append(does)

    def settle_down(self) -> None:
        """Keep what is there by now from being looked through for garbage again and again; to be
        called once everybody stands ready."""
        gc.collect()
        gc.freeze()  # 12,000 waiting students are none
        # A pass over 50,000 young objects took 30 to 140 ms amid a rush, in which nothing was sent.
        gc.set_threshold(5_000, 500, 100)

    def record(self) -> None:
        """Record and watch from now on."""
        self.meanwhile(self.observer.watch_loop)
        self.meanwhile(self.recorder.keep_writing)
        if self._busy is not None:
            self.meanwhile(self._busy.watch)

    def finish(self) -> None:
        """Write down the rest, and what there is to say of how it was recorded.

        Raises:
            RecordError: it cannot be written.
        """
        self.rush.end()
        gevent.killall(self._background)
        self.recorder.flush()
        for does in self._at_last:
            does()
        if self.recorder.error is None:
            self.recorder.fail(self.rush.census.write(self.run))
        if self.recorder.error is not None:
            raise self.recorder.error
        self.recorder.stamp_losses()
        troubles = self.rush.troubles.counts
        if troubles:
            values = dict(troubles.most_common())
            self.run.stamp("phase", tables.SCENARIO_TROUBLES, values=values)
        if self._busy is not None:
            self._busy.stamp(self.run)

    def _broken(self, task: gevent.Greenlet) -> None:
        """A bug in the background must not go on losing rows in silence."""
        failure: Any = task.exception
        if not isinstance(failure, RecordError):
            failure = RecordError(f"Recording has stopped because of a defect: {failure!r}.")
        self.recorder.fail(failure)


def steps_of_buyer(buyer: type[Buyer]) -> Steps:
    """Return the steps of a scenario, as far as they are known beforehand."""
    return Steps(buyer.steps, claims=buyer.claims, idempotent=buyer.idempotent)


def keep_scenario(run: RunDirectory, plan: Plan) -> None:
    """Keep a copy of the scenario's file with the run, where it is a file of its own.

    Raises:
        RecordError: it cannot be written.
    """
    if plan.scenario.file is not None:
        run.write_text("scenario.py", Path(plan.scenario.file).read_text("utf-8", "replace"))


def cut_short(stories: Group) -> None:
    """End the stories that are still under way; what they were at is recorded as unknown.

    Whoever is still there after a while is left alone: the process ends with them.
    """
    stories.kill(timeout=_CAUGHT_S + CAUGHT_A_STUDENT_S * len(stories))
