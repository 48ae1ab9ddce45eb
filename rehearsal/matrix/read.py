"""The matrix's file: read with every name in it checked, before the first cell starts."""

from collections.abc import Sequence
from pathlib import Path

from dress_rehearsal.plans import Cell, Matrix, PlanInvalidError, read_matrix
from dress_rehearsal.rehearsal.preflight.checks import check_usage
from dress_rehearsal.reports.errors import MetricUnknownError
from dress_rehearsal.reports.findings import check_finding_names
from dress_rehearsal.reports.metrics import check_metric_names


def read_checked(source: Path) -> Matrix:
    """Return a matrix of which every finding and every gate names something that there is.

    Raises:
        PlanError: it cannot be used; the message says why.
    """
    matrix = read_matrix(source)
    cells = list(matrix.cells())
    check_finding_names(cells)
    problems: dict[str, str] = {}  # a gate of the base is one of every cell: said once
    for cell in cells:
        for problem in _gate_problems(cell):
            problems.setdefault(problem, f"cell {cell.name}: {problem}")
    if problems:
        raise PlanInvalidError(list(problems.values()))
    return matrix


def check_cells(cells: Sequence[Cell], runs: Path) -> None:
    """Check that this machine can hold the largest cell, and that a folder can be made for all.

    Raises:
        PlanError: it cannot, or none can; nothing was made.
    """
    check_usage(max((cell.plan for cell in cells), key=lambda plan: plan.event.students), runs)


def _gate_problems(cell: Cell) -> tuple[str, ...]:
    try:
        check_metric_names(cell.plan)
    except MetricUnknownError as error:
        return error.problems
    return ()
