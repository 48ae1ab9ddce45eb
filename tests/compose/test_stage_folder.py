"""A stage's folder is private, says who is in it, and is swept when nobody is left to."""

import errno
import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dress_rehearsal.compose.clearing import clear, sweep
from dress_rehearsal.compose.errors import StageUnusableError
from dress_rehearsal.compose.pids import ProcessId
from dress_rehearsal.compose.stage_folder import StageFolder
from dress_rehearsal.compose.stage_record import RecordedProcess

Sleeper = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture(autouse=True)
def temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def on_record(running: ProcessId, name: str = "app", ends_itself_s: float = 0.0) -> RecordedProcess:
    return RecordedProcess(name, running.pid, running.started, ("SIGTERM",), ends_itself_s, 2.0)


def left_behind(*recorded: RecordedProcess) -> Path:
    """Make a folder as a conductor leaves it that was killed together with its guardian."""
    folder = StageFolder.create()
    for one in recorded:
        folder.record(one)
    os.close(folder.lock)
    return folder.path


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


def test_the_next_run_clears_what_a_killed_one_left(
    sleeper: Sleeper, identify: Callable[[int], ProcessId]
) -> None:
    process = sleeper()
    path = left_behind(on_record(identify(process.pid)))
    (path / "roster.csv").write_text("student,pin,enrolled\n")
    assert sweep() == [path]
    assert process.wait() == -signal.SIGTERM
    assert not path.exists()
    assert sweep() == []


def test_a_recycled_pid_on_record_is_left_alone(
    sleeper: Sleeper, identify: Callable[[int], ProcessId]
) -> None:
    innocent = sleeper()
    now = identify(innocent.pid)
    path = left_behind(on_record(ProcessId(now.pid, now.started - 1)))
    assert sweep() == [path]
    assert innocent.poll() is None


def test_a_run_that_is_under_way_is_left_alone(
    sleeper: Sleeper, identify: Callable[[int], ProcessId]
) -> None:
    process = sleeper()
    folder = StageFolder.create()
    folder.record(on_record(identify(process.pid)))
    assert sweep() == []
    assert process.poll() is None
    assert folder.path.is_dir()
    folder.remove()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to somebody else")
def test_what_somebody_else_wrote_is_never_believed(
    sleeper: Sleeper, identify: Callable[[int], ProcessId]
) -> None:
    victim = sleeper()
    path = left_behind(on_record(identify(victim.pid)))
    os.chown(path, 65534, 65534)
    assert sweep() == []
    os.chown(path, 0, 0)
    path.chmod(0o777)
    assert sweep() == []
    path.chmod(0o700)
    (path / "stage.json").chmod(0o666)
    assert sweep() == []
    assert victim.poll() is None


def test_a_record_cut_short_still_lets_the_folder_go() -> None:
    path = left_behind()
    (path / "stage.json").write_text('{"processes": [')
    assert sweep() == [path]
    assert not path.exists()


def test_a_folder_without_a_record_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "dr-abcdef").mkdir()
    assert sweep() == []
    assert (tmp_path / "dr-abcdef").is_dir()


def test_what_was_started_last_is_stopped_first(
    sleeper: Sleeper, identify: Callable[[int], ProcessId], tmp_path: Path
) -> None:
    first, last = identify(sleeper().pid), identify(sleeper().pid)
    stopped = []

    class Noting:
        def __init__(self, pid: int, started: int) -> None:
            self.running = ProcessId(pid, started)

        def signal(self, number: signal.Signals) -> None:
            stopped.append(self.running)
            self.running.signal(number)

        def wait(self, timeout_s: float) -> bool:
            return self.running.wait(timeout_s)

    path = left_behind(on_record(first, "postgres"), on_record(last, "app"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dress_rehearsal.compose.clearing.ProcessId", Noting)
        clear(path)
    assert stopped == [last, first]


def test_one_that_may_end_by_itself_is_not_asked_while_it_does(
    identify: Callable[[int], ProcessId],
) -> None:
    code = "import sys; sys.stdin.read(); sys.exit(5)"
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE)
    path = left_behind(on_record(identify(process.pid), "generator", ends_itself_s=30.0))
    assert process.stdin is not None
    process.stdin.close()  # what the generator notices when its conductor dies
    started = time.monotonic()
    clear(path)
    assert process.wait() == 5
    assert time.monotonic() - started < 10


def test_one_that_a_fault_had_stopped_ends_as_gently_as_any(
    identify: Callable[[int], ProcessId],
) -> None:
    ends_well = "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))"
    folder = StageFolder.create()
    process = subprocess.Popen(
        [sys.executable, "-c", f"{ends_well}; print(flush=True); signal.pause()"],
        env={**os.environ, **folder.marker},
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.readline()
    folder.record(on_record(identify(process.pid)))
    process.send_signal(signal.SIGSTOP)
    os.close(folder.lock)
    clear(folder.path)
    assert process.wait() == 7
    process.stdout.close()


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
