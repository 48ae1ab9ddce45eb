"""`rehearse probe`: plays one student through every step of a scenario, and shows what came."""

import argparse
import shlex
from pathlib import Path

from dress_rehearsal.plans import Plan, PlanError
from dress_rehearsal.rehearsal.commands.options import (
    BROKEN,
    DRAWN,
    USAGE,
    add_plan,
    add_roster,
    is_drawn,
    planned,
)
from dress_rehearsal.rehearsal.terminal.console import make_console
from dress_rehearsal.scenarios.kind import kind_of


def add(probe: argparse.ArgumentParser) -> None:
    """Add its arguments to its parser."""
    add_plan(probe)
    add_roster(probe)
    probe.set_defaults(command=_probe, only_output=True)


def _probe(options: argparse.Namespace) -> int:
    plan = planned(options)
    _check_probeable(plan)
    from dress_rehearsal.rehearsal.first_contact.probe import next_step, probe
    from dress_rehearsal.rehearsal.preflight.checks import people_of
    from dress_rehearsal.rehearsal.preflight.external_target import (
        check_ledgers,
        check_startable,
    )
    from dress_rehearsal.rehearsal.terminal.sheet import Sheet

    people = people_of(plan, options.roster)
    check_startable(plan)
    check_ledgers(plan)
    sheet = Sheet(make_console())
    drawn = is_drawn(plan, options.roster)
    if drawn:
        sheet.line(DRAWN, style="yellow")
    wrongs, unread = probe(plan, people, sheet, "the seed's first student" if drawn else "")
    sheet.line()
    if not wrongs:
        sheet.line("Nothing is wrong.", style="bold green")
        roster = f" --roster {shlex.quote(str(options.roster))}" if options.roster else ""
        for line in next_step(plan, f"rehearse run {options.plan}{roster}"):
            sheet.line(line)
        return 0
    sheet.line(f"First: {wrongs[0]}", style="bold red")
    for wrong in wrongs[1:]:
        sheet.line(f"Then: {wrong}")
    return USAGE if unread else BROKEN


def _check_probeable(plan: Plan) -> None:
    """Check that there is a scenario of one's own to be tried.

    Raises:
        PlanError: the plan is for the stage of our own, or its scenario is a locustfile.
    """
    if plan.target.ours:
        raise PlanError(
            "There is nothing to probe: the plan is for the stage of our own, which "
            "`rehearse run` sets by itself. Give a plan whose target is an app of yours."
        )
    if plan.bundled:
        raise PlanError(
            "There is nothing to probe: the plan names no scenario of yours ([scenario] file)."
        )
    if kind_of(Path(plan.scenario.file or "")) != "buyers":
        raise PlanError(
            "There is nothing to probe: the plan's scenario is a locustfile, which has no buyer. "
            "See what it would send with `rehearse run --dry-run`."
        )
