"""`rehearse noise`: measures how far runs of one build are apart here, and proposes margins."""

import argparse
from pathlib import Path
from typing import Final

from rich.markup import escape

from dress_rehearsal.plans.files import kind_of
from dress_rehearsal.rehearsal.commands.options import (
    add_out,
    add_plan,
    add_roster,
    overriding,
    planned,
)
from dress_rehearsal.rehearsal.terminal.arguments import whole_number
from dress_rehearsal.rehearsal.terminal.console import make_console

_UNDECIDED: Final = 3
_MOST_RUNS: Final = 1000


def add(noise: argparse.ArgumentParser) -> None:
    """Add its arguments to its parser."""
    add_plan(noise)
    add_out(noise)
    add_roster(noise)
    noise.add_argument(
        "--runs",
        default="20",
        metavar="N",
        help="how many runs are made (%(default)s); none where PLAN is a folder of repeats",
    )
    noise.set_defaults(command=_noise)


def _noise(options: argparse.Namespace) -> int:
    from dress_rehearsal.reports.comparison import read_sides
    from dress_rehearsal.reports.comparison.noise import (
        FEWEST_RUNS,
        noise_markdown,
        noise_of,
        write_noise,
    )
    from dress_rehearsal.reports.errors import ComparisonRefusedError

    runs = whole_number(options.runs, "--runs", FEWEST_RUNS, _MOST_RUNS)
    there = kind_of(options.plan) == "a folder"
    folder = options.plan if there else _performed(options, runs)
    sides = read_sides([folder])
    if len(sides) > 1 or len(sides[0].fingerprints) > 1:
        raise ComparisonRefusedError(
            "These are runs of several plans or machines: give a folder of repeats of one plan, "
            "made on one machine."
        )
    found = list(noise_of(sides[0]))
    console = make_console()
    if not found:
        console.print(
            f"Nothing is proposed: it takes {FEWEST_RUNS} runs that count, which cut short or "
            f"disturbed ones do not, and {len(sides[0].runs)} are there.",
            style="yellow",
        )
        return _UNDECIDED
    write_noise(folder, found)
    console.print(noise_markdown(folder.name, found), markup=False, soft_wrap=True)
    console.print(f"Kept in {escape(str(folder))}: noise.md, noise.json", soft_wrap=True)
    return 0


def _performed(options: argparse.Namespace, runs: int) -> Path:
    """Perform a plan so often, and return the folder of its runs."""
    from dress_rehearsal.rehearsal.preflight.checks import check_usage
    from dress_rehearsal.rehearsal.series.performances import perform_series
    from dress_rehearsal.rehearsal.series.repeat import make_folder, planned_with_seeds

    first = planned(options)
    plans = [planned(options, f"seed={seed}") for seed in range(first.seed, first.seed + runs)]
    check_usage(first, options.out, options.roster, performed=True, repeated=True)
    folder = make_folder(options.out, first.name, runs)
    overrides = [text for _, text in overriding(options)]
    series = planned_with_seeds(plans, overrides)
    perform_series(series, folder, make_console(), options.roster, prometheus=False)
    return folder
