"""`rehearse noise`: measures how far one build's numbers differ, and proposes margins."""

import argparse
from typing import Final

from dress_rehearsal.plans.files import kind_of
from dress_rehearsal.rehearsal.commands.options import (
    add_out,
    add_plan,
    add_roster,
    overriding,
    planned,
)
from dress_rehearsal.rehearsal.terminal.arguments import whole_number

_FEWEST: Final = 10
_MOST: Final = 1000


def add(noise: argparse.ArgumentParser) -> None:
    """Add its arguments to its parser."""
    add_plan(noise)
    noise.add_argument(
        "--runs",
        default=str(_FEWEST),
        metavar="N",
        help="how many times (%(default)s); none where PLAN is a folder of repeats",
    )
    add_out(noise)
    add_roster(noise)
    noise.set_defaults(command=_noise)


def _noise(options: argparse.Namespace) -> int:
    from dress_rehearsal.rehearsal.preflight.checks import check_usage
    from dress_rehearsal.rehearsal.series.noise import measure_noise, told
    from dress_rehearsal.reports.comparison import read_sides
    from dress_rehearsal.reports.errors import ComparisonRefusedError

    if kind_of(options.plan) == "a folder":
        sides = read_sides([options.plan])
        if len(sides) > 1 or len(sides[0].fingerprints) > 1:
            raise ComparisonRefusedError(
                "These are runs of several plans or machines: give a folder of repeats of one "
                "plan, made on one machine."
            )
        return told(sides[0], options.plan, len(sides[0].runs))
    runs = whole_number(options.runs, "--runs", _FEWEST, _MOST)
    plan = planned(options)
    check_usage(plan, options.out, options.roster, performed=True, repeated=True)
    plans = [planned(options, f"seed={seed}") for seed in range(plan.seed, plan.seed + runs)]
    overrides = [text for _, text in overriding(options)]
    return measure_noise(plans, options.out, options.roster, overrides=overrides)
