"""`rehearse stage up | status | logs | down`: a stage of containers that stays."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from dress_rehearsal.plans import PlanError
from dress_rehearsal.rehearsal.commands.options import BROKEN, add_plan, add_roster, planned
from dress_rehearsal.rehearsal.terminal.console import make_console

if TYPE_CHECKING:
    from dress_rehearsal.compose.docker.kept import KeptStage

_LINES = 50


def add(stage: argparse.ArgumentParser) -> None:
    """Add its commands and their arguments to its parser."""
    commands = stage.add_subparsers(required=True, metavar="COMMAND")
    up = commands.add_parser("up", help="set a stage of containers, and leave it there")
    add_plan(up, default=Path("festival"))
    add_roster(up)
    up.set_defaults(command=_up)
    status = commands.add_parser("status", help="list the stages that are there")
    status.set_defaults(command=_status, only_output=True)
    logs = commands.add_parser("logs", help="show what a container wrote last")
    logs.add_argument("container", metavar="CONTAINER", help="such as app-1, postgres or nginx")
    logs.add_argument("--lines", type=int, default=_LINES, metavar="N", help=f"so many ({_LINES})")
    _add_which(logs)
    logs.set_defaults(command=_logs, only_output=True)
    down = commands.add_parser("down", help="clear a stage: containers, network, volumes, secrets")
    _add_which(down)
    down.set_defaults(command=_down)


def _add_which(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--stage", default=None, metavar="NAME", help="which, where there are several (`status`)"
    )


def _up(options: argparse.Namespace) -> int:
    from dress_rehearsal.compose.docker.kept import keep
    from dress_rehearsal.rehearsal.preflight.checks import people_of

    plan = planned(options, "target.stage=docker")
    console = make_console()
    stage = keep(plan, people_of(plan, options.roster), lambda what: console.print(f"{what} …"))
    console.print(f"The stage {stage.name} for the plan {plan.name} is set: {stage.url}")
    console.print("Rehearse it as often as its tickets last, from another terminal too:")
    console.print(
        f'  REHEARSE_ADMIN_TOKEN="$(cat {stage.admin_token})" \\\n'
        f'  REHEARSE_GATE_TOKEN="$(cat {stage.entry_token})" \\\n'
        f"    rehearse run {stage.rehearsed_by}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    console.print("`rehearse stage down` clears it.")
    return 0


def _status(options: argparse.Namespace) -> int:  # noqa: ARG001 (every command is called so)
    from dress_rehearsal.compose.docker.kept import kept_stages, left_behind

    console = make_console()
    stages = kept_stages()
    if not stages:
        console.print("There is no stage of containers; `rehearse stage up` sets one.")
    for stage in stages:
        console.print(f"{stage.name}: plan {stage.plan}, {stage.url}")
        for name, state in stage.containers():
            console.print(f"  {name:<12} {state}")
    for name in left_behind():
        console.print(
            f"{name}: nothing but containers, a network or volumes is left of it; "
            f"`rehearse stage down --stage {name}` removes them."
        )
    return 0


def _logs(options: argparse.Namespace) -> int:
    console = make_console()
    for line in _chosen(options).log(options.container, max(options.lines, 1)):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    return 0


def _down(options: argparse.Namespace) -> int:
    from dress_rehearsal.compose.docker.clearing import clear_stage
    from dress_rehearsal.compose.docker.kept import left_behind
    from dress_rehearsal.compose.errors import StageError

    console = make_console()
    try:
        if options.stage is not None and options.stage in left_behind():
            clear_stage(options.stage)
            name = options.stage
        else:
            stage = _chosen(options)
            stage.clear()
            name = stage.name
    except StageError as error:
        console.print(str(error), markup=False)
        return BROKEN
    console.print(f"The stage {name} is cleared.")
    return 0


def _chosen(options: argparse.Namespace) -> "KeptStage":
    """Return the stage that is meant.

    Raises:
        PlanError: there is none, or there are several and none is named.
    """
    from dress_rehearsal.compose.docker.kept import kept_stages

    stages = kept_stages()
    names = ", ".join(stage.name for stage in stages)
    if not stages:
        raise PlanError("There is no stage of containers; `rehearse stage up` sets one.")
    if options.stage is None:
        if len(stages) > 1:
            raise PlanError(f"There are several stages: {names}; name one with --stage.")
        return stages[0]
    for stage in stages:
        if stage.name == options.stage:
            return stage
    raise PlanError(f"There is no stage {options.stage!r}; there are {names}.")
