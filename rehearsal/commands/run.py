"""`rehearse run`: performs a plan and judges it."""

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from rich.markup import escape

from dress_rehearsal.plans import Plan
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.rehearsal.commands.locustfile import add_load
from dress_rehearsal.rehearsal.commands.options import (
    add_baseline,
    add_history,
    add_out,
    add_plan,
    add_roster,
    kept_as,
    overriding,
    planned,
)
from dress_rehearsal.rehearsal.terminal.arguments import whole_number
from dress_rehearsal.rehearsal.terminal.console import make_console

if TYPE_CHECKING:
    from dress_rehearsal.rehearsal.baseline import Baseline

_MOST_REPEATS: Final = 1000


def add(run: argparse.ArgumentParser) -> None:
    """Add its arguments to its parser."""
    add_plan(run)
    add_out(run)
    add_roster(run)
    add_baseline(run)
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
    add_history(run)
    add_load(run)
    run.add_argument(
        "--dry-run",
        action="store_true",
        help="say what would be started, sent and read, and send nothing",
    )
    run.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> int:
    from dress_rehearsal.rehearsal.capacity.ahead import search_ahead
    from dress_rehearsal.rehearsal.run import rehearse
    from dress_rehearsal.rehearsal.signals import uninterruptible
    from dress_rehearsal.rehearsal.slack import notify
    from dress_rehearsal.rehearsal.terminal.screen import Screen, print_verdict

    plan = planned(options)
    overrides = [text for _, text in overriding(options)]
    repeats = whole_number(options.repeat, "--repeat", 1, _MOST_REPEATS)
    baseline = _baseline(plan, options, repeats)
    if options.dry_run:
        return _dry_run(plan, options, repeats)
    ahead = search_ahead(lambda more: planned(options, *more), options.out, options.roster)
    kept = replace(kept_as(options), ahead=ahead)
    if repeats > 1:
        from dress_rehearsal.rehearsal.preflight.checks import check_usage
        from dress_rehearsal.rehearsal.series.repeat import repeat

        seeds = range(plan.seed, plan.seed + repeats)
        plans = [planned(options, f"seed={seed}") for seed in seeds]
        check_usage(plan, options.out, options.roster, performed=True, repeated=True)
        return repeat(
            plans,
            options.out,
            options.roster,
            prometheus=options.prometheus,
            overrides=overrides,
            baseline=baseline,
            kept=kept,
        )
    screen = Screen(make_console())
    verdict = rehearse(
        plan,
        options.out,
        screen,
        options.roster,
        prometheus=options.prometheus,
        overrides=overrides,
        baseline=None if baseline is None else baseline.document,
        kept=kept,
    )
    with uninterruptible():  # the rehearsal is over, and its verdict stands
        print_verdict(screen.console, verdict, options.out / verdict.run)
        trouble = notify(plan, verdict)
        if trouble is not None:
            screen.console.print(escape(trouble), style="red")
        if baseline is None:
            return verdict.exit_code
        run = RunDirectory.open(options.out / verdict.run)
        return max(verdict.exit_code, baseline.hold(screen.console, run.path, [run]))  # 99, 3, 0


def _baseline(plan: Plan, options: argparse.Namespace, repeats: int) -> "Baseline | None":
    """Return what the plan is held against, having said what will keep that from deciding it."""
    if options.baseline is None:
        return None
    from dress_rehearsal.rehearsal.baseline import Baseline

    baseline = Baseline(options.baseline, plan)
    for remark in baseline.remarks(repeats):
        make_console().print(escape(remark))
    return baseline


def _dry_run(plan: Plan, options: argparse.Namespace, repeats: int) -> int:
    from dress_rehearsal.rehearsal.preflight.checks import check_usage, notes_before
    from dress_rehearsal.rehearsal.preflight.dry_run import dry_run
    from dress_rehearsal.rehearsal.series.bound import SeriesTime
    from dress_rehearsal.rehearsal.terminal.sheet import Sheet

    people = check_usage(plan, options.out, options.roster, performed=True, repeated=repeats > 1)
    sheet = Sheet(make_console())
    for line in dry_run(plan, people):
        sheet.line(line)
    for note in notes_before(plan):
        sheet.line(note)
    if repeats > 1:
        told = SeriesTime.of([plan] * repeats).told()
        sheet.line(f"All of it {repeats} times, with seeds counted up: {told}")
    return 0
