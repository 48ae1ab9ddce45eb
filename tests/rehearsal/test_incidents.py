"""A disk that runs full under a stage is an incident, whoever keeps the stores' data on it."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dress_rehearsal.plans import Plan
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.timeline import OUT_OF_SPACE
from dress_rehearsal.rehearsal import incidents as module
from dress_rehearsal.rehearsal.incidents import Incidents

PLENTY = 2**30


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return RunDirectory.create(tmp_path, Plan(name="full-disk"))


def noted(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch, *, folder: int, root: int | None
) -> list[str]:
    """What is told of a stage whose folder, and whose Docker's folder, have so many bytes left."""
    left: dict[Path, int] = {Path("/stage"): folder}
    stage: Any = SimpleNamespace(
        roster_path=Path("/stage/roster.csv"),
        data_root=None if root is None else Path("/docker"),
        lost=list,
        alerts=list,
    )
    if root is not None and root >= 0:
        left[Path("/docker")] = root

    def bytes_left(path: Path) -> int:
        if path not in left:
            raise FileNotFoundError(path)
        return left[path]

    monkeypatch.setattr(module, "bytes_left", bytes_left)
    told: list[str] = []
    screen: Any = SimpleNamespace(note=told.append)
    collector: Any = SimpleNamespace(by_label=lambda *_: {})
    found = Incidents(run, stage, screen, None)
    found.note(collector)
    found.note(collector)
    stamped = [e.detail["reason"] for e in run.timeline() if e.name == OUT_OF_SPACE]
    assert stamped == told, "once, on the timeline and on the screen"
    return told


def test_a_full_disk_of_dockers_is_told_with_what_to_do(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    (said,) = noted(run, monkeypatch, folder=PLENTY, root=0)
    assert said.startswith("The disk of /docker, where Docker keeps what the stores write, is full")
    assert "`docker system df`" in said


def test_a_full_temporary_folder_is_told_first(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    (said,) = noted(run, monkeypatch, folder=0, root=0)
    assert said.startswith("The temporary folder / is full")


@pytest.mark.parametrize("root", [None, PLENTY, -1], ids=["none", "room", "not to be seen here"])
def test_what_is_not_full_is_no_incident(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch, root: int | None
) -> None:
    assert noted(run, monkeypatch, folder=PLENTY, root=root) == []
