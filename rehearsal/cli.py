"""The command line: `rehearse init | probe | run | capacity | worker | sweep | compare | noise |
gate | history | matrix | report | checklist | dashboards | stage | doctor | plan`.

Commands import what they need when called: checking a plan should not wait for a plotting library.
"""

import argparse
import errno
from collections.abc import Sequence
from typing import Final

from rich.markup import escape

from dress_rehearsal.compose import ServerUnfitError, StageError
from dress_rehearsal.dashboards.cli import add_commands as add_dashboards
from dress_rehearsal.dashboards.errors import DashboardsError, PushRefusedError
from dress_rehearsal.plans import PlanError
from dress_rehearsal.records import RecordError
from dress_rehearsal.rehearsal.commands import (
    capacity,
    checklist,
    compare,
    dashboards_check,
    doctor,
    gate,
    history,
    init,
    matrix,
    noise,
    plan,
    probe,
    report,
    run,
    stage,
    sweep,
    worker,
)
from dress_rehearsal.rehearsal.commands.options import BROKEN, USAGE
from dress_rehearsal.rehearsal.errors import (
    LedgerRefusedError,
    RehearsalError,
    ScenarioRefusedError,
)
from dress_rehearsal.rehearsal.signals import interruptible
from dress_rehearsal.rehearsal.terminal.arguments import Parser, PrintVersion
from dress_rehearsal.rehearsal.terminal.console import make_console
from dress_rehearsal.rehearsal.terminal.streams import Outlet, bound_patience, guarded_streams
from dress_rehearsal.reports.errors import ReportError

_READERS_PATIENCE_S: Final = 2.0
"""How long a rehearsal waits for whoever reads what it says, a terminal that was stopped included.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code.

    0 pass, 99 a gate or the audit failed, 3 inconclusive, 2 bad usage or plan, 1 anything else.
    Output that fails changes none of them; only where the output is all that a command is for, a
    disk that has no room for it is 1. A reader who has seen enough is no failure.
    """
    with guarded_streams() as output:
        try:
            options = _parser().parse_args(arguments)
        except SystemExit as done:  # --help, --version, or bad usage
            return _shown(output, int(done.code or 0), only_output=True)
        if not options.only_output:
            bound_patience(_READERS_PATIENCE_S)
        code = _carry_out(options)
        return _shown(output, code, only_output=options.only_output)


def _carry_out(options: argparse.Namespace) -> int:
    errors = make_console(stderr=True)
    try:
        with interruptible():
            code: int = options.command(options)
    except (
        PlanError,
        ReportError,
        PushRefusedError,
        ServerUnfitError,
        ScenarioRefusedError,
        LedgerRefusedError,
    ) as error:
        errors.print(escape(str(error)))
        return USAGE
    except (RecordError, RehearsalError, StageError, DashboardsError) as error:
        errors.print(escape(str(error)))
        return BROKEN
    except KeyboardInterrupt:
        errors.print("Interrupted before there was anything to report.")
        return BROKEN
    return code


def _shown(output: Outlet, code: int, *, only_output: bool) -> int:
    """Say so where something could not be shown on standard output; return the exit code."""
    output.flush()
    failure = output.failure
    if failure is None:
        return code
    gone = isinstance(failure, OSError) and failure.errno in (errno.EPIPE, errno.EIO)
    if only_output and gone:
        return code
    why = getattr(failure, "strerror", None) or failure
    kept = "" if only_output else f" What was done is kept, and the exit code, {code}, is its own."
    make_console(stderr=True).print(
        escape(f"Standard output cannot be written ({why}), so not everything was shown.{kept}")
    )
    return code or (BROKEN if only_output else code)


def _parser() -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = Parser(
        prog="rehearse",
        description="A dress rehearsal for a ticket open: will it hold, what breaks first, was "
        "anyone wronged, and can the measurement be trusted?",
        epilog="Exit codes: 0 pass, 99 a gate or the audit failed, 3 inconclusive, "
        "2 bad usage or plan, 1 anything else.",
    )
    parser.add_argument(
        "--version", action=PrintVersion, help="print the versions of what runs, in one line"
    )
    # Whether a command leaves nothing behind but what it prints.
    parser.set_defaults(only_output=False)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    init.add(commands.add_parser("init", help="ask your app and write a plan and a scenario"))
    probe.add(commands.add_parser("probe", help="play one student and show everything"))
    run.add(commands.add_parser("run", help="perform a plan and judge it"))
    capacity.add(
        commands.add_parser("capacity", help="search the largest load of a plan that passes")
    )
    sweep.add(commands.add_parser("sweep", help="perform a plan once a value and compare"))
    compare.add(
        commands.add_parser(
            "compare", help="put runs or repeats side by side; 99 when one is worse"
        )
    )
    noise.add(commands.add_parser("noise", help="measure how far one build's numbers differ"))
    gate.add(
        commands.add_parser("gate", help="rehearse base and head by turns; 99 when head is worse")
    )
    history.add(commands.add_parser("history", help="keep what runs came to, and show changes"))
    matrix.add(
        commands.add_parser("matrix", help="prove that every fault is found with every strategy")
    )
    checklist.add(
        commands.add_parser("checklist", help="write what speaks for going ahead and what against")
    )
    report.add(commands.add_parser("report", help="judge a run again from its files alone"))
    dashboards_check.add(
        add_dashboards(commands, make_console).add_parser(
            "check", help="say of every panel whether it has data of a run; 99 when one has none"
        )
    )
    worker.add(commands.add_parser("worker", help="play a share of a rush led elsewhere"))
    stage.add(commands.add_parser("stage", help="set a stage of containers that stays"))
    doctor.add(commands.add_parser("doctor", help="check this machine's limits against a plan"))
    plan.add(commands.add_parser("plan", help="check plans"))
    return parser
