"""Searches for the capacity that stand beside a run: the last of its plan says its headroom."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from pydantic import ValidationError

from dress_rehearsal.plans import PlanError
from dress_rehearsal.plans.files import is_file, kind_of, named, read_bytes
from dress_rehearsal.records import RecordError, RunDirectory
from dress_rehearsal.reports.alike import rehearsed_alike, scenario_digest
from dress_rehearsal.reports.capacity.pages import FILE
from dress_rehearsal.reports.capacity.schema import Capacity
from dress_rehearsal.reports.history.entry import LABEL
from dress_rehearsal.reports.page.headroom import FILE as HEADROOM
from dress_rehearsal.reports.page.headroom import Searched

_MOST_BYTES: Final = 16 * 2**20
_MOST_SEARCHES: Final = 20
_BUILDS: Final = (LABEL, "git_commit")


def read_capacity(folder: Path) -> Capacity | None:
    """Return what a search came to whose runs are in a folder; None where it is none's.

    Raises:
        PlanError: its numbers cannot be read.
    """
    path = folder / FILE
    if not is_file(path):
        return None
    try:
        return Capacity.model_validate_json(read_bytes(path, "The capacity", _MOST_BYTES))
    except (ValidationError, ValueError, RecursionError) as error:
        raise PlanError(
            f"{named(path)} cannot be read, or is of another version: what that search came to is "
            f"left out, and its runs count as single ones, also those of loads beyond the plan's."
        ) from error


def keep_headroom(run: RunDirectory) -> None:
    """Write `headroom.json` into a run of whose plan a search on this machine stands beside it.

    The last such search counts. Where there is none, what the run has is left as it is.

    Raises:
        RunDirectoryUnusableError: it cannot be written.
    """
    for folder in _searches(run):
        try:
            searched = _searched(run, folder)
        except (PlanError, RecordError):  # a search that cannot be read says nothing of this run
            continue
        if searched is not None:
            run.write_text(HEADROOM, searched.text())
            return


def _searches(run: RunDirectory) -> Iterator[Path]:
    """Yield the folders of searches beside a run, or beside its series, the last one first."""
    own = run.path.absolute().parent
    found = (
        folder
        for place in (own, own.parent)
        for folder in place.glob("*-capacity")
        if folder != own and kind_of(folder) == "a folder"
    )
    yield from sorted(found, key=lambda folder: folder.name, reverse=True)[:_MOST_SEARCHES]


def _searched(run: RunDirectory, folder: Path) -> Searched | None:
    """Return what a search says of a run; None where it is of another plan or machine."""
    capacity = read_capacity(folder)
    if capacity is None:
        return None
    first = next((each for each in capacity.tries if each.people == capacity.own.people), None)
    if first is None:
        return None
    tried = RunDirectory.open(folder / first.run)
    here, there = run.environment(), tried.environment()
    alike = (
        here.get("fingerprint") == there.get("fingerprint")
        and rehearsed_alike(run.plan(), tried.plan())
        and scenario_digest(run) == scenario_digest(tried)
    )
    if not alike:
        return None
    builds = (_build(here), _build(there))
    return Searched(
        search=folder.name,
        page=quote(os.path.relpath(folder / "capacity.html", run.path.absolute())),
        says=(capacity.sentence, *(each.says for each in capacity.headroom)),
        builds=builds if builds[0] != builds[1] else None,
    )


def _build(environment: dict[str, Any]) -> str:
    return next((str(environment[key]) for key in _BUILDS if environment.get(key)), "unknown")
