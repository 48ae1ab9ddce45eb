"""A stage's folder is private, and says who is in it."""

import errno
import json
import os
import stat
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from dress_rehearsal.compose.clearing import sweep
from dress_rehearsal.compose.errors import StageUnusableError
from dress_rehearsal.compose.pids import ProcessId
from dress_rehearsal.compose.stage_folder import StageFolder
from tests.compose.recorded import on_record

Sleeper = Callable[..., "subprocess.Popen[bytes]"]

pytestmark = pytest.mark.usefixtures("temporary_folder")


def test_it_is_its_users_alone() -> None:
    folder = StageFolder.create()
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert stat.S_IMODE(folder.subfolder("redis").stat().st_mode) == 0o700
    folder.remove()
    assert not folder.path.exists()


def test_a_temporary_folder_that_cannot_be_written_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/proc/nowhere")
    with pytest.raises(
        StageUnusableError, match=r"/proc/nowhere.*set TMPDIR to a folder you can write"
    ):
        StageFolder.create()


def test_a_path_too_long_for_a_socket_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("d" * 90)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    with pytest.raises(StageUnusableError, match="set TMPDIR to a shorter path"):
        StageFolder.create()
    assert list(deep.iterdir()) == []


def test_the_record_says_who_is_in_it(
    sleeper: Sleeper, identify: Callable[[int], ProcessId]
) -> None:
    running = identify(sleeper().pid)
    folder = StageFolder.create()
    folder.record(on_record(running))
    document = json.loads((folder.path / "stage.json").read_text())
    assert document["owner"] == os.getpid()
    assert [one["pid"] for one in document["processes"]] == [running.pid]
    folder.forget(running.pid)
    assert json.loads((folder.path / "stage.json").read_text())["processes"] == []
    folder.remove()


def test_a_temporary_folder_that_is_not_there_is_not_silently_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "none"))
    for look in (StageFolder.create, sweep):
        with pytest.raises(StageUnusableError, match=r"TMPDIR is '.*none', and there is no such"):
            look()


@pytest.mark.parametrize("name", ["a,b", "a\nb", "a\x1bb", "a\udcffb"])
def test_a_name_that_postgresql_takes_for_two_is_a_sentence(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / name))
    (tmp_path / name).mkdir()
    with pytest.raises(StageUnusableError, match="a comma or a character that cannot be shown"):
        StageFolder.create()
    assert list((tmp_path / name).iterdir()) == []


def full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "stage.json")


def test_a_folder_that_is_full_is_a_sentence_that_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = StageFolder.create()
    monkeypatch.setattr(Path, "write_text", full)
    said = "No space left on device; no space is left there: free some, or set TMPDIR"
    with pytest.raises(StageUnusableError, match=said):
        folder.record(on_record(ProcessId(1, 1)))
    with pytest.raises(StageUnusableError, match=said), folder.living():
        full()


def test_a_process_that_has_ended_is_forgotten_though_nothing_can_be_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = StageFolder.create()
    monkeypatch.setattr(Path, "write_text", full)
    folder.forget(4711)
