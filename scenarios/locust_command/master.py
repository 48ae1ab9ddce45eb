"""Locust's master: it gives each worker its share of the students, and has the run directory."""

import logging
import time
from pathlib import Path
from typing import Final

import gevent
from locust.env import Environment
from locust.runners import MasterRunner

from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.steps import Steps
from dress_rehearsal.records.timeline import WORKER_CLOCK, WORKER_LATE
from dress_rehearsal.scenarios.loading import load_buyer
from dress_rehearsal.scenarios.locust_command.clocks import Clocks
from dress_rehearsal.scenarios.locust_command.dealing import Dealing
from dress_rehearsal.scenarios.locust_command.gathering import Gathering
from dress_rehearsal.scenarios.locust_command.performance import (
    fix_t0,
    host_of,
    option,
    people_of,
    plan_of,
)
from dress_rehearsal.scenarios.locust_command.share import SHARD, SHARE, STOP, Message, Share
from dress_rehearsal.scenarios.timetable import draw_timetable

_LOOK_S: Final = 0.05
_LAST_S: Final = 20.0
"""How long a worker may take to write and send the last of what it has recorded."""
_LOG: Final = logging.getLogger(__name__)


class Master:
    """Leads the workers that are there when a rush begins.

    Args:
        dealing: made this runner's dispatcher.
        clocks: compares the workers' with this process's.

    Raises:
        PlanError, RecordError, ScenarioError: there can be none.
    """

    def __init__(
        self, environment: Environment, runner: MasterRunner, dealing: Dealing, clocks: Clocks
    ) -> None:
        self._runner, self._ending, self._dealing = runner, False, dealing
        plan = plan_of(environment)
        people = people_of(environment, plan)
        self._run = RunDirectory.create(Path(option(environment, "out")), plan)
        buyer = load_buyer(plan)
        steps = Steps(buyer.steps, claims=buyer.claims, idempotent=buyer.idempotent)
        # In the order in which Locust deals out users: who is dealt one more has a share that is
        # one larger.
        dispatcher = runner._users_dispatcher  # noqa: SLF001 (nothing else says it)
        assert dispatcher is not None
        workers = [node.id for node in dispatcher._worker_nodes]  # noqa: SLF001
        dealing.begin(workers, self._say_late)
        self._compare(clocks, workers)
        t0_ns = fix_t0(self._run, plan, host_of(environment))
        text = (self._run.path / "plan.toml").read_text(encoding="utf-8")
        for number, worker in enumerate(workers):
            share = Share(self._run.id, text, t0_ns, number, len(workers))
            runner.send_message(SHARE, share.message(), worker)
        timetable = draw_timetable(plan, people)
        self._gathering = Gathering(self._run, timetable, t0_ns, workers, steps)

    def _compare(self, clocks: Clocks, workers: list[str]) -> None:
        """Note how far each worker's clock is from this machine's."""
        found = clocks.compare(workers)
        for number, worker in enumerate(workers):
            apart = found.get(worker)
            if apart is None:
                why = "it did not answer"
                self._run.stamp("phase", WORKER_CLOCK, worker=number, error=why)
                _LOG.warning("The clock of worker %d is not known: %s.", number, why)
                continue
            ahead_ms, within_ms = round(apart.offset_ms, 3), round(apart.within_ms, 3)
            self._run.stamp(
                "phase", WORKER_CLOCK, worker=number, offset_ms=ahead_ms, within_ms=within_ms
            )
            _LOG.info(
                "The clock of worker %d is %+.3f ms from the master's, give or take %.3f ms.",
                *(number, ahead_ms, within_ms),
            )

    def _say_late(self, worker: str) -> None:
        """Say that a worker joined when all students had been dealt out."""
        self._run.stamp("phase", WORKER_LATE, what=worker)
        _LOG.warning(
            "Worker %s joined when the rush had begun; it plays nobody. Start workers before it, "
            "with --expect-workers on the master.",
            worker,
        )

    def take(self, message: Message) -> None:
        """Take in what a worker sends; with the last of all of them the rush is over."""
        gathering = self._gathering
        take = gathering.shard if message.type == SHARD else gathering.ended
        take(message.node_id, message.data)
        if not gathering.awaited and not self._ending:
            self._ending = True
            headless = option(self._runner.environment, "headless")
            gevent.spawn(self._runner.quit if headless else self._runner.stop)

    def end(self) -> None:
        """Have the workers stop, wait for the last they have to say, and write it down.

        Locust itself tells them to stop only afterwards, when a run's time is up.

        Raises:
            RecordError: it cannot be written.
        """
        self._ending = True
        self._dealing.end()
        for worker in self._awaited():
            self._runner.send_message(STOP, None, worker)
        deadline = time.monotonic() + (self._runner.environment.stop_timeout or 0) + _LAST_S
        while self._awaited() and time.monotonic() < deadline:
            gevent.sleep(_LOOK_S)
        self._gathering.write()
        self._run.stamp("phase", "performed")

    def _awaited(self) -> list[str]:
        """Return the workers that are there and have not ended."""
        clients = self._runner.clients
        there = {client.id for client in clients.all} - {client.id for client in clients.missing}
        return sorted(there & self._gathering.awaited)
