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
    add_plan(gate)
    gate.add_argument(
        "--base",
        required=True,
        metavar="REF",
        help="what head is held against: a branch, a tag or a commit of this folder's repository",
    )
    gate.add_argument(
        "--repeat",
        default=str(_FEWEST),
        metavar="N",
        help="how many rehearsals of each, 5 at least (%(default)s)",
    )
    gate.add_argument(
        "--install",
        metavar="COMMAND",
        help="run in each checkout first, such as 'npm ci'; no shell, so put several into a script",
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
