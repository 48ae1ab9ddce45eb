"""A comparison on a terminal: nothing runs past its edge, and a pipe gets tables."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from dress_rehearsal.rehearsal.terminal.comparison import print_comparison
from dress_rehearsal.reports.comparison import compare
from tests.reports.comparison.conftest import P99, run_of, side_of  # noqa: F401 - fixtures
from tests.reports.conftest import evidence_of, verdict_of  # noqa: F401 - fixtures

QUIET = [100.0, 101.0, 102.0, 103.0, 104.0]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(file: io.StringIO, sides, width: int) -> list[str]:
    console = Console(file=file, width=width, color_system=None, soft_wrap=not file.isatty())
    print_comparison(console, compare(sides), Path("told"))
    return [line.rstrip() for line in file.getvalue().splitlines()]


@pytest.mark.parametrize("width", [80, 120])
def test_on_a_terminal_that_a_table_does_not_fit_its_rows_are_lines(side_of, width):  # noqa: F811
    lines = shown(Terminal(), [side_of("old", QUIET), side_of("new", QUIET)], width)
    assert max(map(len, lines)) <= width
    assert not [line for line in lines if line.startswith("|")]
    told = " ".join(" ".join(lines).split())
    assert "old: 5 runs, begun nobody knows when, by Dress Rehearsal" in told
    assert f"{P99} base: 102 ms (100 ms to 104 ms); here: 102 ms (100 ms to 104 ms); " in told
    assert "held: no worse (< 10% and < 20 ms)" in told
    assert "No number that is held became worse by more than its margin." in told


@pytest.mark.parametrize(("file", "width"), [(io.StringIO, 80), (Terminal, 600)])
def test_a_pipe_and_a_wide_terminal_get_the_tables(side_of, file, width):  # noqa: F811
    lines = shown(file(), [side_of("old", QUIET), side_of("new", QUIET)], width)
    assert "| number | base | here | difference | 95% interval | held |" in lines
    assert len([line for line in lines if line.startswith(("| old ", "| new "))]) == 2
