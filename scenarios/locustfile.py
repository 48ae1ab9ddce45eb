"""`locust -f scenarios/locustfile.py --host URL`: the same students, under Locust's own command.

The web UI and the console show each recorded request once. What happens is recorded in a run
directory as well, which `rehearse report` can judge as far as the client's side goes.

With `--master` and `--worker` each worker plays a share of the students and sends what it records
to the master, which has the run directory. T-0 is the master's: clocks have to agree.

Locust loads this file by its path, as a module of its own; what it imports has the one name that
the rest of the process knows it by, so nothing is loaded twice.
"""

import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Final

import gevent
from gevent.event import Event
from gevent.lock import Semaphore
from locust import events
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

from dress_rehearsal.plans import (
    Person,
    Plan,
    PlanError,
    read_plan,
    read_roster,
    refusal,
    seeded_people,
)
from dress_rehearsal.records import RecordError, RunDirectory
from dress_rehearsal.records.http import KIB, NoAnswerError, ask, json_of
from dress_rehearsal.records.http.reach import reach_of
from dress_rehearsal.records.stamps import KernelStamps
from dress_rehearsal.records.steps import Steps
from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.scenarios.client.origin import Origin
from dress_rehearsal.scenarios.errors import ScenarioError
from dress_rehearsal.scenarios.gathering import Gathering
from dress_rehearsal.scenarios.loading import load_buyer
from dress_rehearsal.scenarios.recorder import Recorder
from dress_rehearsal.scenarios.rush import Rush
from dress_rehearsal.scenarios.share import ENDED, SHARD, SHARE, STOP, SentShards, Share, ended
from dress_rehearsal.scenarios.students.student import Student, feed_once, feed_statistics
from dress_rehearsal.scenarios.timetable import draw_timetable, order_of_arrival

__all__ = ["Student"]

_BREATH_S: Final = 1.0
_COUNTDOWN_S: Final = 5.0
_LOOK_S: Final = 0.05
_LAST_S: Final = 20.0
"""How long a worker may take to write and send the last of what it has recorded."""


@events.init_command_line_parser.add_listener
def _add_options(parser: LocustArgumentParser) -> None:
    parser.add_argument("--plan", default="festival", help="a plan's TOML file, or festival, smoke")
    parser.add_argument("--roster", default="", help="CSV student,pin,enrolled of who may act")
    parser.add_argument("--out", default="runs", help="folder that gets the run directory")
    parser.add_argument(
        "--allow", action="append", default=[], metavar="HOST", help="a host that load may go to"
    )


class _Rehearsal:
    """The students of this process, from Locust's start to its stop.

    Args:
        run: where what happens is recorded.
        share: which of the students; None: all of them, and T-0 is fixed here.
    """

    def __init__(
        self, environment: Environment, plan: Plan, run: RunDirectory, share: Share | None = None
    ) -> None:
        people = _people(environment, plan)
        self.environment = environment
        self._open = ExitStack()
        self._open.enter_context(KernelStamps())
        self.run, self.share = run, share
        buyer = load_buyer(plan)
        steps = Steps(buyer.steps, claims=buyer.claims, idempotent=buyer.idempotent)
        name = "locust" if share is None else f"worker{share.number}"
        self.recorder = Recorder(self.run, name, steps=steps)
        timetable = draw_timetable(plan, people)
        run_id = self.run.id if share is None else share.run
        self.rush = Rush(
            run_id,
            plan,
            people,
            timetable,
            Origin.of(_host(environment), plan.target, run_id),
            self.recorder,
            buyer,
            None if share is None else share.of_students(order_of_arrival(timetable)),
        )
        Student.rush = self.rush
        t0_ns = _fix_t0(self.run, plan, _host(environment)) if share is None else share.t0_ns
        self.rush.open_at(t0_ns)
        self.background = [
            gevent.spawn(self.recorder.keep_writing),
            gevent.spawn(feed_statistics, environment, self.recorder),
        ]

    def end(self) -> None:
        """Write the rest down and tell Locust of it."""
        gevent.killall(self.background)
        self._open.close()
        self.recorder.flush()
        for _ in feed_once(self.environment, self.recorder):
            pass
        error = self.recorder.error or self.rush.census.write(self.run)
        if error is not None:
            raise error
        self.recorder.stamp_losses()
        self.run.stamp("phase", "performed")


class _Worker(_Rehearsal):
    """A share of the students: what they do is recorded on this disk, and sent to the master."""

    def __init__(self, environment: Environment, share: Share, runner: WorkerRunner) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="rehearsal-worker-")
        folder = Path(self._folder.name)
        given = folder / "plan.toml"
        given.write_text(share.plan, encoding="utf-8")
        plan = read_plan(given)
        super().__init__(environment, plan, RunDirectory.create(folder, plan), share)
        self._send = runner.send_message
        self._shards = SentShards(self.run, self._send)
        self.background.append(gevent.spawn(self._shards.keep_sending))
        self._ending, self._ended = Semaphore(), False
        self.all_begun = Event()
        self._finishing = gevent.spawn(self._finish, runner)

    def _finish(self, runner: WorkerRunner) -> None:
        """End once every student has."""
        self.all_begun.wait()
        while runner.user_count:
            gevent.sleep(_LOOK_S)
        self.end()

    def end(self) -> None:
        """Write and send the rest, and tell the master what became of everybody; once."""
        with self._ending:
            if not self._ended:
                self._ended = True
                self._end()

    def _end(self) -> None:
        with self._folder:
            super().end()
            self._shards.send_new()
            assert self.share is not None
            mine = sorted(self.share.of_students(order_of_arrival(self.rush.timetable)))
            self.run.write_table("students.parquet", self.rush.census.table().take(mine))
            steps = self.recorder.steps
            content = (self.run.path / "students.parquet").read_bytes()
            troubles = dict(self.rush.troubles.counts)
            losses, steps = self.recorder.losses, self.recorder.steps
            self._send(ENDED, ended(None, content, steps, losses, troubles))


class _Master:
    """Gives each worker its share, and gathers what they record."""

    def __init__(self, environment: Environment, runner: MasterRunner) -> None:
        self._runner, self._ending = runner, False
        plan = _plan(environment)
        people = _people(environment, plan)
        run = RunDirectory.create(Path(_option(environment, "out")), plan)
        buyer = load_buyer(plan)
        steps = Steps(buyer.steps, claims=buyer.claims, idempotent=buyer.idempotent)
        t0_ns = _fix_t0(run, plan, _host(environment))
        # In the order in which Locust deals out users: who is dealt one more has a share that is
        # one larger.
        dispatcher = runner._users_dispatcher  # noqa: SLF001 (nothing else says it)
        assert dispatcher is not None
        workers = [node.id for node in dispatcher._worker_nodes]  # noqa: SLF001
        text = (run.path / "plan.toml").read_text(encoding="utf-8")
        for number, worker in enumerate(workers):
            share = Share(run.id, text, t0_ns, number, len(workers))
            runner.send_message(SHARE, share.message(), worker)
        self.gathering = Gathering(run, draw_timetable(plan, people), t0_ns, workers, steps)

    def finish(self) -> None:
        """Every worker has said its last: end without waiting for the time to be up."""
        if self._ending:
            return
        if _option(self._runner.environment, "headless"):
            self._runner.quit()
        else:
            self._runner.stop()

    def end(self) -> None:
        """Have the workers stop, wait for the last they have to say, and write it down.

        Locust itself tells them to stop only afterwards, when a run's time is up.
        """
        self._ending = True
        for worker in self._awaited():
            self._runner.send_message(STOP, None, worker)
        deadline = time.monotonic() + (self._runner.environment.stop_timeout or 0) + _LAST_S
        while self._awaited() and time.monotonic() < deadline:
            gevent.sleep(_LOOK_S)
        self.gathering.write()
        self.gathering.run.stamp("phase", "performed")

    def _awaited(self) -> list[str]:
        """Return the workers that are there and have not ended."""
        clients = self._runner.clients
        there = {client.id for client in clients.all} - {client.id for client in clients.missing}
        return sorted(there & self.gathering.awaited)


def _fix_t0(run: RunDirectory, plan: Plan, host: str) -> int:
    """Take the target's own opening time when it is still ahead, else open after the lead."""
    t0_ns = time.time_ns() + round((plan.schedule.lead + _BREATH_S) * NS_PER_S)
    with suppress(NoAnswerError, ValueError, KeyError, TypeError):
        url = f"{host.rstrip('/')}/events/{plan.event.id}/countdown"
        reach = reach_of(plan.target.ca_file, plan.target.proxy)
        answer = ask("GET", url, deadline_s=_COUNTDOWN_S, limit_bytes=64 * KIB, reach=reach)
        opens_at_ns = int(json_of(answer.body)["opens_at_ns"])
        if time.time_ns() < opens_at_ns < time.time_ns() + 3600 * NS_PER_S:
            t0_ns = opens_at_ns
    run.stamp("t0", "open", t_ns=t0_ns)
    return t0_ns


def _option(environment: Environment, name: str) -> Any:
    return getattr(environment.parsed_options, name)


def _host(environment: Environment) -> str:
    if not environment.host:
        raise ScenarioError("No target: give it with --host http://127.0.0.1:PORT.")
    return environment.host


def _people(environment: Environment, plan: Plan) -> list[Person]:
    roster = _option(environment, "roster")
    people = list(read_roster(Path(roster)) if roster else seeded_people(plan))
    if len(people) < plan.event.students:
        raise ScenarioError(
            f"The roster holds {len(people)} people but there are {plan.event.students} users; "
            f"give a longer roster or fewer --users."
        )
    return people


def _plan(environment: Environment) -> Plan:
    """Read the plan for as many students as Locust was told users, against this host."""
    source = Path(_option(environment, "plan"))
    host = _host(environment)
    allow = ", ".join(f'"{name}"' for name in _option(environment, "allow"))
    overrides = ["target.stage=external", f"target.url={host}"]
    overrides += [f"target.allow=[{allow}]"] if allow else []
    users = _option(environment, "num_users") or read_plan(source, overrides).event.students
    plan = read_plan(source, [f"event.students={users}", *overrides])
    reason = refusal(host, plan.target.allow)
    if reason is not None:
        raise ScenarioError(reason)
    return plan


_running: list[_Rehearsal | _Master] = []
_given: list[Share] = []


@events.init.add_listener
def _listen(environment: Environment, **_: Any) -> None:
    runner = environment.runner
    if isinstance(runner, WorkerRunner):
        runner.register_message(SHARE, _take_share)
        runner.register_message(STOP, lambda environment, **_: environment.runner.stop())
    elif isinstance(runner, MasterRunner):
        runner.register_message(SHARD, _gather)
        runner.register_message(ENDED, _gather)


def _take_share(environment: Environment, msg: Any) -> None:  # noqa: ARG001
    _given[:] = [Share.read(msg.data)]


def _gather(environment: Environment, msg: Any) -> None:  # noqa: ARG001
    for master in _running:
        if isinstance(master, _Master):
            take = master.gathering.shard if msg.type == SHARD else master.gathering.ended
            take(msg.node_id, msg.data)
            if not master.gathering.awaited:
                gevent.spawn(master.finish)


@events.spawning_complete.add_listener
def _all_begun(**_: Any) -> None:
    for worker in _running:
        if isinstance(worker, _Worker):
            worker.all_begun.set()


@events.test_start.add_listener
def _start(environment: Environment, **_: Any) -> None:
    runner = environment.runner
    if isinstance(runner, MasterRunner):
        _running.append(_Master(environment, runner))
    elif isinstance(runner, WorkerRunner):
        if not _given:
            raise ScenarioError("The master has given this worker no share: it could not start.")
        try:
            _running.append(_Worker(environment, _given.pop(), runner))
        except (PlanError, RecordError, ScenarioError) as error:
            runner.send_message(ENDED, ended(str(error)))
            raise
    else:
        plan = _plan(environment)
        run = RunDirectory.create(Path(_option(environment, "out")), plan)
        _running.append(_Rehearsal(environment, plan, run))


@events.test_stop.add_listener
def _stop(environment: Environment, **_: Any) -> None:  # noqa: ARG001
    try:
        for each in _running:  # the workers' last messages find it here
            each.end()
    finally:
        _running.clear()
