"""A share of the students, played: from the first that stands ready to the last that is sent."""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import gevent
import numpy as np
from gevent.lock import Semaphore
from locust.runners import WorkerRunner

from dress_rehearsal.plans import Plan, refusal
from dress_rehearsal.records import RecordError, RunDirectory, TimelineEvent, tables
from dress_rehearsal.records.stamps import KernelStamps
from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.scenarios.client.wire import ClientSocket
from dress_rehearsal.scenarios.errors import ScenarioError
from dress_rehearsal.scenarios.memory import do_without_pandas
from dress_rehearsal.scenarios.outcomes import STUDENTS_FILE
from dress_rehearsal.scenarios.performance import Performance, cut_short
from dress_rehearsal.scenarios.reach import Reach
from dress_rehearsal.scenarios.timetable import draw_timetable
from dress_rehearsal.scenarios.workers.channel import WorkerChannel
from dress_rehearsal.scenarios.workers.share import (
    ENDED,
    PIECE,
    READY,
    STATUS,
    STUDENTS,
    Share,
    digest_of,
    ended,
    of_share,
)
from dress_rehearsal.scenarios.workers.transfer import Sender

_LOOK_S: Final = 0.05
_SEND_S: Final = 1.0
_STATUS_INTERVAL_S: Final = 0.25
_CENSUS_INTERVAL_S: Final = 2.0


class Playing:
    """A share of the students. It ends when they have, or when it is told to; once.

    Raises:
        PlanError, RecordError, ScenarioError: they cannot be played.
    """

    def __init__(
        self, runner: WorkerRunner, channel: WorkerChannel, share: Share, guarded: bool
    ) -> None:
        self.run = share.run
        self._runner, self._channel = runner, channel
        self.sender = Sender(lambda piece: channel.send(share.run, PIECE, list(piece)))
        self._folder = tempfile.TemporaryDirectory(prefix="rehearsal-worker-")
        folder = Path(self._folder.name)
        plan = share.placed(folder)
        _keep_to_the_target(share.url, plan, guarded)
        if plan.bundled:
            do_without_pandas()
        self._record = RunDirectory.create(folder, plan)
        sys.stderr.write(
            f"This is worker {share.number} of {share.of}: it plays {len(share.people)} of "
            f"{plan.event.students} students of {plan.name}.\n"
        )
        people = share.everybody()
        timetable = draw_timetable(plan, people)
        if digest_of(timetable) != share.timetable:
            raise ScenarioError(
                "From the same plan and seed this worker draws another timetable than the master, "
                "so its versions differ: install the same ones on all machines."
            )
        playing = of_share(timetable, share.number, share.of)
        self._own = np.sort(np.array(playing, dtype=np.int64))  # there may be nobody
        self.performance = Performance(
            self._record,
            share.run,
            plan,
            people,
            timetable,
            share.url,
            share.name,
            playing,
        )
        self.performance.rush.local.share(share.number, share.of)
        self._stamps = KernelStamps()
        self._sent: list[str] = []
        self._timeline: list[TimelineEvent] = []
        self._ending, self._ended = Semaphore(), False

    def begin(self, over: Callable[[str | None], None]) -> None:
        """Record and send from now on; `over` gets why it failed, or None, at the end."""
        self._over = over
        self._stamps.__enter__()
        self.performance.record()
        for does in (self._tell, self._send_shards, self._send_census):
            self.performance.meanwhile(does)
        gevent.spawn(self._play)

    def open_at(self, t0_ns: int) -> None:
        """Fix T-0; the students begin by their timetable."""
        if not self.performance.rush.is_open:
            self.performance.rush.open_at(t0_ns)

    def _play(self) -> None:
        """Wait until all are done, the time is up or nothing can be recorded any more."""
        rush, drain_ns = self.performance.rush, self.performance.plan.schedule.drain * NS_PER_S
        # Locust's own word that all are may come before its users.
        while not (rush.all_are_on or self._ended):
            gevent.sleep(_LOOK_S)
        self.performance.settle_down()
        self._say(READY)
        users = self._runner.user_greenlets
        while (users or rush.asides) and self.performance.recorder.error is None:
            gevent.sleep(_LOOK_S)
            if not users:
                rush.close()  # what was sent beside has the drain to be answered
            if rush.is_open and time.time_ns() > rush.closed_ns + drain_ns:
                break
        self.end()

    def end(self) -> None:
        """Write and send the rest, and tell the master what became of everybody."""
        with self._ending:  # whoever comes second waits until all is sent
            if self._ended:
                return
            self._ended = True
            self.performance.rush.close()
            # A copy still under way is cut here and recorded as unknown.
            cut_short(self._runner.user_greenlets)
            with self._folder:
                error = self._send_rest()
            recorder = self.performance.recorder
            steps = list(zip(recorder.steps.names, recorder.steps.roles, strict=True))
            self._say(STATUS, self._status())
            self._say(ENDED, ended(error, self._sent, steps, self._told()))
            self._over(error)

    def _send_rest(self) -> str | None:
        """Return why it could not be done; None where it was."""
        try:
            self.performance.finish()
            self._send_new()
            self._send_students()
            self._timeline = self._record.timeline()
        except RecordError as error:
            return str(error)
        finally:
            self._stamps.__exit__(None, None, None)
        return None

    def _told(self) -> list[tuple[str, dict[str, Any]]]:
        return [(event.name, event.detail) for event in self._timeline if event.kind == "phase"]

    def _tell(self) -> None:
        while True:
            self._say(STATUS, self._status())
            gevent.sleep(_STATUS_INTERVAL_S)

    def _status(self) -> dict[str, Any]:
        status = self.performance.observer.status().line()
        # The census has a row for everybody; of those of other shares none begins here.
        others = len(self.performance.rush.census.outcome) - len(self._own)
        status["students"][tables.STUDENT_OUTCOMES[0]] -= others
        return status

    def _send_shards(self) -> None:
        while True:
            gevent.sleep(_SEND_S)
            self._send_new()

    def _send_census(self) -> None:
        while True:
            gevent.sleep(_CENSUS_INTERVAL_S)
            if self.performance.rush.is_open:
                self._send_students()

    def _send_new(self) -> None:
        """Send what is new. A file stands under its name once it is whole."""
        for path in sorted(self._record.requests.glob("*.parquet")):
            # One whose sending was cut short is sent again, from its beginning.
            self.sender.file(path.name, path.read_bytes())
            self._sent.append(path.name)
            path.unlink()

    def _send_students(self) -> None:
        error = self.performance.rush.census.write(self._record, self._own)
        if error is not None:
            raise error
        self.sender.file(STUDENTS, (self._record.path / STUDENTS_FILE).read_bytes())

    def _say(self, kind: str, content: Any = None) -> None:
        self._channel.send(self.run, kind, content)


def _keep_to_the_target(url: str, plan: Plan, guarded: bool) -> None:
    """Refuse a target that the plan does not allow, and have a user's own code keep to it.

    Raises:
        ScenarioError: load may not go there.
    """
    reason = refusal(url, plan.target.allow)
    if reason is not None:
        raise ScenarioError(reason)
    if guarded and not plan.bundled:
        Reach(url, plan.target.allow, ClientSocket).guard()
