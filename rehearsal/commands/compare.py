"""`rehearse compare`: puts runs, or folders of repeats, beside each other."""

import argparse
from pathlib import Path

from dress_rehearsal.rehearsal.terminal.console import make_console


def add(compare: argparse.ArgumentParser) -> None:
    """Add its arguments to its parser."""
    compare.add_argument(
        "sides",
        type=Path,
        nargs="+",
        metavar="RUN",
        help="a run directory, or a folder of repeats; the first is what the others are held "
        "against",
    )
    compare.add_argument(
        "--out", type=Path, help="folder for the comparison (default: a new one beside the runs)"
    )
    compare.add_argument(
        "--anyway",
        action="store_true",
        help="compare runs of different machines too, which decides nothing; of one machine whose "
        "speed changed, decide all the same",
    )
    compare.set_defaults(command=_compare)


def _compare(options: argparse.Namespace) -> int:
    from dress_rehearsal.rehearsal.terminal.comparison import print_comparison
    from dress_rehearsal.reports.comparison import (
        beside,
        check_comparable,
        compare,
        read_sides,
        write_comparison,
    )

    sides = read_sides(options.sides)
    check_comparable(sides, anyway=options.anyway)
    comparison = compare(sides, anyway=options.anyway)
    folder = options.out or beside(options.sides[0])
    write_comparison(folder, comparison)
    print_comparison(make_console(), comparison, folder)
    return comparison.exit_code
