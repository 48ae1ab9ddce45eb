"""The heat map has a square for every cell and says what it found in words too."""

from typing import get_args
from xml.etree import ElementTree as ET

import pytest

from dress_rehearsal.plans import STRATEGIES
from dress_rehearsal.plans.sections.fault_kinds import FAULTS
from dress_rehearsal.plans.strategies import Allocation
from dress_rehearsal.reports.figures.heat_map import MatrixCell, draw_heat_map
from dress_rehearsal.reports.figures.palette import BLUE, GREEN, ORANGE, VERMILLION

SVG = "{http://www.w3.org/2000/svg}"


def squares(svg, colour):
    return svg.file.count(f"fill: {colour}")


def whole():
    healthy = [MatrixCell(strategy, "none", "clean") for strategy in get_args(Allocation)]
    return healthy + [
        MatrixCell(strategy, fault, "caught")
        for strategy in get_args(Allocation)
        for fault in FAULTS
    ]


def title_of(svg):
    return ET.fromstring(svg.file).find(f"{SVG}title").text


@pytest.mark.slow
def test_the_whole_matrix_fits_and_each_cell_has_a_square():
    svg = draw_heat_map(whole())
    count, caught = len(STRATEGIES), len(STRATEGIES) * len(FAULTS)
    assert squares(svg, BLUE) == caught + 1  # and one in the legend
    assert squares(svg, GREEN) == count + 1
    assert squares(svg, VERMILLION) == 0
    assert title_of(svg) == (
        f"All {count + caught} cells came out as expected: {caught} faults "
        f"caught, nobody accused in {count} healthy cells"
    )


@pytest.mark.slow
def test_what_differs_is_named():
    cells = [*whole(), MatrixCell("naive", "elsewhere", "differs")]
    svg = draw_heat_map(cells)
    assert squares(svg, VERMILLION) == 2
    assert title_of(svg) == f"1 of {len(cells)} cells came out differently: naive with elsewhere"
    assert "Differs: naive × elsewhere." in svg.file


def test_one_or_several_are_said_in_right_words():
    naive = MatrixCell("naive", "none", "caught")
    assert title_of(draw_heat_map([naive])) == (
        "The one cell came out as expected: naive caught without one"
    )
    clean = MatrixCell("row_lock", "none", "clean")
    assert title_of(draw_heat_map([naive, clean])) == (
        "All 2 cells came out as expected: naive caught without one, nobody accused in 1 healthy "
        "cell"
    )
    wrong = [MatrixCell(name, "none", "differs") for name in ("optimistic", "row_lock")]
    assert title_of(draw_heat_map([naive, *wrong])) == (
        "2 of 3 cells came out differently, such as optimistic without a fault"
    )


def test_what_was_undecided_on_a_busy_machine_is_not_called_clean():
    cells = [MatrixCell("row_lock", "none", "clean"), MatrixCell("optimistic", "none", "undecided")]
    svg = draw_heat_map(cells)
    assert squares(svg, ORANGE) == 2  # and one in the legend
    assert title_of(svg) == (
        "All 2 cells came out as expected: nobody accused in 1 healthy cell, 1 undecided on a busy "
        "machine"
    )


def test_an_unfinished_or_an_empty_matrix_says_so():
    cells = [MatrixCell("naive", "leak", "caught"), MatrixCell("naive", "none", "running")]
    assert title_of(draw_heat_map(cells)) == "1 of 2 cells finished, all as expected"
    assert title_of(draw_heat_map([cells[1]])) == "Not one of 1 cell was finished"
    assert title_of(draw_heat_map([])) == "No cell of the matrix was rehearsed"


@pytest.mark.slow
def test_it_is_the_same_on_every_repetition():
    assert draw_heat_map(whole()) == draw_heat_map(whole())
