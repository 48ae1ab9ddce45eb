"""A run's targets file: what any Prometheus of the machine has to scrape, while the run goes."""

import json
import os
from pathlib import Path

import pytest

from dress_rehearsal.records.collectors.scrape import Target
from dress_rehearsal.records.errors import RunDirectoryUnusableError
from dress_rehearsal.records.targets_file import TargetsFile


def test_targets_are_announced_with_their_run_while_inside(tmp_path: Path) -> None:
    targets_file = TargetsFile(tmp_path, "run-1", 4000)
    with targets_file:
        (harness,) = json.loads(targets_file.path.read_text())
        targets_file.write([Target("app:101", "127.0.0.1", 9001)])
        groups = json.loads(targets_file.path.read_text())
    assert harness["targets"] == ["127.0.0.1:4000"]
    assert (harness["labels"]["run"], harness["labels"]["job"]) == ("run-1", "harness")
    assert groups == [
        harness,
        {
            "targets": ["127.0.0.1:9001"],
            "labels": {"run": "run-1", "job": "app", "pid": "101"},
        },
    ]
    assert list((tmp_path / "targets").iterdir()) == []


def test_what_a_killed_conductor_left_is_withdrawn(tmp_path: Path) -> None:
    folder = tmp_path / "targets"
    folder.mkdir()
    for name, pid in (("dead", 4_000_000), ("alive", os.getpid())):
        group = {"targets": ["127.0.0.1:1"], "labels": {"job": "harness", "pid": str(pid)}}
        (folder / f"{name}.json").write_text(json.dumps([group]))
    (folder / "strange.json").write_text('{"not": "ours"}')
    with TargetsFile(tmp_path, "run-1", 4000):
        left = sorted(file.name for file in folder.iterdir())
    assert left == ["alive.json", "run-1.json", "strange.json"]


def test_what_cannot_be_withdrawn_is_left_to_whoever_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "targets").mkdir()
    group = {"targets": ["127.0.0.1:1"], "labels": {"job": "harness", "pid": "4000000"}}
    left = tmp_path / "targets" / "theirs.json"
    left.write_text(json.dumps([group]))
    real = Path.unlink

    def refused(path: Path, missing_ok: bool = False) -> None:
        if path.name == left.name:
            raise PermissionError(1, "Operation not permitted")
        real(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refused)
    with TargetsFile(tmp_path, "run-1", 4000) as targets_file:
        assert targets_file.path.is_file()


def test_where_it_cannot_be_written_a_sentence_says_so(tmp_path: Path) -> None:
    (tmp_path / "targets").write_text("a file")
    with (
        pytest.raises(RunDirectoryUnusableError, match=r"targets.* cannot be written"),
        TargetsFile(tmp_path, "run-1", 4000),
    ):
        pass
