"""A worker: it plays a share of the students, and sends what it records to the master."""

from collections.abc import Callable
from typing import Any, Final

import gevent
from locust.env import Environment
from locust.runners import WorkerRunner

from dress_rehearsal.plans import PlanError
from dress_rehearsal.records import RecordError
from dress_rehearsal.scenarios.errors import ScenarioError
from dress_rehearsal.scenarios.performance import Performance
from dress_rehearsal.scenarios.workers.channel import WorkerChannel
from dress_rehearsal.scenarios.workers.clocks import now
from dress_rehearsal.scenarios.workers.playing import Playing
from dress_rehearsal.scenarios.workers.share import (
    CLOCK,
    ENDED,
    OPEN,
    PIECE,
    SHARE,
    STOP,
    Share,
    ended,
)

REFUSED: Final = 2
"""The exit code of a worker that does not share its master's secret."""
Equip = Callable[[Performance], None]


class Worker:
    """One process of Locust's, for as long as it is connected; it plays what its master deals it.

    Locust says when users are begun, but without a share nobody acts: that comes sealed.

    Args:
        equip: gets each performance before it begins.
        guarded: whether a user's own code may connect to nobody but the target and whom the plan
            allows; there is no way back from it in a process.
    """

    def __init__(
        self,
        environment: Environment,
        runner: WorkerRunner,
        secret: bytes,
        *,
        equip: Equip = lambda _: None,
        guarded: bool = False,
    ) -> None:
        self._environment, self._runner = environment, runner
        self._equip, self._guarded = equip, guarded
        self.failure: str | None = None
        """Why it could not play, as a sentence; None where it did, or was not asked to."""
        self.played = 0
        """How many shares it has played to the end."""
        self._given: Share | None = None
        self._t0_ns: dict[str, int] = {}
        self._playing: Playing | None = None
        self.channel = WorkerChannel(runner, secret, self._take, self._refused)
        events: Any = environment.events
        events.test_start.add_listener(self._start)
        events.test_stop.add_listener(self._stop)

    def _take(self, run: str, kind: str, content: Any) -> None:
        """Take in what the master says; whatever may take long is done beside."""
        playing = self._playing if self._playing is not None and self._playing.run == run else None
        if kind == CLOCK:
            self.channel.send(run, CLOCK, now(content))
        elif kind == SHARE:
            self._given = Share.read(content)
        elif kind == OPEN:
            self._t0_ns[run] = int(content)
            if playing is not None:
                playing.open_at(int(content))
        elif kind == PIECE and playing is not None:
            playing.sender.acknowledged()
        elif kind == STOP and playing is not None:
            gevent.spawn(playing.end)

    def _refused(self, why: str) -> None:
        self.failure = why
        self._environment.process_exit_code = REFUSED

    def _start(self, **_: Any) -> None:
        share, self._given = self._given, None
        if share is None:
            raise ScenarioError("The master has given this worker no share, so it plays nobody.")
        try:
            self._playing = Playing(self._runner, self.channel, share, self._guarded)
            self._equip(self._playing.performance)
        except (PlanError, RecordError, ScenarioError) as error:
            self.failure = str(error)
            self.channel.send(share.run, ENDED, ended(str(error)))
            raise
        self._playing.begin(self._over)
        if share.run in self._t0_ns:
            self._playing.open_at(self._t0_ns[share.run])

    def _over(self, failure: str | None) -> None:
        self.failure = self.failure or failure
        self.played += failure is None

    def _stop(self, **_: Any) -> None:
        """Locust has stopped its users. It waits for this, and hears nothing meanwhile."""
        if self._playing is not None:
            gevent.spawn(self._playing.end)
