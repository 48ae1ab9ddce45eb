"""The preflight: everything that can be known to be wrong before anything is made.

`plan check`, `run`, `sweep` and `doctor` ask the same, here.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from dress_rehearsal.compose.external import ADMIN_VARIABLE
from dress_rehearsal.plans import (
    Person,
    Plan,
    PlanError,
    PlanInvalidError,
    read_roster,
    refusal,
    seeded_people,
)
from dress_rehearsal.plans.files import check_folder
from dress_rehearsal.plans.hosts import is_host
from dress_rehearsal.plans.shown import shown
from dress_rehearsal.rehearsal.doctor import fits
from dress_rehearsal.reports.metrics import check_metric_names

_THEIRS: Final = ("waiting_room", "admission_rate", "admission_cap")
"""Keys of `app` that say of any target how its students are let in."""
_OURS: Final = ("app", "postgres")
"""Sections on the stage that is set here; of another target nobody here can change anything."""


def check_plan_usable(plan: Plan) -> None:
    """Check what a plan says beyond its keys and their ranges: its gates and its target.

    Raises:
        ReportError: a gate names no number of the verdict, or limits it as it cannot be.
        PlanInvalidError: no load may be sent to the target, or the plan would change it.
    """
    check_metric_names(plan)
    problems = list(_target_problems(plan))
    if problems:
        raise PlanInvalidError(problems)


def check_usage(
    plan: Plan, runs: Path, roster: Path | None = None, *, performed: bool = False
) -> list[Person]:
    """Check everything that a rehearsal of a plan needs before anything of it is made.

    Args:
        runs: the folder that gets the run directory.
        roster: who acts, for a target that has its own people.
        performed: whether it is to be rehearsed at once, which takes the target's admin token.

    Returns:
        Who acts, of whom the first `event.students` do.

    Raises:
        ReportError, PlanError: it cannot be rehearsed like that; nothing was made.
    """
    check_plan_usable(plan)
    people = _people(plan, roster)
    check_folder(runs, "--out")
    reason = fits(plan, runs)
    if reason is not None:
        raise PlanError(reason)
    opened = plan.target.stage == "external" and plan.load is None
    if performed and opened and not os.environ.get(ADMIN_VARIABLE):
        raise PlanError(
            f"The sale of an external target cannot be opened without its admin token: set the "
            f"environment variable {ADMIN_VARIABLE}."
        )
    return people


def _target_problems(plan: Plan) -> Iterator[str]:
    """Return why a plan's target cannot be rushed like that, a sentence each."""
    if plan.target.stage == "embedded":
        return
    reason = refusal(plan.target.url or "", plan.target.allow)
    if reason is not None:
        yield reason
    if not all(is_host(host) for host in plan.target.allow):
        yield (
            "target.allow must be a list of hosts, as names or addresses without http:// and "
            "without a port, such as staging.example."
        )
    usual = Plan(name=plan.name)
    for section in _OURS:
        for key in getattr(plan, section).model_fields_set - set(_THEIRS):
            value = getattr(getattr(plan, section), key)
            if value != getattr(getattr(usual, section), key):  # a resolved plan has all of them
                yield (
                    f"{section}.{key} = {shown(value)} is for the stage of our own and changes "
                    f"nothing of an external target: leave it out."
                )


def _people(plan: Plan, roster: Path | None) -> list[Person]:
    if plan.load is not None:
        return []  # Locust's users are nobody on a roster
    if roster is not None:
        people = read_roster(roster)
        if len(people) < plan.event.students:
            raise PlanError(
                f"The roster holds {len(people):,} people and the plan has "
                f"{plan.event.students:,} students; lower event.students or give a longer roster."
            )
        return people
    if plan.target.stage == "external":
        raise PlanError(
            "An external target has its own students: give their credentials with --roster FILE."
        )
    return seeded_people(plan)
