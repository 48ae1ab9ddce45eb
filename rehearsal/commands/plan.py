"""`rehearse plan check | show | list | schema`: what is wrong with a plan, and what it will do."""

import argparse
import json
import sys

from dress_rehearsal.plans import (
    Plan,
    PlanError,
    bundled_plans,
    is_matrix,
    plan_schema,
    read_plan,
)
from dress_rehearsal.plans.files import named
from dress_rehearsal.rehearsal.commands.options import (
    DRAWN,
    add_out,
    add_plan,
    add_roster,
    is_drawn,
    overriding,
    planned,
)
from dress_rehearsal.rehearsal.terminal.console import make_console
from dress_rehearsal.rehearsal.terminal.sheet import Sheet
from dress_rehearsal.reports.words import counted


def add(plan: argparse.ArgumentParser) -> None:
    """Add its commands to its parser."""
    commands = plan.add_subparsers(required=True, metavar="COMMAND")
    check = commands.add_parser("check", help="say what is wrong with a plan, all at once")
    add_plan(check)
    add_out(check)
    add_roster(check)
    check.set_defaults(command=_check, only_output=True)
    show = commands.add_parser("show", help="draw what a plan will send, and what it will need")
    add_plan(show)
    add_roster(show)
    show.add_argument(
        "--behaviour",
        action="store_true",
        help="list every value of what students do, its source, and whether it was measured",
    )
    show.set_defaults(command=_show, only_output=True)
    bundled = commands.add_parser("list", help="list the bundled plans")
    bundled.set_defaults(command=_list, only_output=True)
    schema = commands.add_parser("schema", help="print the JSON Schema of plans, for editors")
    schema.set_defaults(command=_schema, only_output=True)


def _check(options: argparse.Namespace) -> int:
    if is_matrix(options.plan):
        from dress_rehearsal.rehearsal.matrix.read import check_cells, read_checked

        for option, _ in overriding(options):
            raise PlanError(
                f"{option}: {named(options.plan)} is a matrix, which takes no such option; change "
                f"its `base` or the `set` of a row."
            )
        cells = list(read_checked(options.plan).cells())
        check_cells(cells, options.out)
        said = f"A matrix of {counted(len(cells), 'cell')}."
        print(f"{named(options.plan)}: fine. {said}")  # noqa: T201
        return 0
    from dress_rehearsal.rehearsal.preflight.checks import check_usage, notes_before

    plan = planned(options)
    check_usage(plan, options.out, options.roster)
    sheet = Sheet(make_console())
    sheet.line(f"{named(options.plan)}: fine. {_who(plan)}, {counted(len(plan.gates), 'gate')}.")
    for note in notes_before(plan):
        sheet.line(note)
    if is_drawn(plan, options.roster):
        sheet.line(DRAWN)
    return 0


def _show(options: argparse.Namespace) -> int:
    from dress_rehearsal.rehearsal.preflight.checks import people_of
    from dress_rehearsal.rehearsal.preflight.course import behaviour, course

    plan = planned(options)
    console = make_console()
    sheet = Sheet(console)
    if options.behaviour:
        lines = behaviour(plan)
    else:
        people = people_of(plan, options.roster)
        lines = course(plan, people, console.width if console.file.isatty() else None)
    for line, style in lines:
        sheet.line(line, style=style)
    return 0


def _list(options: argparse.Namespace) -> int:  # noqa: ARG001
    sheet = Sheet(make_console())
    plans = [read_plan(path) for path in bundled_plans()]
    width = max(len(plan.name) for plan in plans)
    for plan in plans:
        sheet.line(f"{plan.name:<{width}}  {plan.description}")
    return 0


def _schema(options: argparse.Namespace) -> int:  # noqa: ARG001
    json.dump(plan_schema(), sys.stdout, indent=2)
    print()  # noqa: T201
    return 0


def _who(plan: Plan) -> str:
    if plan.load is not None:
        return "The users of a Locust file"
    return f"{counted(plan.event.students, 'student')}, {counted(plan.event.tickets, 'ticket')}"
