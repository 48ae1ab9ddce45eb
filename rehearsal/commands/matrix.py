"""`rehearse matrix`: proves that every fault is found with every strategy."""

import argparse
from pathlib import Path
from typing import Final

from dress_rehearsal.rehearsal.commands.options import add_out
from dress_rehearsal.rehearsal.terminal.arguments import whole_number
from dress_rehearsal.rehearsal.terminal.console import make_console

_MOST_LANES: Final = 16


def add(matrix: argparse.ArgumentParser) -> None:
    """Add its arguments to its parser."""
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
    matrix.add_argument(
        "--again",
        action="store_true",
        help="carry out a cell that differs once more, alone: that counts, and both are kept",
    )
    add_out(matrix)
    matrix.set_defaults(command=_matrix)


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
    run = MatrixRun(matrix.name, cells, options.out, lanes, again=options.again)
    run.make_folder()
    console.print(run.time_told, markup=False)
    try:
        run.carry_out(grid)
    finally:  # what was judged is shown, even where the rest could not be
        print_results(console, grid, run.judgements, run.folder, len(cells))
    return run.exit_code


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
