"""`locust -f scenarios/locustfile.py --host URL`: the same students, under Locust's own command.

The web UI and the console show each recorded request once. What happens is recorded in a run
directory as well, which `rehearse report` can judge as far as the client's side goes.

With `--master` and `--worker` each worker plays a share of the students and sends what it records
to the master, which has the run directory. Both need the same secret (`workers.secret`). T-0 is the
master's: clocks have to agree.

Locust loads this file by its path, as a module of its own; what it imports has the one name that
the rest of the process knows it by, so nothing is loaded twice.
"""

from typing import Any

import gevent
from locust import events
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

from dress_rehearsal.plans import PlanError
from dress_rehearsal.records import RecordError
from dress_rehearsal.scenarios.errors import ScenarioError
from dress_rehearsal.scenarios.locust_command.alone import Alone
from dress_rehearsal.scenarios.locust_command.master import LocustMaster
from dress_rehearsal.scenarios.locust_command.statistics import feed
from dress_rehearsal.scenarios.students.student import Student
from dress_rehearsal.scenarios.workers.secret import given_secret
from dress_rehearsal.scenarios.workers.worker import Worker

__all__ = ["Student"]

_alone: list[Alone] = []
_master: list[LocustMaster] = []


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
        Worker(environment, runner, given_secret(), equip=lambda played: feed(environment, played))
    elif isinstance(runner, MasterRunner):
        _master[:] = [LocustMaster(environment, runner, given_secret())]


@events.test_start.add_listener
def _start(environment: Environment, **_: Any) -> None:
    for master in _master:
        try:
            master.start()
        except (PlanError, RecordError, ScenarioError):
            environment.process_exit_code = 1
            gevent.spawn(master.over)
            raise
    if not isinstance(environment.runner, MasterRunner | WorkerRunner):
        _alone.append(Alone(environment))


@events.test_stopping.add_listener
def _stopping(**_: Any) -> None:
    for master in _master:  # before Locust tells the workers to stop, who have much to send yet
        master.stop()


@events.test_stop.add_listener
def _stop(**_: Any) -> None:
    while _alone:
        _alone.pop().end()
