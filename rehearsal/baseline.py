"""The baseline of a rehearsal: told of before it begins, and held against it at its end."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from dress_rehearsal.plans import Plan
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.machine import environment
from dress_rehearsal.rehearsal.terminal.comparison import print_comparison
from dress_rehearsal.reports.comparison import compare, refuse_twice, side_of, write_comparison
from dress_rehearsal.reports.comparison.baseline import read_baseline, remarks_on, snapshot


class Baseline:
    """What a rehearsal is held against.

    Args:
        path: a run directory, or a folder of repeats.
        plan: the plan that is rehearsed.

    Raises:
        ComparisonRefusedError, PlanError, RecordError: nothing can be held against it.
    """

    def __init__(self, path: Path, plan: Plan) -> None:
        self._side = read_baseline(path, plan)
        self._plan = plan
        self.document: dict[str, Any] = snapshot(self._side)
        """`baseline.json` of every run that is rehearsed against it."""

    def remarks(self, runs: int) -> Iterator[str]:
        """Yield what will keep so many runs from being decided by it."""
        # Of containers the daemon is part of what a machine is known by, and not known yet.
        known = self._plan.target.stage != "docker"
        here = environment(sending=False)["fingerprint"] if known else None
        yield from remarks_on(self._side, self._plan, runs, here)

    def hold(self, console: Console, folder: Path, runs: Sequence[RunDirectory]) -> int:
        """Compare runs with it, write and print what comes of it, and return the exit code.

        Args:
            folder: gets the comparison.

        Raises:
            ComparisonRefusedError: a run is one of the baseline's own.
            RecordError: it cannot be written.
        """
        sides = [self._side, side_of(folder.name, runs)]
        refuse_twice(sides)
        comparison = compare(sides)
        write_comparison(folder, comparison)
        print_comparison(console, comparison, folder)
        return comparison.exit_code
