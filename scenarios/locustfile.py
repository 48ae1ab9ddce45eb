"""`locust -f scenarios/locustfile.py --host URL`: the same students, under Locust's own command.

The web UI and the console show each recorded request once. What happens is recorded in a run
directory as well, which `rehearse report` can judge as far as the client's side goes.

Locust loads this file by its path, as a module of its own; what it imports has the one name that
the rest of the process knows it by, so nothing is loaded twice.
"""

import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Final

import gevent
from locust import events
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment

from dress_rehearsal.plans import Plan, read_plan, read_roster, refusal, seeded_people
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.http import KIB, NoAnswerError, ask, json_of
from dress_rehearsal.records.http.reach import reach_of
from dress_rehearsal.records.stamps import KernelStamps
from dress_rehearsal.records.steps import Steps
from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.scenarios.client.origin import Origin
from dress_rehearsal.scenarios.errors import ScenarioError
from dress_rehearsal.scenarios.loading import load_buyer
from dress_rehearsal.scenarios.recorder import Recorder
from dress_rehearsal.scenarios.rush import Rush
from dress_rehearsal.scenarios.students.student import Student, feed_once, feed_statistics
from dress_rehearsal.scenarios.timetable import draw_timetable

__all__ = ["Student"]

_BREATH_S: Final = 1.0
_COUNTDOWN_S: Final = 5.0


@events.init_command_line_parser.add_listener
def _add_options(parser: LocustArgumentParser) -> None:
    parser.add_argument("--plan", default="festival", help="a plan's TOML file, or festival, smoke")
    parser.add_argument("--roster", default="", help="CSV student,pin,enrolled of who may act")
    parser.add_argument("--out", default="runs", help="folder that gets the run directory")


class _Rehearsal:
    """One test of Locust's, from start to stop."""

    def __init__(self, environment: Environment) -> None:
        options: Any = environment.parsed_options
        if not environment.host:
            raise ScenarioError("No target: give it with --host http://127.0.0.1:PORT.")
        plan = _plan(environment, Path(options.plan))
        reason = refusal(environment.host, plan.target.allow)
        if reason is not None:
            raise ScenarioError(reason)
        people = read_roster(Path(options.roster)) if options.roster else seeded_people(plan)
        self.environment = environment
        self._open = ExitStack()
        self._open.enter_context(KernelStamps())
        self.run = RunDirectory.create(Path(options.out), plan)
        buyer = load_buyer(plan)
        steps = Steps(buyer.steps, claims=buyer.claims, idempotent=buyer.idempotent)
        self.recorder = Recorder(self.run, "locust", steps=steps)
        self.rush = Rush(
            self.run.id,
            plan,
            people,
            draw_timetable(plan, people),
            Origin.of(environment.host, plan.target, self.run.id),
            self.recorder,
            buyer,
        )
        Student.rush = self.rush
        self.rush.open_at(self._fix_t0(plan, environment.host))
        self.background = [
            gevent.spawn(self.recorder.keep_writing),
            gevent.spawn(feed_statistics, environment, self.recorder),
        ]

    def _fix_t0(self, plan: Plan, host: str) -> int:
        """Take the target's own opening time when it is still ahead, else open after the lead."""
        t0_ns = time.time_ns() + round((plan.schedule.lead + _BREATH_S) * NS_PER_S)
        with suppress(NoAnswerError, ValueError, KeyError, TypeError):
            url = f"{host.rstrip('/')}/events/{plan.event.id}/countdown"
            reach = reach_of(plan.target.ca_file, plan.target.proxy)
            answer = ask("GET", url, deadline_s=_COUNTDOWN_S, limit_bytes=64 * KIB, reach=reach)
            opens_at_ns = int(json_of(answer.body)["opens_at_ns"])
            if time.time_ns() < opens_at_ns < time.time_ns() + 3600 * NS_PER_S:
                t0_ns = opens_at_ns
        self.run.stamp("t0", "open", t_ns=t0_ns)
        return t0_ns

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


def _plan(environment: Environment, source: Path) -> Plan:
    """Read the plan for as many students as Locust was told users, against this host."""
    options: Any = environment.parsed_options
    users = options.num_users or read_plan(source).event.students
    overrides = [f"event.students={users}", "target.stage=external"]
    return read_plan(source, [*overrides, f"target.url={environment.host}"])


_running: list[_Rehearsal] = []


@events.test_start.add_listener
def _start(environment: Environment, **_: Any) -> None:
    _running.append(_Rehearsal(environment))


@events.test_stop.add_listener
def _stop(environment: Environment, **_: Any) -> None:  # noqa: ARG001
    while _running:
        _running.pop().end()
