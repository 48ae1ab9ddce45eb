"""A worker of Locust's: it plays a share of the students, and sends what it records."""

import tempfile
from pathlib import Path
from typing import Final

import gevent
from gevent.event import Event
from gevent.lock import Semaphore
from locust.env import Environment
from locust.runners import WorkerRunner

from dress_rehearsal.plans import read_plan
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.scenarios.locust_command.performance import Performance
from dress_rehearsal.scenarios.locust_command.share import ENDED, SentShards, Share, ended
from dress_rehearsal.scenarios.timetable import order_of_arrival

_LOOK_S: Final = 0.05


class Worker:
    """A share of the students. It ends when they have, or when it is told to; once.

    Raises:
        PlanError, RecordError, ScenarioError: they cannot be played.
    """

    def __init__(self, environment: Environment, share: Share, runner: WorkerRunner) -> None:
        self._share, self._runner = share, runner
        self._folder = tempfile.TemporaryDirectory(prefix="rehearsal-worker-")
        folder = Path(self._folder.name)
        given = folder / "plan.toml"
        given.write_text(share.plan, encoding="utf-8")
        plan = read_plan(given)
        self._run = RunDirectory.create(folder, plan)
        self._performance = Performance(environment, plan, self._run, share)
        self._shards = SentShards(self._run, runner.send_message)
        self._performance.meanwhile(self._shards.keep_sending)
        self._ending, self._ended = Semaphore(), False
        self.all_begun = Event()
        """Set once Locust has begun all users."""
        gevent.spawn(self._end_with_the_students)

    def _end_with_the_students(self) -> None:
        self.all_begun.wait()
        while self._runner.user_count:
            gevent.sleep(_LOOK_S)
        self.end()

    def end(self) -> None:
        """Write and send the rest, and tell the master what became of everybody.

        Raises:
            RecordError: it cannot be written.
        """
        with self._ending:  # whoever comes second waits until all is sent
            if self._ended:
                return
            self._ended = True
            with self._folder:
                self._performance.end()
                self._shards.send_new()
                self._runner.send_message(ENDED, self._last())

    def _last(self) -> dict[str, object]:
        rush, recorder = self._performance.rush, self._performance.recorder
        mine = sorted(self._share.of_students(order_of_arrival(rush.timetable)))
        self._run.write_table("students.parquet", rush.census.table().take(mine))
        students = (self._run.path / "students.parquet").read_bytes()
        troubles = dict(rush.troubles.counts)
        shards = self._shards.names
        return ended(None, students, shards, recorder.steps, recorder.losses, troubles)
