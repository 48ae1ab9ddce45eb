"""`locust -f scenarios/locustfile.py --host URL`: the same students, under Locust's own command.

The web UI and the console show each recorded request once. What happens is recorded in a run
directory as well, which `rehearse report` can judge as far as the client's side goes.

With `--master` and `--worker` each worker plays a share of the students and sends what it records
to the master, which has the run directory. T-0 is the master's: clocks have to agree.

Locust loads this file by its path, as a module of its own; what it imports has the one name that
the rest of the process knows it by, so nothing is loaded twice.
"""

from pathlib import Path
from typing import Any

from locust import events
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

from dress_rehearsal.plans import PlanError
from dress_rehearsal.records import RecordError, RunDirectory
from dress_rehearsal.scenarios.errors import ScenarioError
from dress_rehearsal.scenarios.locust_command.clocks import Clocks, now
from dress_rehearsal.scenarios.locust_command.dealing import Dealing
from dress_rehearsal.scenarios.locust_command.master import Master
from dress_rehearsal.scenarios.locust_command.performance import Performance, option, plan_of
from dress_rehearsal.scenarios.locust_command.share import (
    CLOCK,
    ENDED,
    SHARD,
    SHARE,
    STOP,
    Message,
    Share,
    ended,
)
from dress_rehearsal.scenarios.locust_command.worker import Worker
from dress_rehearsal.scenarios.students.student import Student

__all__ = ["Student"]

_running: list[Performance | Master | Worker] = []
_given: list[Share] = []
_clocks: list[Clocks] = []
_dealing = Dealing()


@events.init_command_line_parser.add_listener
def _add_options(parser: LocustArgumentParser) -> None:
    parser.add_argument("--plan", default="festival", help="a plan's TOML file, or festival, smoke")
    parser.add_argument("--roster", default="", help="CSV student,pin,enrolled of who may act")
    parser.add_argument("--out", default="runs", help="folder that gets the run directory")
    parser.add_argument(
        "--allow", action="append", default=[], metavar="HOST", help="a host that load may go to"
    )


@events.init.add_listener
def _listen(environment: Environment, **_: Any) -> None:
    runner = environment.runner
    if isinstance(runner, WorkerRunner):
        runner.register_message(SHARE, _take_share)
        runner.register_message(STOP, lambda environment, **_: environment.runner.stop())
        runner.register_message(CLOCK, lambda msg, **_: runner.send_message(CLOCK, now(msg)))
    elif isinstance(runner, MasterRunner):
        environment.dispatcher_class = _dealing  # type: ignore[assignment]
        _clocks[:] = [Clocks(runner.send_message)]
        runner.register_message(CLOCK, lambda msg, **_: _clocks[0].take(msg))
        runner.register_message(SHARD, _take)
        runner.register_message(ENDED, _take)


def _take_share(environment: Environment, msg: Message) -> None:  # noqa: ARG001
    _given[:] = [Share.read(msg.data)]


def _take(environment: Environment, msg: Message) -> None:  # noqa: ARG001
    for master in _running:
        if isinstance(master, Master):
            master.take(msg)


@events.test_start.add_listener
def _start(environment: Environment, **_: Any) -> None:
    runner = environment.runner
    if isinstance(runner, MasterRunner):
        _running.append(Master(environment, runner, _dealing, _clocks[0]))
    elif isinstance(runner, WorkerRunner):
        if not _given:
            raise ScenarioError("The master has given this worker no share: it could not start.")
        try:
            _running.append(Worker(environment, _given.pop(), runner))
        except (PlanError, RecordError, ScenarioError) as error:
            runner.send_message(ENDED, ended(str(error)))
            raise
    else:
        plan = plan_of(environment)
        run = RunDirectory.create(Path(option(environment, "out")), plan)
        _running.append(Performance(environment, plan, run))


@events.spawning_complete.add_listener
def _all_begun(**_: Any) -> None:
    for worker in _running:
        if isinstance(worker, Worker):
            worker.all_begun.set()


@events.test_stop.add_listener
def _stop(environment: Environment, **_: Any) -> None:  # noqa: ARG001
    try:
        for each in _running:  # the workers' last messages find it here
            each.end()
    finally:
        _running.clear()
