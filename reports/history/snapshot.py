"""`history.json` of a run: the runs before it of its plan and machine, so that its files alone say
how its numbers stand beside theirs."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

from pydantic import Field, ValidationError

from dress_rehearsal.plans import PlanError
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.errors import RunDirectoryUnusableError
from dress_rehearsal.records.files import is_there, reason, regular
from dress_rehearsal.reports.history.entry import Entry
from dress_rehearsal.reports.history.folder import read_history, remember
from dress_rehearsal.reports.history.series import same_series
from dress_rehearsal.reports.part import Part

FILE: Final = "history.json"
MOST: Final = 100
"""Runs of a series that are kept with a run."""


class Snapshot(Part):
    """The whole of `history.json`: the runs of a series, the oldest first, itself among them."""

    schema_version: Literal[1] = Field(default=1, alias="schema")
    runs: tuple[Entry, ...]


def keep(run: RunDirectory, entry: Entry, folder: Path) -> list[str]:
    """Put a run into a history folder, and what it is to be compared with beside the run.

    Returns:
        A sentence for whatever could not be done; the run's report is made all the same.
    """
    told: list[str] = []
    try:
        remember(folder, entry)
        entries, told = read_history(folder)
    except (RunDirectoryUnusableError, PlanError) as error:
        told.append(str(error))
        entries = []
    _write(run, same_series(entries, entry, MOST))
    return told


def read_snapshot(run: RunDirectory) -> tuple[list[Entry], str | None]:
    """Return the runs that a run was put beside, none where it was not, and what is wrong with the
    file."""
    path = run.path / FILE
    if not is_there(path):
        return [], None
    try:
        return list(Snapshot.model_validate_json(regular(path).read_bytes()).runs), None
    except OSError as error:
        return [], f"{FILE} cannot be read ({reason(error)}); it is left out."
    except ValidationError:
        return [], f"{FILE} is damaged, or another version wrote it; it is left out."


def _write(run: RunDirectory, entries: Sequence[Entry]) -> None:
    document = Snapshot(runs=tuple(entries)).model_dump(mode="json", by_alias=True)
    run.write_text(FILE, json.dumps(document, indent=1, ensure_ascii=False) + "\n")
