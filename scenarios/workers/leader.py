"""The generator where several processes play: a master that the conductor leads by lines.

It plays nobody itself. Its workers are processes that it starts on this machine, and those that
join from elsewhere where the plan waits for some.
"""

import logging
import secrets
import time
from collections.abc import Sequence
from typing import Any, Final

import gevent
from locust import runners
from locust.env import Environment
from locust.exception import RPCError
from locust.runners import MasterRunner

from dress_rehearsal.plans import Person, format_duration
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.scenarios.errors import ScenarioError
from dress_rehearsal.scenarios.last_words import LATE_S
from dress_rehearsal.scenarios.lines import Lines, Order
from dress_rehearsal.scenarios.performance import keep_scenario
from dress_rehearsal.scenarios.students.student import Student
from dress_rehearsal.scenarios.workers.channel import MasterChannel
from dress_rehearsal.scenarios.workers.dealing import Dealing, Dispatcher
from dress_rehearsal.scenarios.workers.local import LocalWorkers, why
from dress_rehearsal.scenarios.workers.master import LIVENESS, Master
from dress_rehearsal.scenarios.workers.process import ForkedWorker
from dress_rehearsal.scenarios.workers.secret import given_secret

_SECRET_BYTES: Final = 32
_STARTED_WITHIN_S: Final = 30.0
_READY_WITHIN_S: Final = 30.0
_READY_A_STUDENT_S: Final = 3e-4
"""100,000 of them are 30 s more: each worker draws everybody's timetable."""
_LOOK_S: Final = 0.05


class Leader:
    """Has workers play all students of a run, and records what they send.

    Args:
        run: the run directory; its plan says what to do.
        people: the roster, one person a student.
        url: where the target answers.
        lines: the pipes to the conductor.
        processes: how many workers are started on this machine.
        forked: those of them that are there already.
    """

    def __init__(
        self,
        run: RunDirectory,
        people: Sequence[Person],
        url: str,
        lines: Lines,
        processes: int,
        forked: Sequence[ForkedWorker] = (),
    ) -> None:
        self._run, self._people, self._url, self._lines = run, people, url, lines
        self._plan, self._processes, self._forked = run.plan(), processes, forked
        self._master: Master | None = None
        self._t0_ns: int | None = None
        self._is_cut = False
        runners.HEARTBEAT_LIVENESS = LIVENESS
        # All stand ready before anybody acts, so they may be begun at once.
        logging.getLogger("locust.runners").setLevel(logging.ERROR)
        secret = secrets.token_bytes(_SECRET_BYTES)
        host, port = "127.0.0.1", 0
        if self._plan.generator.workers:
            secret = given_secret()
            host, port = self._plan.generator.listens_at
        environment = Environment(user_classes=[Student], host=url)
        self._secret, self._runner = secret, _listening(environment, host, port)
        self._channel = MasterChannel(self._runner, secret, self._note, self._take)
        self._dealing = Dealing(lambda: self._runner.clients.ready, self._channel.has_admitted)
        environment.dispatcher_class = self._dealing  # type: ignore[assignment]

    def perform(self) -> None:
        """Have the whole rush played; returns when every student is done or the time is up.

        Raises:
            PlanError, ScenarioError: it cannot be played.
            RecordError: what happened can no longer be written down.
        """
        listening = gevent.spawn(self._listen)
        wanted, (host, port) = self._plan.generator.workers, self._plan.generator.listens_at
        if wanted:
            self._say(
                kind="tell",
                text=f"Waiting for {wanted} from elsewhere, at {host}:{port}: `rehearse worker`.",
            )
        keep_scenario(self._run, self._plan)
        try:
            port = self._runner.server.port
            with LocalWorkers(self._processes, port, self._secret, self._forked) as local:
                try:
                    self._perform(local)
                finally:
                    self._runner.quit()
        finally:
            listening.kill()
        self._say(kind="done")

    def _perform(self, local: LocalWorkers) -> None:
        self._await_workers(local)
        if self._is_cut:
            return
        students = self._plan.event.students
        dispatcher = self._dealing([], [Student])
        assert isinstance(dispatcher, Dispatcher)
        self._runner._users_dispatcher = dispatcher  # noqa: SLF001 (else Locust makes another)
        master = self._master = Master(
            self._run,
            self._plan,
            self._people,
            self._url,
            self._runner,
            self._channel,
            self._dealing,
            dispatcher.workers,
            self._note,
        )
        self._people = ()
        master.status = lambda status: self._say(kind="status", **status)
        master.deal()
        beside = [gevent.spawn(self._watch, local), gevent.spawn(master.keep_census)]
        try:
            self._runner.start(students, spawn_rate=students)
            self._await_ready(master)
            self._say(kind="ready", students=students, processes=len(dispatcher.workers))
            self._lead(master)
        finally:
            gevent.killall(beside[1:])
            try:
                master.end()
            finally:
                gevent.killall(beside)

    def _await_workers(self, local: LocalWorkers) -> None:
        """Wait until all workers are there and have proved that they know the secret.

        Raises:
            ScenarioError: they do not come.
        """
        wanted = self._plan.generator.workers
        within_s = max(_STARTED_WITHIN_S, self._plan.generator.workers_within_s)
        deadline_s = time.monotonic() + within_s
        while not self._is_cut:
            here, elsewhere = self._there(local)
            if here >= self._processes and elsewhere >= wanted:
                return
            if local.ended:
                [code, *_] = local.ended.values()
                raise ScenarioError(f"A worker could not be started: {why(code)}.")
            if time.monotonic() > deadline_s:
                raise ScenarioError(self._missing(here + elsewhere, within_s))
            gevent.sleep(_LOOK_S)

    def _missing(self, there: int, within_s: float) -> str:
        wanted, (host, port) = self._plan.generator.workers, self._plan.generator.listens_at
        within = format_duration(within_s)
        came = f"Within {within} {there} of {self._processes + wanted} workers were ready"
        if not wanted:
            return f"{came}: this machine is too busy to start them."
        return (
            f"{came}; the plan waits for {wanted} from elsewhere. Start each with `rehearse worker "
            f"--master HOST:{port}`, where HOST is this machine's name there, with the same "
            f"secret; this one listens at {host}."
        )

    def _there(self, local: LocalWorkers) -> tuple[int, int]:
        """Return how many workers stand ready, of this machine's processes and of others."""
        ready = {node.id for node in self._runner.clients.ready}
        known = [about for worker, about in self._channel.admitted.items() if worker in ready]
        here = sum(map(local.has, known))
        return here, len(known) - here

    def _await_ready(self, master: Master) -> None:
        """Wait until all students stand ready.

        Raises:
            ScenarioError: some never will.
        """
        within_s = _READY_WITHIN_S + _READY_A_STUDENT_S * self._plan.event.students
        deadline_s = time.monotonic() + within_s
        while not master.all_ready.is_set() and not self._is_cut:
            if time.monotonic() > deadline_s:
                raise ScenarioError(
                    f"The students of some workers stood not ready within {within_s:.0f} s."
                )
            gevent.sleep(_LOOK_S)
        if master.failure is not None:
            raise ScenarioError(master.failure)

    def _lead(self, master: Master) -> None:
        """Wait until all are done or the time is up, which they know themselves."""
        schedule = self._plan.schedule
        lasts_ns = round((schedule.sale + schedule.drain + LATE_S) * NS_PER_S)
        while not master.is_over and not self._is_cut:
            gevent.sleep(_LOOK_S)
            if self._t0_ns is not None and time.time_ns() > self._t0_ns + lasts_ns:
                return

    def _watch(self, local: LocalWorkers) -> None:
        """Tell the master of processes that have ended too early; runs until killed."""
        told: set[str] = set()
        while True:
            gevent.sleep(_LOOK_S)
            for worker, about in list(self._channel.admitted.items()):
                code = local.ended.get(about.pid) if local.has(about) else None
                if code is not None and worker not in told and self._master is not None:
                    told.add(worker)
                    self._master.lost(worker, why(code))

    def _take(self, worker: str, run: str, kind: str, content: Any) -> None:
        if self._master is not None:
            self._master.take(worker, run, kind, content)

    def _listen(self) -> None:
        """Take the conductor's orders; when there are no more the conductor is gone."""
        self._lines.hear(self._hear)
        self._cut()

    def _hear(self, order: Order) -> None:
        if "t0_ns" in order:
            self._t0_ns = int(order["t0_ns"])
            if self._master is not None:
                self._master.open_at(self._t0_ns)
        if "stop" in order:
            self._cut()

    def _cut(self) -> None:
        """Have everything ended now; what is under way is recorded as unknown."""
        self._is_cut = True

    def _note(self, sentence: str) -> None:
        self._say(kind="note", text=sentence)

    def _say(self, **line: Any) -> None:
        """Say something; a conductor that is gone is no error."""
        if not self._lines.say(**line):
            self._cut()


def _listening(environment: Environment, host: str, port: int) -> MasterRunner:
    """Return a master that listens there; port 0: anywhere.

    Raises:
        ScenarioError: it cannot.
    """
    try:
        return environment.create_master_runner(host, port)
    except (RPCError, SystemExit) as error:  # Locust ends the process where a port is taken
        raise ScenarioError(
            f"Workers cannot be listened for at {host}:{port} (generator.listen): another program "
            f"has that port, or the address is none of this machine's."
        ) from error
