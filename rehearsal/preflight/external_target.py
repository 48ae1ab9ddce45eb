"""What the rehearsal of an external target needs, asked before anything is made or sent."""

import shutil
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Final

from dress_rehearsal.compose import Stage
from dress_rehearsal.compose.external.opening import instant_ns
from dress_rehearsal.compose.external.ramp import Ramp
from dress_rehearsal.compose.external.stage import ADMIN_VARIABLE
from dress_rehearsal.plans import Plan, PlanError, format_duration
from dress_rehearsal.plans.files import kind_of
from dress_rehearsal.plans.secrets import resolved
from dress_rehearsal.records.environment_variables import child_environment, given
from dress_rehearsal.records.ledgers import read_ledgers, refusals, unreadable
from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.rehearsal.terminal.screen import Screen

SETUP_S: Final = 30.0
"""What setting up may take before the first arrival, besides what the plan lets it wait for."""
_LONGEST_AHEAD_S: Final = 86_400.0
_SLICE_S: Final = 1.0


def check_repeatable(plan: Plan) -> None:
    """Check that a plan can be performed more than once: what one sale leaves would be the next's.

    Raises:
        PlanError: an external target is not put back before each, or opens at one instant only.
    """
    target = plan.target
    if target.ours:
        return
    if target.opening is not None and target.opening.at is not None:
        raise PlanError(
            "target.opening.at comes once, so its sale can be rehearsed once: whatever repeats "
            "(--repeat, sweep) needs target.opening.request, or already = true."
        )
    if target.reset is None:
        raise PlanError(
            "Whatever repeats (--repeat, sweep) needs [target.reset], a request or a command that "
            "puts an external target back before every performance: without, the second one would "
            "begin with what the first one sold."
        )


def check_startable(plan: Plan) -> None:
    """Check what a performance of an external target needs of this machine, and of the clock.

    Raises:
        PlanError: a variable is not set, a program or a folder is not there, or the instant that
            the target opens at is too near, over, or more than a day away.
    """
    target = plan.target
    if target.ours:
        return
    for text in sorted(f"env:{name}" for name in plan.named_variables):
        resolved(text)
    if needs_admin_token(plan) and not given(ADMIN_VARIABLE):
        raise PlanError(
            f"The sale of an external target cannot be opened without its admin token: set the "
            f"environment variable {ADMIN_VARIABLE}."
        )
    problem = next(chain(_not_there(plan), unreadable(plan.ledgers, target)), None)
    if problem is not None:
        raise PlanError(problem)
    check_moment(plan)


def check_ledgers(plan: Plan) -> None:
    """Read a plan's ledgers once, before anything is made or sent.

    Where the plan starts the app or resets it, that may be what makes them readable: then they are
    read once it has, before the first arrival.

    Raises:
        PlanError: one cannot be read.
    """
    target = plan.target
    if target.command is None and target.reset is None:
        wrong = refusals(read_ledgers(plan.ledgers, target))
        if wrong:
            raise PlanError(" ".join(wrong))


def needs_admin_token(plan: Plan) -> bool:
    """Return whether the sale is opened by the bundled scenario's own admin route."""
    return not plan.target.ours and plan.target.opening is None and plan.bundled


def first_needed_s(plan: Plan) -> float:
    """Return how many seconds before T-0 a rehearsal has to be started at the latest."""
    target = plan.target
    reset_s = 0.0 if target.reset is None else target.reset.within
    ready_s = 0.0 if target.command is None else target.ready_within_s
    return plan.schedule.lead + SETUP_S + reset_s + ready_s


def check_moment(plan: Plan) -> None:
    """Check that the instant at which the target opens can still be met, and is of this day.

    Raises:
        PlanError: it is over, too near, or more than a day away.
    """
    opening = plan.target.opening
    if opening is None or opening.at is None:
        return
    left_s = (instant_ns(opening.at) - time.time_ns()) / NS_PER_S
    needed_s = first_needed_s(plan)
    when = f"target.opening.at = {opening.at.isoformat()}"
    if left_s < 0:
        raise PlanError(f"{when} was {_span(-left_s)} ago: name an instant that is to come.")
    if left_s < needed_s:
        raise PlanError(
            f"{when} is in {_span(left_s)}, and a rehearsal of this plan has to be started "
            f"{_span(needed_s)} before (schedule.lead and setting up): it is too late by "
            f"{_span(needed_s - left_s)}."
        )
    if left_s > needed_s + _LONGEST_AHEAD_S:
        raise PlanError(
            f"{when} is more than a day away: start the rehearsal on the day, at least "
            f"{_span(needed_s)} before."
        )


def await_setup(plan: Plan, screen: Screen) -> None:
    """Wait until it is time to set up for a target that opens by itself at an instant."""
    opening = plan.target.opening
    if opening is None or opening.at is None:
        return
    begin_s = instant_ns(opening.at) / NS_PER_S - first_needed_s(plan)
    if begin_s > time.time():
        screen.phase(f"waiting until it is time to set up for {opening.at.isoformat()}")
    while (left_s := begin_s - time.time()) > 0:
        time.sleep(min(left_s, _SLICE_S))  # by the wall clock, which may be set meanwhile


def remarks_on(stage: Stage) -> list[str]:
    """Return what the requests before the rush showed and somebody should know."""
    ramp = getattr(stage, "ramp", None)
    if not isinstance(ramp, Ramp) or ramp.words is None:
        return []
    return [f"{ramp.words}; set both by NTP before a sale that opens by the clock."]


def _span(seconds: float) -> str:
    """Return a span of time in whole seconds, or in larger units that say as much."""
    return format_duration(float(round(seconds)))


def _not_there(plan: Plan) -> Iterator[str]:
    """Return what a plan's commands need that is not there, a sentence each."""
    target = plan.target
    if not target.starts_something:
        return
    folder = Path(target.folder or ".")
    if kind_of(folder) != "a folder":
        yield (
            f"target.folder is {kind_of(folder) or 'not there'}: give a folder, relative to the "
            f"plan's own."
        )
        return
    path = child_environment()["PATH"]
    path = target.environment.get("PATH", path)
    reset = None if target.reset is None else target.reset.command
    for key, command in (("target.command", target.command), ("target.reset.command", reset)):
        if command is not None and not _is_found(command[0], folder, path):
            yield (
                f"The program of {key} is not found, neither on the PATH nor as a file of its "
                f"folder that can be run: install it, or write its whole path."
            )


def _is_found(program: str, folder: Path, path: str) -> bool:
    where = str(folder / program) if "/" in program else program
    return shutil.which(where, path=path) is not None
