"""Locust's master under Locust's own command: one rush after the other, each with its run."""

import logging
from pathlib import Path
from typing import Any, Final

import gevent
from locust import runners
from locust.env import Environment
from locust.runners import MasterRunner

from dress_rehearsal.records import RunDirectory
from dress_rehearsal.scenarios.last_words import LAST_S
from dress_rehearsal.scenarios.locust_command.options import (
    fix_t0,
    host_of,
    option,
    people_of,
    plan_of,
)
from dress_rehearsal.scenarios.workers.channel import MasterChannel
from dress_rehearsal.scenarios.workers.dealing import Dealing, Dispatcher
from dress_rehearsal.scenarios.workers.master import LIVENESS, Master

_LOG: Final = logging.getLogger(__name__)


class LocustMaster:
    """What Locust's master does of ours, for as long as it lives."""

    def __init__(self, environment: Environment, runner: MasterRunner, secret: bytes) -> None:
        self._environment, self._runner = environment, runner
        self._master: Master | None = None
        runners.HEARTBEAT_LIVENESS = LIVENESS
        self._channel = MasterChannel(runner, secret, _LOG.warning, self._take)
        expected = option(environment, "expect_workers")
        self._dealing = Dealing(
            lambda: runner.clients.ready, self._channel.has_admitted, int(expected or 1)
        )
        environment.dispatcher_class = self._dealing  # type: ignore[assignment]

    def start(self) -> None:
        """Deal the students of a rush to the workers that are there.

        Raises:
            PlanError, RecordError, ScenarioError: there can be none.
        """
        environment, runner = self._environment, self._runner
        plan, url = plan_of(environment), host_of(environment)
        people = people_of(environment, plan)
        run = RunDirectory.create(Path(option(environment, "out")), plan)
        dispatcher = runner._users_dispatcher  # noqa: SLF001 (nothing else says it)
        assert isinstance(dispatcher, Dispatcher)
        self._master = Master(
            run,
            plan,
            people,
            url,
            runner,
            self._channel,
            self._dealing,
            dispatcher.workers,
            _LOG.warning,
        )
        self._master.deal()
        self._master.open_at(fix_t0(run, plan, url))

    def stop(self) -> None:
        """End the rush, and write down what became of it.

        Raises:
            RecordError: it cannot be written.
        """
        master, environment = self._master, self._environment
        if master is not None:
            master.end((environment.stop_timeout or 0) + LAST_S)
            self._master = None  # not before: the workers' last messages find it here
            master.run.stamp("phase", "performed")

    def _take(self, worker: str, run: str, kind: str, content: Any) -> None:
        master = self._master
        if master is None:
            return
        was_over = master.is_over
        master.take(worker, run, kind, content)
        if master.is_over and not was_over:
            gevent.spawn(self.over)

    def over(self) -> None:
        """End the rush as Locust does when a run's time is up."""
        headless = option(self._environment, "headless")
        (self._runner.quit if headless else self._runner.stop)()
