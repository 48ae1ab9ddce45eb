"""`rehearse gate`: rehearses base and head of a repository by turns, and says if head is worse."""

import argparse
from pathlib import Path
from typing import Final

from dress_rehearsal.rehearsal.commands.options import (
    add_out,
    add_plan,
    add_roster,
    overriding,
    planned,
)
from dress_rehearsal.rehearsal.terminal.arguments import whole_number

_FEWEST: Final = 5
_MOST: Final = 1000


def add(gate: argparse.ArgumentParser) -> None:
    """Add its arguments to its parser."""
    gate.description = (
        "Rehearse two versions of the app in one git repository by turns, on this machine, and "
        "compare them: base (--base) and head (your folder as it is). Exit codes: 0 head is no "
        "worse, 99 worse, 3 not decided, 2 bad usage or plan, 1 anything else."
    )
    add_plan(gate)
    gate.add_argument(
        "--base",
        required=True,
        metavar="REF",
        help="the older version to compare with: a branch, a tag or a commit of the repository you "
        "are in; head is what stands in your folder now",
    )
    gate.add_argument(
        "--repeat",
        default=str(_FEWEST),
        metavar="N",
        help="how often each version is rehearsed, at least 5 times (%(default)s)",
    )
    gate.add_argument(
        "--install",
        metavar="COMMAND",
        help="a command to run first in the checkout of each version, such as 'npm ci'; it is not "
        "run by a shell, so put several commands into a script",
    )
    add_out(gate)
    add_roster(gate)
    gate.set_defaults(command=_gate)


def _gate(options: argparse.Namespace) -> int:
    from dress_rehearsal.rehearsal.series.checkouts import Checkouts
    from dress_rehearsal.rehearsal.series.gate import gate

    repeats = whole_number(options.repeat, "--repeat", _FEWEST, _MOST)
    plan = planned(options)
    checkouts = Checkouts(Path.cwd(), options.base)
    return gate(
        [planned(options, f"seed={seed}") for seed in range(plan.seed, plan.seed + repeats)],
        options.out,
        checkouts,
        install=options.install,
        roster=options.roster,
        overrides=[text for _, text in overriding(options)],
    )
