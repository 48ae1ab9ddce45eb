"""The command line: `rehearse run | sweep | matrix | report | dashboards | doctor | plan`.

Commands import what they need when called: checking a plan should not wait for a plotting library.
"""

import argparse
import errno
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.markup import escape

from dress_rehearsal.compose import ServerUnfitError, StageError
from dress_rehearsal.dashboards.cli import add_commands as add_dashboards
from dress_rehearsal.dashboards.errors import DashboardsError, PushRefusedError
from dress_rehearsal.plans import Plan, PlanError, is_matrix, plan_schema, read_plan
from dress_rehearsal.plans.files import check_folder, kind_of, named
from dress_rehearsal.plans.notes import notes_on
from dress_rehearsal.plans.shown import shown_key
from dress_rehearsal.records import RecordError, RunDirectory
from dress_rehearsal.rehearsal.arguments import Parser, PrintVersion, whole_number
from dress_rehearsal.rehearsal.console import make_console
from dress_rehearsal.rehearsal.errors import RehearsalError
from dress_rehearsal.rehearsal.signals import interruptible
from dress_rehearsal.rehearsal.streams import Outlet, bound_patience, guarded_streams
from dress_rehearsal.reports.errors import ReportError
from dress_rehearsal.reports.words import counted

USAGE: Final = 2
BROKEN: Final = 1

_READERS_PATIENCE_S: Final = 2.0
"""How long a rehearsal waits for whoever reads what it says, a terminal that was stopped included.
"""
_MOST_REPEATS: Final = 1000
_MOST_LANES: Final = 16


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
        if options.command not in _ONLY_OUTPUT:
            bound_patience(_READERS_PATIENCE_S)
        code = _carry_out(options)
        return _shown(output, code, only_output=options.command in _ONLY_OUTPUT)


def _carry_out(options: argparse.Namespace) -> int:
    errors = make_console(stderr=True)
    try:
        with interruptible():
            code: int = options.command(options)
    except (PlanError, ReportError, PushRefusedError, ServerUnfitError) as error:
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


def _run(options: argparse.Namespace) -> int:
    from dress_rehearsal.rehearsal.run import rehearse
    from dress_rehearsal.rehearsal.screen import Screen, print_verdict
    from dress_rehearsal.rehearsal.slack import notify

    plan = _plan(options)
    overrides = [text for _, text in _overriding(options)]
    repeats = whole_number(options.repeat, "--repeat", 1, _MOST_REPEATS)
    if repeats > 1:
        from dress_rehearsal.rehearsal.preflight import check_usage
        from dress_rehearsal.rehearsal.repeat import repeat

        seeds = range(plan.seed, plan.seed + repeats)
        plans = [_plan(options, f"seed={seed}") for seed in seeds]
        check_usage(plan, options.out, options.roster, performed=True)
        return repeat(
            plans,
            options.out,
            options.roster,
            prometheus=options.prometheus,
            overrides=overrides,
        )
    screen = Screen(make_console())
    verdict = rehearse(
        plan,
        options.out,
        screen,
        options.roster,
        prometheus=options.prometheus,
        overrides=overrides,
    )
    try:
        print_verdict(screen.console, verdict, options.out / verdict.run)
        trouble = notify(plan, verdict)
        if trouble is not None:
            screen.console.print(escape(trouble), style="red")
    except KeyboardInterrupt:  # the rehearsal is over, and so is its verdict
        screen.console.print("Interrupted: the verdict stands; see its report.")
    return verdict.exit_code


def _matrix(options: argparse.Namespace) -> int:
    from dress_rehearsal.rehearsal.matrix.read import check_cells, read_checked

    lanes = whole_number(options.lanes, "--lanes", 1, _MOST_LANES)
    seed = None
    if options.seed is not None:
        seed = whole_number(options.seed, "--seed", 0, 2**63 - 1)
    matrix = read_checked(options.matrix)
    cells = matrix.chosen(options.only, options.strategies, seed)
    check_cells(cells, options.out)
    from dress_rehearsal.rehearsal.matrix.run import MatrixRun
    from dress_rehearsal.rehearsal.matrix.screen import Grid, print_results

    console = make_console()
    grid = Grid(console, cells)
    run = MatrixRun(matrix.name, cells, options.out, lanes)
    run.make_folder()
    try:
        run.carry_out(grid)
    finally:  # what was judged is shown, even where the rest could not be
        print_results(console, grid, run.judgements, run.folder, len(cells))
    return run.exit_code


def _sweep(options: argparse.Namespace) -> int:
    from dress_rehearsal.rehearsal.preflight import check_usage
    from dress_rehearsal.rehearsal.series import Planned
    from dress_rehearsal.rehearsal.sweep import check_given_once, label_of, sweep, values_of

    key, values = values_of(options.over)
    check_given_once(key, _overriding(options))
    given = [text for _, text in _overriding(options)]
    plans = [
        Planned(label_of(key, value), _plan(options, own), [*given, own])
        for value in values
        for own in [f"{key}={value}"]
    ]
    for planned in plans:
        check_usage(planned.plan, options.out, options.roster, performed=True)
    return sweep(plans, options.out, options.table, options.figure, options.roster)


def _report(options: argparse.Namespace) -> int:
    from dress_rehearsal.rehearsal.screen import print_verdict
    from dress_rehearsal.reports.report import write_report

    run = _opened(options.run)
    verdict = write_report(run)
    print_verdict(make_console(), verdict, options.run)
    return verdict.exit_code


def _check_dashboards(options: argparse.Namespace) -> int:
    from dress_rehearsal.rehearsal.dashboards_check import check_dashboards

    return check_dashboards(_opened(options.run), make_console())


def _doctor(options: argparse.Namespace) -> int:
    from dress_rehearsal.rehearsal.doctor import checkup, others, print_findings

    plan = _plan(options)
    bystanders = others(plan)
    check_folder(options.out, "--out")
    findings = [*checkup(plan, options.out), *([] if bystanders is None else [bystanders])]
    print_findings(findings, make_console())
    return BROKEN if any(finding.status == "fail" for finding in findings) else 0


def _plan_check(options: argparse.Namespace) -> int:
    if is_matrix(options.plan):
        from dress_rehearsal.rehearsal.matrix.read import check_cells, read_checked

        for option, _ in _overriding(options):
            raise PlanError(
                f"{option}: {named(options.plan)} is a matrix, which takes no such option; change "
                f"its `base` or the `set` of a row."
            )
        cells = list(read_checked(options.plan).cells())
        check_cells(cells, options.out)
        said = f"A matrix of {counted(len(cells), 'cell')}."
        print(f"{named(options.plan)}: fine. {said}")  # noqa: T201
        return 0
    from dress_rehearsal.rehearsal.preflight import check_usage

    plan = _plan(options)
    check_usage(plan, options.out, options.roster)
    print(  # noqa: T201
        f"{named(options.plan)}: fine. {counted(plan.event.students, 'student')}, "
        f"{counted(plan.event.tickets, 'ticket')}, {counted(len(plan.gates), 'gate')}."
    )
    for note in notes_on(plan):
        print(note)  # noqa: T201
    return 0


def _plan_schema(options: argparse.Namespace) -> int:  # noqa: ARG001
    json.dump(plan_schema(), sys.stdout, indent=2)
    print()  # noqa: T201
    return 0


def _overriding(options: argparse.Namespace) -> list[tuple[str, str]]:
    """Return every option that overrides the plan, as a sentence names it, and what it sets."""
    given = [
        (f"--set {shown_key(text.partition('=')[0].split('.'))}", text) for text in options.set
    ]
    if options.students is not None:
        given.append(("--students", f"event.students={options.students}"))
    if options.seed is not None:
        given.append(("--seed", f"seed={options.seed}"))
    return given


def _plan(options: argparse.Namespace, *more: str) -> Plan:
    from dress_rehearsal.rehearsal.preflight import check_plan_usable

    overrides = [text for _, text in _overriding(options)]
    plan = read_plan(options.plan, [*overrides, *more])
    check_plan_usable(plan)
    return plan


def _opened(path: Path) -> RunDirectory:
    if kind_of(path) != "a folder":
        raise PlanError(
            f"{named(path)} is not a run directory: it is {kind_of(path) or 'not there'}; give a "
            f"folder that `rehearse run` made."
        )
    return RunDirectory.open(path)


_ONLY_OUTPUT: Final = (_check_dashboards, _doctor, _plan_check, _plan_schema)
"""Commands that leave nothing behind but what they print."""


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
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _run_command(commands.add_parser("run", help="perform a plan and judge it"))
    _sweep_command(commands.add_parser("sweep", help="perform a plan once a value and compare"))
    _matrix_command(
        commands.add_parser("matrix", help="prove that every fault is found with every strategy")
    )

    report = commands.add_parser("report", help="judge a run again from its files alone")
    report.add_argument("run", type=Path, metavar="RUN", help="a run directory")
    report.set_defaults(command=_report)

    dashboards = add_dashboards(commands, make_console).add_parser(
        "check", help="say of every panel whether it has data of a run; 99 when one has none"
    )
    dashboards.add_argument("run", type=Path, metavar="RUN", help="a run with Prometheus' data")
    dashboards.set_defaults(command=_check_dashboards)

    doctor = commands.add_parser("doctor", help="check this machine's limits against a plan")
    _plan_arguments(doctor, default=Path("festival"))
    _out_argument(doctor)
    doctor.set_defaults(command=_doctor)

    plan = commands.add_parser("plan", help="check plans").add_subparsers(
        required=True, metavar="COMMAND"
    )
    check = plan.add_parser("check", help="say what is wrong with a plan, all at once")
    _plan_arguments(check)
    _out_argument(check)
    _roster_argument(check)
    check.set_defaults(command=_plan_check)
    schema = plan.add_parser("schema", help="print the JSON Schema of plans, for editors")
    schema.set_defaults(command=_plan_schema)
    return parser


def _run_command(run: argparse.ArgumentParser) -> None:
    _plan_arguments(run)
    _out_argument(run)
    _roster_argument(run)
    run.add_argument(
        "--repeat",
        default="1",
        metavar="N",
        help="perform it N times, a fresh stage each and seeds counted up (%(default)s)",
    )
    run.add_argument(
        "--prometheus",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="run Prometheus beside it, or do not (default: where it is on the PATH)",
    )
    run.set_defaults(command=_run)


def _sweep_command(sweep: argparse.ArgumentParser) -> None:
    _plan_arguments(sweep)
    sweep.add_argument(
        "--over",
        required=True,
        metavar="SECTION.KEY[=A,B,...]",
        help="the key that differs, such as app.allocation, and its values (default: all it has)",
    )
    sweep.add_argument("--table", type=Path, metavar="FILE", help="write the table as Markdown")
    sweep.add_argument("--figure", type=Path, metavar="FILE", help="draw the comparison as SVG")
    _out_argument(sweep)
    _roster_argument(sweep)
    sweep.set_defaults(command=_sweep)


def _matrix_command(matrix: argparse.ArgumentParser) -> None:
    matrix.add_argument(
        "matrix", type=Path, metavar="MATRIX", help="a TOML file, such as plans/matrix.toml"
    )
    for option, metavar, what in (
        ("--only", "FAULT,...", "only these faults (none: the healthy cells)"),
        ("--strategies", "NAME,...", "only these strategies"),
    ):
        matrix.add_argument(option, type=_names, default=(), metavar=metavar, help=what)
    matrix.add_argument("--seed", metavar="N", help="seed of everything drawn")
    matrix.add_argument(
        "--lanes",
        default="2",
        metavar="N",
        help="how many cells at a time, each on a stage of its own (%(default)s)",
    )
    _out_argument(matrix)
    matrix.set_defaults(command=_matrix)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _out_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--out", type=Path, default=Path("runs"), help="folder for run directories (%(default)s)"
    )


def _roster_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--roster", type=Path, help="CSV student,pin,enrolled of an external target's people"
    )


def _plan_arguments(parser: argparse.ArgumentParser, default: Path | None = None) -> None:
    parser.add_argument(
        "plan",
        type=Path,
        metavar="PLAN",
        nargs="?" if default else None,
        default=default,
        help="a TOML file, or a bundled plan: festival, smoke",
    )
    parser.add_argument("--students", metavar="N", help="how many students act")
    parser.add_argument("--seed", metavar="N", help="seed of everything drawn")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="SECTION.KEY=VALUE",
        help="override one value of the plan, such as app.workers=4; may be repeated",
    )
