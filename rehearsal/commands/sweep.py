"""`rehearse sweep`: performs a plan once a value of a key, or of several, and compares."""

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
        action="append",
        metavar="SECTION.KEY[=A,B,...]",
        help="the key that differs, such as app.allocation, and its values (default: all it has); "
        "given again, each value of the one with each of the other",
    )
    sweep.add_argument("--table", type=Path, metavar="FILE", help="write the table as Markdown")
    sweep.add_argument("--figure", type=Path, metavar="FILE", help="draw the comparison as SVG")
    add_out(sweep)
    add_roster(sweep)
    sweep.set_defaults(command=_sweep)


def _sweep(options: argparse.Namespace) -> int:
    from dress_rehearsal.rehearsal.preflight.checks import check_usage
    from dress_rehearsal.rehearsal.series.performances import Planned
    from dress_rehearsal.rehearsal.series.sweep import (
        check_given_once,
        combinations,
        label_of,
        sweep,
        values_of,
    )

    swept = [values_of(over) for over in options.over]
    for number, (key, _) in enumerate(swept):
        others = [("--over", f"{other}=") for other, _ in swept[number + 1 :]]
        check_given_once(key, [*overriding(options), *others])
    given = [text for _, text in overriding(options)]
    plans = []
    for chosen in combinations(swept):
        own = [f"{key}={value}" for key, value in chosen]
        label = ", ".join(label_of(key, value) for key, value in chosen)
        plans.append(Planned(label, planned(options, *own), [*given, *own]))
    for each in plans:
        check_usage(each.plan, options.out, options.roster, performed=True, repeated=len(plans) > 1)
    keys = [key for key, _ in swept]
    return sweep(plans, options.out, options.table, options.figure, options.roster, over=keys)
