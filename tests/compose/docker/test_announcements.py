"""Processes of containers are announced by the pids that this machine has for them."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dress_rehearsal.compose.docker.announcements import Announcements


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    announced, targets = tmp_path / "announced", tmp_path / "targets"
    announced.mkdir()
    targets.mkdir()
    return announced, targets


@pytest.fixture
def container() -> Iterator[int]:
    """A process that stands for a container's first: it has the pid that it has here."""
    process = subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    try:
        yield process.pid
    finally:
        process.kill()
        process.communicate()


def announce(folder: Path, host: str, pid: int, job: str = "app") -> Path:
    path = folder / f"{job}-{host}-{pid}.json"
    labels = {"job": job, "pid": str(pid), "host": host}
    path.write_text(json.dumps([{"targets": ["172.18.0.5:9100"], "labels": labels}]))
    return path


def test_who_is_announced_is_found_in_its_container(
    folders: tuple[Path, Path], container: int
) -> None:
    announced, targets = folders
    announce(announced, "app-1", container)
    Announcements(announced, targets, lambda: [("app-1", container)]).look()
    [told] = json.loads((targets / f"app-{container}.json").read_text())
    assert told["targets"] == ["172.18.0.5:9100"]
    assert told["labels"]["pid"] == str(container)


def test_who_is_no_process_of_its_container_is_not_announced_yet(
    folders: tuple[Path, Path], container: int
) -> None:
    announced, targets = folders
    announce(announced, "app-1", os.getpid())
    announce(announced, "app-2", container)
    announcements = Announcements(announced, targets, lambda: [("app-1", container)])
    announcements.look()
    assert list(targets.glob("*.json")) == []
    announce(announced, "app-1", container)
    announcements.look()
    assert [path.name for path in targets.glob("*.json")] == [f"app-{container}.json"]


def test_who_has_gone_is_announced_no_more(folders: tuple[Path, Path], container: int) -> None:
    announced, targets = folders
    path = announce(announced, "app-1", container)
    announcements = Announcements(announced, targets, lambda: [("app-1", container)])
    announcements.look()
    path.unlink()
    announcements.look()
    assert list(targets.glob("*.json")) == []


def test_what_is_half_written_is_read_when_it_is_whole(
    folders: tuple[Path, Path], container: int
) -> None:
    announced, targets = folders
    path = announced / f"app-app-1-{container}.json"
    path.write_text('[{"targets": ["172')
    announcements = Announcements(announced, targets, lambda: [("app-1", container)])
    announcements.look()
    assert list(targets.glob("*.json")) == []
    announce(announced, "app-1", container)
    announcements.look()
    assert len(list(targets.glob("*.json"))) == 1
