"""What the command line of Locust says of a rush."""

import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from locust.env import Environment

from dress_rehearsal.plans import Person, Plan, read_plan, read_roster, refusal, seeded_people
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.http import KIB, NoAnswerError, ask, json_of
from dress_rehearsal.records.http.reach import reach_of
from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.scenarios.errors import ScenarioError

_BREATH_S: Final = 1.0
_COUNTDOWN_S: Final = 5.0


def fix_t0(run: RunDirectory, plan: Plan, host: str) -> int:
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


def option(environment: Environment, name: str) -> Any:
    """Return the value of an option of the command line's."""
    return getattr(environment.parsed_options, name)


def host_of(environment: Environment) -> str:
    """Return the target.

    Raises:
        ScenarioError: the command line names none.
    """
    if not environment.host:
        raise ScenarioError("No target: give it with --host http://127.0.0.1:PORT.")
    return environment.host


def people_of(environment: Environment, plan: Plan) -> list[Person]:
    """Return who the students are.

    Raises:
        ScenarioError: the roster is too short.
        PlanError: it cannot be read.
    """
    roster = option(environment, "roster")
    people = list(read_roster(Path(roster)) if roster else seeded_people(plan))
    if len(people) < plan.event.students:
        raise ScenarioError(
            f"The roster is too short: people on it {len(people)}, users {plan.event.students}; "
            f"give a longer roster or fewer --users."
        )
    return people


def plan_of(environment: Environment) -> Plan:
    """Read the plan for as many students as Locust was told users, against this host.

    Raises:
        PlanError: it cannot be read.
        ScenarioError: load may not go to the host.
    """
    source, host = Path(option(environment, "plan")), host_of(environment)
    allow = ", ".join(f'"{name}"' for name in option(environment, "allow"))
    overrides = ["target.stage=external", f"target.url={host}"]
    overrides += [f"target.allow=[{allow}]"] if allow else []
    users = option(environment, "num_users") or read_plan(source, overrides).event.students
    plan = read_plan(source, [f"event.students={users}", *overrides])
    reason = refusal(host, plan.target.allow)
    if reason is not None:
        raise ScenarioError(reason)
    return plan
