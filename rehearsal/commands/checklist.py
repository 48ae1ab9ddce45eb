"""`rehearse checklist`: writes what speaks for going ahead and what against it, by several runs."""

import argparse
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from rich.markup import escape

from dress_rehearsal.plans import PlanError
from dress_rehearsal.plans.files import check_folder, is_file, kind_of, named
from dress_rehearsal.records import RecordError, RunDirectory
from dress_rehearsal.rehearsal.terminal.arguments import whole_number
from dress_rehearsal.rehearsal.terminal.console import make_console

if TYPE_CHECKING:
    from rich.console import Console

    from dress_rehearsal.reports.capacity.schema import Capacity

_DEEPEST: Final = 2
"""So many folders deep runs are looked for; the folder of a series stands anywhere among them, and
below it as many again: a search's runs, or base and head of a gate and theirs."""
_MOST_RUNS: Final = 1000
_MOST_PEOPLE: Final = 10_000_000


def add(checklist: argparse.ArgumentParser) -> None:
    """Add its arguments to its parser."""
    checklist.add_argument(
        "runs",
        type=Path,
        nargs="+",
        metavar="RUN",
        help="a run directory, or a folder of them: of repeats, of a search for the capacity",
    )
    checklist.add_argument(
        "--expect", metavar="N", help="how many people will come (default: what the plans say)"
    )
    checklist.add_argument(
        "--out", type=Path, default=Path(), help="folder for the checklist (the current one)"
    )
    checklist.set_defaults(command=_checklist)


def _checklist(options: argparse.Namespace) -> int:
    from dress_rehearsal.rehearsal.terminal.screen import near
    from dress_rehearsal.reports.checklist.checklist import checklist_of
    from dress_rehearsal.reports.checklist.pages import write_checklist
    from dress_rehearsal.reports.checklist.rehearsed import Rehearsed, read_rehearsed

    check_folder(options.out, "--out")
    expected = None
    if options.expect is not None:
        expected = whole_number(options.expect, "--expect", 1, _MOST_PEOPLE)
    console = make_console()
    runs: dict[Path, Rehearsed] = {}
    capacities: dict[Path, Capacity] = {}
    for path, capacity in _found(options.runs, console):
        if path in runs:
            continue
        own = None if capacity is None else capacity.own.people
        if capacity is not None:
            capacities[path.parent] = capacity
        try:
            href = _address(path, options.out)
            runs[path] = read_rehearsed(RunDirectory.open(path), href, own=own)
        except RecordError as error:
            console.print(f"{named(path)} is left out: {error}", style="red", markup=False)
    if not runs:
        raise PlanError("None of the runs can be read, so there is nothing to write.")
    checklist = checklist_of(
        list(runs.values()), list(capacities.values()), datetime.now(UTC), expected
    )
    write_checklist(options.out, checklist)
    for side, sentences in (
        ("For", checklist.speaks_for),
        ("Against", checklist.speaks_against),
    ):
        console.print(f"[bold]{side}[/]")
        for sentence in sentences or ("Nothing that was rehearsed.",):
            console.print(f"  {escape(sentence)}")
    page = escape(near(options.out / "checklist.html"))
    console.print(f"Checklist, to be decided on by people: {page}", soft_wrap=True)
    return 0


def _found(paths: list[Path], console: "Console") -> Iterator[tuple[Path, "Capacity | None"]]:
    """Yield every run directory below the given ones, and what the search came to that it is of;
    one whose numbers cannot be read is named, and its runs are single ones.

    Raises:
        PlanError: there is none, or there are too many.
    """
    from dress_rehearsal.reports.capacity.beside import read_capacity

    number = 0
    known: dict[Path, Capacity | None] = {}
    for given in paths:
        below = list(_runs_in(given.absolute(), _DEEPEST, in_series=False))
        if not below:
            raise PlanError(
                f"{named(given)} is {kind_of(given) or 'not there'}, and there is no run in it: "
                f"give a folder that `rehearse run` or `rehearse capacity` made."
            )
        number += len(below)
        if number > _MOST_RUNS:
            raise PlanError(f"That are more than {_MOST_RUNS:,} runs: name fewer folders.")
        for path in below:
            if path.parent not in known:
                try:
                    known[path.parent] = read_capacity(path.parent)
                except PlanError as error:
                    console.print(str(error), style="red", markup=False)
                    known[path.parent] = None
            yield path, known[path.parent]


def _runs_in(path: Path, depth: int, *, in_series: bool) -> Iterator[Path]:
    from dress_rehearsal.reports.checklist.rehearsed import is_series

    if is_file(path / "plan.toml"):
        yield path
        return
    begins = not in_series and is_series(path)
    left = _DEEPEST if begins else depth
    if left and kind_of(path) == "a folder":
        for each in sorted(path.iterdir()):
            if kind_of(each) == "a folder":
                yield from _runs_in(each, left - 1, in_series=in_series or begins)


def _address(run: Path, out: Path) -> str:
    """Return the address of a run's report from the folder that the checklist is written to."""
    return quote(os.path.relpath(run / "report.html", out.absolute()))
