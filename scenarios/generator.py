"""The generator: one process that plays students with Locust, led by lines.

It reads one JSON object a line from a descriptor it is given: `{"t0_ns": …}` fixes T-0,
`{"stop": true}` or the end of input cuts the rush short. It writes one a line to another: `ready`,
`status` every 250 ms, `error`, and `done` when everything is recorded. What is printed is no line.
"""

import gc
import resource
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import gevent
from locust.env import Environment
from locust.runners import LocalRunner

from dress_rehearsal.plans import Person, PlanError, read_roster
from dress_rehearsal.records import RecordError, RunDirectory, tables
from dress_rehearsal.records.stamps import KernelStamps
from dress_rehearsal.records.steps import Steps
from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.scenarios.busy import BusyLoop
from dress_rehearsal.scenarios.buyer import Buyer
from dress_rehearsal.scenarios.client.origin import Origin
from dress_rehearsal.scenarios.errors import ScenarioError
from dress_rehearsal.scenarios.histograms import Histograms, edges_of, steps_of
from dress_rehearsal.scenarios.lines import Lines, Order
from dress_rehearsal.scenarios.loading import load_buyer
from dress_rehearsal.scenarios.recorder import Recorder
from dress_rehearsal.scenarios.rush import Rush
from dress_rehearsal.scenarios.status import Observer
from dress_rehearsal.scenarios.students.student import Student
from dress_rehearsal.scenarios.timetable import draw_timetable

_STATUS_INTERVAL_S: Final = 0.25
_CENSUS_INTERVAL_S: Final = 2.0
_CAUGHT_S: Final = 5.0
"""How long is waited for students whose scenario catches whatever ends it."""


class Generator:
    """Plays all students of a run and records them.

    Args:
        run: the run directory; its plan says what to do.
        people: the roster, one person a student.
        url: where the target answers, such as `http://127.0.0.1:20000`.
        lines: the pipes to the conductor.

    Raises:
        ScenarioError: the roster is too short for the plan, the URL is not plain HTTP, or the
            entrances' token is missing.
    """

    def __init__(self, run: RunDirectory, people: Sequence[Person], url: str, lines: Lines) -> None:
        self._run, self._lines = run, lines
        plan = run.plan()
        if len(people) < plan.event.students:
            raise ScenarioError(
                f"The roster holds {len(people)} people but the plan has "
                f"{plan.event.students} students; give a longer roster or --students."
            )
        buyer = buyer_of(run)
        steps = Steps(buyer.steps, claims=buyer.claims, idempotent=buyer.idempotent)
        histograms = Histograms(steps, edges_of(plan), steps_of(plan, steps))
        self.recorder = Recorder(run, "generator", histograms, steps)
        self.rush = Rush(
            run.id,
            plan,
            people,
            draw_timetable(plan, people),
            Origin.of(url, plan.target, run.id),
            self.recorder,
            buyer,
        )
        Student.rush = self.rush
        self._environment = Environment(user_classes=[Student], host=url)
        self._runner: LocalRunner = self._environment.create_local_runner()
        self._observer = Observer(self.rush)
        file = plan.scenario.file  # the bundled one's code is ours: it computes nothing
        self._busy = None if file is None else BusyLoop(Path(file).parent)

    def perform(self) -> None:
        """Play the whole rush; returns when every student is done or the time is up.

        Raises:
            RecordError: what happened can no longer be written down.
        """
        plan = self.rush.plan
        background = [gevent.spawn(self._listen), gevent.spawn(self._observer.watch_loop)]
        self._runner.start(plan.event.students, spawn_rate=plan.event.students)
        spawning = self._runner.spawning_greenlet
        assert spawning is not None
        spawning.join()
        self._say(kind="ready", students=self._runner.user_count)
        gc.collect()
        gc.freeze()  # 12,000 waiting students are not garbage; do not look through them again
        gc.set_threshold(50_000, 50, 100)
        background += [
            gevent.spawn(self._report),
            gevent.spawn(self.recorder.keep_writing),
            gevent.spawn(self._keep_census),
            *([] if self._busy is None else [gevent.spawn(self._busy.watch)]),
        ]
        for task in background:
            task.link_exception(self._broken)
        try:
            self._play()
        finally:
            # A copy still under way is cut here and recorded as unknown.
            # Whoever is still there then is left alone: the process ends with them.
            self._runner.user_greenlets.kill(timeout=_CAUGHT_S)
            gevent.killall(background)
            self._record_rest()
        self._say(kind="status", **asdict(self._observer.status()))
        self._say(kind="done")

    def _play(self) -> None:
        """Wait for T-0 to be fixed, then until all are done, the time is up or writing fails."""
        schedule = self.rush.plan.schedule
        while self._runner.user_greenlets:
            gevent.sleep(0.05)
            if self.recorder.error is not None:
                return
            limit_ns = self.rush.closed_ns + round(schedule.drain * NS_PER_S)
            if self.rush.is_open and time.time_ns() > limit_ns:
                return

    def _listen(self) -> None:
        """Take the conductor's orders; when there are no more the conductor is gone."""
        self._lines.hear(self._take)
        self._cut()

    def _take(self, order: Order) -> None:
        if "t0_ns" in order:
            self.rush.open_at(int(order["t0_ns"]))
        if "stop" in order:
            self._cut()

    def _cut(self) -> None:
        """End everything now; what is under way is recorded as unknown."""
        self.rush.close()
        self._runner.user_greenlets.kill(block=False)

    def _broken(self, task: gevent.Greenlet) -> None:
        """A bug in the background must not go on losing rows in silence."""
        self.recorder.error = self.recorder.error or RecordError(
            f"Recording has stopped because of a defect: {task.exception!r}."
        )

    def _report(self) -> None:
        while True:
            self._say(kind="status", **asdict(self._observer.status()))
            gevent.sleep(_STATUS_INTERVAL_S)

    def _keep_census(self) -> None:
        while self.recorder.error is None:
            if self.rush.is_open:
                self.recorder.error = self.rush.census.write(self._run)
            gevent.sleep(_CENSUS_INTERVAL_S)

    def _record_rest(self) -> None:
        self.recorder.flush()
        error = self.recorder.error or self.rush.census.write(self._run)
        if error is not None:
            raise error
        self.recorder.stamp_losses()
        troubles = self.rush.troubles.counts
        if troubles:
            values = dict(troubles.most_common())
            self._run.stamp("phase", tables.SCENARIO_TROUBLES, values=values)
        if self._busy is not None:
            self._busy.stamp(self._run)

    def _say(self, **line: Any) -> None:
        """Say something; a conductor that is gone is no error."""
        if not self._lines.say(**line):
            self._cut()


def buyer_of(run: RunDirectory) -> type[Buyer]:
    """Return the class of the plan's scenario; a copy of a file of its own is kept with the run.

    Raises:
        PlanError, ScenarioError: it cannot be loaded.
        RecordError: its copy cannot be written.
    """
    plan = run.plan()
    buyer = load_buyer(plan)
    if plan.scenario.file is not None:
        run.write_text("scenario.py", Path(plan.scenario.file).read_text("utf-8", "replace"))
    return buyer


def main(run: Path, roster: Path, url: str, orders: int, lines: int) -> int:
    """Run a generator process and return its exit code."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    said = Lines(orders, lines)
    try:
        with KernelStamps():  # before the first request: else the first answers would have none
            people = read_roster(roster)
            generator = Generator(RunDirectory.open(run), people, url, said)
            generator.perform()
    except (PlanError, RecordError, ScenarioError) as error:
        # A PlanError is of the user's own scenario: it is theirs to change.
        usage = isinstance(error, PlanError)
        said.say_last(kind="error", message=str(error), usage=usage)
        return 1
    return 0
