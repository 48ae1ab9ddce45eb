"""The generator: plays students with Locust, led by lines, alone or as the master of workers.

It reads one JSON object a line from a descriptor it is given: `{"t0_ns": …}` fixes T-0,
`{"stop": true}` or the end of input cuts the rush short. It writes one a line to another: `ready`,
`status` every 250 ms, `note`, `error`, and `done` when everything is recorded. What is printed is
no line.
"""

import resource
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import gevent
from locust.env import Environment
from locust.runners import LocalRunner

from dress_rehearsal.plans import Person, Plan, PlanError, read_roster
from dress_rehearsal.plans.sections.generator import is_forked, processes_of
from dress_rehearsal.records import RecordError, RunDirectory
from dress_rehearsal.records.machine import usable_cores
from dress_rehearsal.records.stamps import KernelStamps
from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.scenarios.errors import ScenarioError
from dress_rehearsal.scenarios.lines import Lines, Order
from dress_rehearsal.scenarios.performance import Performance, cut_short, keep_scenario
from dress_rehearsal.scenarios.students.student import Student
from dress_rehearsal.scenarios.timetable import draw_timetable
from dress_rehearsal.scenarios.workers.leader import Leader
from dress_rehearsal.scenarios.workers.process import ForkedWorker

_STATUS_INTERVAL_S: Final = 0.25
_CENSUS_INTERVAL_S: Final = 2.0


class Generator:
    """Plays all students of a run in this process and records them.

    Args:
        run: the run directory; its plan says what to do.
        people: the roster, one person a student.
        url: where the target answers, such as `http://127.0.0.1:20000`.
        lines: the pipes to the conductor.

    Raises:
        ScenarioError: the URL is not plain HTTP, or the entrances' token is missing.
    """

    def __init__(self, run: RunDirectory, people: Sequence[Person], url: str, lines: Lines) -> None:
        self._run, self._lines = run, lines
        plan = run.plan()
        timetable = draw_timetable(plan, people)
        self._performance = Performance(run, run.id, plan, people, timetable, url, "generator")
        self.rush, self.recorder = self._performance.rush, self._performance.recorder
        keep_scenario(run, plan)
        self._environment = Environment(user_classes=[Student], host=url)
        self._runner: LocalRunner = self._environment.create_local_runner()

    def perform(self) -> None:
        """Play the whole rush; returns when every student is done or the time is up.

        Raises:
            RecordError: what happened can no longer be written down.
        """
        plan, performance = self.rush.plan, self._performance
        performance.meanwhile(self._listen)
        self._runner.start(plan.event.students, spawn_rate=plan.event.students)
        spawning = self._runner.spawning_greenlet
        assert spawning is not None
        spawning.join()
        self._say(kind="ready", students=self._runner.user_count)
        performance.settle_down()
        performance.record()
        performance.meanwhile(self._report)
        performance.meanwhile(self._keep_census)
        try:
            self._play()
        finally:
            # A copy still under way is cut here and recorded as unknown.
            cut_short(self._runner.user_greenlets)
            performance.finish()
        self._say(kind="status", **performance.observer.status().line())
        self._say(kind="done")

    def _play(self) -> None:
        """Wait for T-0 to be fixed, then until all are done, the time is up or writing fails."""
        schedule = self.rush.plan.schedule
        while self._runner.user_greenlets or self.rush.asides:
            gevent.sleep(0.05)
            if self.recorder.error is not None:
                return
            if not self._runner.user_greenlets:
                self.rush.close()  # what was sent beside has the drain to be answered
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
        self.rush.end()
        self._runner.user_greenlets.kill(block=False)

    def _report(self) -> None:
        while True:
            self._say(kind="status", **self._performance.observer.status().line())
            gevent.sleep(_STATUS_INTERVAL_S)

    def _keep_census(self) -> None:
        while self.recorder.error is None:
            if self.rush.is_open:
                self.recorder.fail(self.rush.census.write(self._run))
            gevent.sleep(_CENSUS_INTERVAL_S)

    def _say(self, **line: Any) -> None:
        """Say something; a conductor that is gone is no error."""
        if not self._lines.say(**line):
            self._cut()


def forked_beforehand(run: Path, url: str) -> int:
    """Return how many workers are to be forked before a generator begins.

    Raises:
        RecordError: the run has no plan.
    """
    plan = RunDirectory.open(run).plan()
    processes = processes_of(plan, url, usable_cores())
    return processes if processes > 1 and is_forked(plan) else 0


def main(
    run: Path,
    roster: Path,
    url: str,
    orders: int,
    lines: int,
    forked: Sequence[ForkedWorker] = (),
) -> int:
    """Run a generator process and return its exit code."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    said = Lines(orders, lines)
    try:
        directory = RunDirectory.open(run)
        plan, people = directory.plan(), read_roster(roster)
        _check_enough(people, plan)
        processes = processes_of(plan, url, usable_cores())
        if processes == 1 and not plan.generator.workers:
            with KernelStamps():  # before the first request: else the first answers have none
                Generator(directory, people, url, said).perform()
        else:
            leader = Leader(directory, people, url, said, processes, forked)
            del people  # a hundred thousand take 30 MB, and it plays none of them
            leader.perform()
    except (PlanError, RecordError, ScenarioError) as error:
        # A PlanError is of the user's own scenario: it is theirs to change.
        usage = isinstance(error, PlanError)
        said.say_last(kind="error", message=str(error), usage=usage)
        return 1
    return 0


def _check_enough(people: Sequence[Person], plan: Plan) -> None:
    if len(people) < plan.event.students:
        raise ScenarioError(
            f"The roster is too short: people on it {len(people)}, students of the plan "
            f"{plan.event.students}; give a longer roster or --students."
        )
