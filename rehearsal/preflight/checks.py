"""The preflight: everything that can be known to be wrong before anything is made.

`plan check`, `run`, `sweep` and `doctor` ask the same, here.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from dress_rehearsal.plans import (
    Person,
    Plan,
    PlanError,
    PlanInvalidError,
    format_duration,
    read_roster,
    refusal,
    seeded_people,
)
from dress_rehearsal.plans.files import check_folder, is_file, kind_of
from dress_rehearsal.plans.hosts import is_host
from dress_rehearsal.plans.notes import notes_on
from dress_rehearsal.plans.reach import reach_problems
from dress_rehearsal.plans.sections.app import LETTING_IN
from dress_rehearsal.plans.sections.ledgers import ledger_problems
from dress_rehearsal.plans.shown import shown
from dress_rehearsal.records.http.reach import UnreachableError, reach_of
from dress_rehearsal.rehearsal.preflight.doctor import fits
from dress_rehearsal.rehearsal.preflight.external_target import check_repeatable, check_startable
from dress_rehearsal.reports.metrics import check_metric_names
from dress_rehearsal.reports.words import counted, written
from dress_rehearsal.scenarios.kind import check_actors, has_shape
from dress_rehearsal.scenarios.workers.secret import SecretError, given_secret

_OURS: Final = ("app", "postgres")
"""Sections on the stage that is set here; of another target nobody here can change anything."""


def notes_before(plan: Plan) -> list[str]:
    """Return what whoever wrote a plan may not have meant, a sentence each, before it is performed;
    none refuses it."""
    return [*notes_on(plan), *_never_begun(plan)]


def _never_begun(plan: Plan) -> Iterator[str]:
    """Yield in a sentence that users of a Locust file are begun too slowly for all to act."""
    load, file = plan.load, plan.scenario.file
    if load is None or file is None or load.run_time is None or has_shape(Path(file)):
        return
    users, rate = load.users or 1, load.spawn_rate or 1.0
    most = math.ceil(rate * load.run_time)
    if most < users:
        yield (
            f"Of {counted(users, 'user')} at most {written(most)} will have started: {rate:g} a "
            f"second {'is' if rate == 1 else 'are'} begun, for {format_duration(load.run_time)}. "
            f"Begin them faster (--spawn-rate {users}, or load.spawn_rate), or give more time "
            f"(--run-time, or load.run_time)."
        )


def check_plan_usable(plan: Plan) -> None:
    """Check what a plan says beyond its keys and their ranges: its gates and its target.

    Raises:
        ReportError: a gate names no number of the verdict, or limits it as it cannot be.
        PlanInvalidError: no load may be sent to the target, or the plan would change it, or what is
            to stop it early never could.
    """
    check_metric_names(plan)
    _check_scenario(plan)
    problems = [*_target_problems(plan), *_never_stopped(plan)]
    if problems:
        raise PlanInvalidError(problems)


def check_usage(
    plan: Plan,
    runs: Path,
    roster: Path | None = None,
    *,
    performed: bool = False,
    repeated: bool = False,
) -> list[Person]:
    """Check everything that a rehearsal of a plan needs before anything of it is made.

    Args:
        runs: the folder that gets the run directory.
        roster: who acts, for a target that has its own people.
        performed: whether it is to be rehearsed at once, which takes what it names of this
            machine: variables, programs, and time enough until the target opens by itself.
        repeated: whether it is to be rehearsed several times, or others with it.

    Returns:
        Who acts, of whom the first `event.students` do.

    Raises:
        ReportError, PlanError: it cannot be rehearsed like that; nothing was made.
    """
    check_plan_usable(plan)
    check_folder(runs, "--out")
    reason = fits(plan, runs)
    if reason is not None:
        raise PlanError(reason)
    people = people_of(plan, roster)
    if performed:
        _check_secret(plan)
        check_startable(plan)
    if repeated:
        check_repeatable(plan)
    return people


def _check_scenario(plan: Plan) -> None:
    """Check that the file of a plan's scenario is there, is Python, and has somebody who acts.

    Raises:
        PlanError: it is not, or is not; of the path nothing is shown unless it is a file's.
    """
    if plan.bundled:
        return
    file = Path(plan.scenario.file or "")
    if not is_file(file):
        raise PlanError(
            f"scenario.file is {kind_of(file) or 'not there'}: give a Python file, relative to the "
            f"plan's own folder."
        )
    check_actors(file, plan.scenario.buyer)


def _check_secret(plan: Plan) -> None:
    """Check that there is what workers of other machines are known by.

    Raises:
        PlanError: there is not.
    """
    if not plan.generator.workers:
        return
    try:
        given_secret()
    except SecretError as error:
        raise PlanError(str(error)) from error


def _never_stopped(plan: Plan) -> Iterator[str]:
    """Yield in a sentence that a rush is over before its limits can have been passed for long."""
    schedule, abort = plan.schedule, plan.abort
    lasts_s = schedule.lead + schedule.sale + schedule.drain
    if not abort.limited or abort.after_s <= lasts_s:
        return
    made_of = (
        "schedule.lead, .sale and .drain" if plan.load is None else "load.run_time and the drain"
    )
    yield (
        f"abort.after = {format_duration(abort.after_s)} is longer than all of the rush, "
        f"{format_duration(lasts_s)} ({made_of}): nothing would ever stop it. Give a shorter time, "
        f"or leave [abort] out."
    )


def _target_problems(plan: Plan) -> Iterator[str]:
    """Return why a plan's target cannot be rushed like that, a sentence each."""
    if plan.target.ours:
        return
    reason = refusal(plan.target.url or "", plan.target.allow)
    if reason is not None:
        yield reason
    if not all(is_host(host) for host in plan.target.allow):
        yield (
            "target.allow must be a list of hosts, as names or addresses without http:// and "
            "without a port, such as staging.example."
        )
    yield from ledger_problems(plan.ledgers, plan.target.allow)
    problems = list(reach_problems(plan.target))
    yield from problems
    if not problems:
        try:
            reach_of(plan.target.ca_file, plan.target.proxy)
        except UnreachableError as error:
            yield str(error)
    usual = Plan(name=plan.name)
    for section in _OURS:
        for key in getattr(plan, section).model_fields_set - set(LETTING_IN):
            value = getattr(getattr(plan, section), key)
            if value != getattr(getattr(usual, section), key):  # a resolved plan has all of them
                yield (
                    f"{section}.{key} = {shown(value)} is for the stage of our own and changes "
                    f"nothing of an external target: leave it out."
                )


def people_of(plan: Plan, roster: Path | None) -> list[Person]:
    """Return who acts: those of a roster, or else people drawn from the seed.

    Args:
        roster: as given on the command line; without it the plan's own counts.

    Raises:
        PlanError: the roster cannot be read or is too short, or is missing: an external target that
            the bundled scenario logs in to knows its own students only.
    """
    if plan.load is not None:
        return []  # Locust's users are nobody on a roster
    if roster is None and plan.event.roster is not None:
        roster = Path(plan.event.roster)
        if not is_file(roster):  # what stands there instead may be a secret
            raise PlanError(
                "event.roster names no file: give the path of a CSV file, relative to the plan's "
                "folder."
            )
    if roster is not None:
        people = read_roster(roster)
        if len(people) < plan.event.students:
            raise PlanError(
                f"The roster holds {counted(len(people), 'person', 'people')} and the plan has "
                f"{counted(plan.event.students, 'student')}; lower event.students or give a longer "
                f"roster."
            )
        return people
    if not plan.target.ours and plan.bundled:
        raise PlanError(
            "An external target has its own students: give their credentials with --roster FILE."
        )
    return seeded_people(plan)
