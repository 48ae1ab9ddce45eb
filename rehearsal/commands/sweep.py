"""`rehearse sweep`: performs a plan once a value of one key, and compares."""

import argparse
from pathlib import Path

from dress_rehearsal.rehearsal.commands.options import (
    add_out,
    add_plan,
    add_roster,
    overriding,
    planned,
)


def add(sweep: argparse.ArgumentParser) -> None:
    """Add its arguments to its parser."""
    add_plan(sweep)
    sweep.add_argument(
        "--over",
        required=True,
        metavar="SECTION.KEY[=A,B,...]",
        help="the key that differs, such as app.allocation, and its values (default: all it has)",
    )
    sweep.add_argument("--table", type=Path, metavar="FILE", help="write the table as Markdown")
    sweep.add_argument("--figure", type=Path, metavar="FILE", help="draw the comparison as SVG")
    add_out(sweep)
    add_roster(sweep)
    sweep.set_defaults(command=_sweep)


def _sweep(options: argparse.Namespace) -> int:
    from dress_rehearsal.rehearsal.preflight.checks import check_usage
    from dress_rehearsal.rehearsal.series.performances import Planned
    from dress_rehearsal.rehearsal.series.sweep import check_given_once, label_of, sweep, values_of

    key, values = values_of(options.over)
    check_given_once(key, overriding(options))
    given = [text for _, text in overriding(options)]
    plans = [
        Planned(label_of(key, value), planned(options, own), [*given, own])
        for value in values
        for own in [f"{key}={value}"]
    ]
    for each in plans:
        check_usage(each.plan, options.out, options.roster, performed=True, repeated=len(plans) > 1)
    return sweep(plans, options.out, options.table, options.figure, options.roster)
