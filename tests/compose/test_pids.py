"""A process is known by pid and start time: a recycled pid is nobody we know."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from dress_rehearsal.compose.pids import MARKER, ProcessId, kill_remnants, started_at

Sleeper = Callable[..., "subprocess.Popen[bytes]"]


def recycled(running: ProcessId) -> ProcessId:
    """What a record of an earlier process with the same pid looks like."""
    return ProcessId(running.pid, running.started - 1)


def test_a_recycled_pid_is_not_alive_and_never_signalled(
    sleeper: Sleeper, identify: Callable[[int], ProcessId]
) -> None:
    innocent = sleeper()
    earlier = recycled(identify(innocent.pid))
    assert not earlier.alive
    earlier.signal(signal.SIGKILL)
    earlier.kill_tree()
    assert earlier.wait(0.0)
    assert earlier.wait(5.0), "waiting for the earlier process must not wait for the innocent one"
    assert innocent.poll() is None


def test_the_very_process_is_signalled_and_waited_for(
    sleeper: Sleeper, identify: Callable[[int], ProcessId]
) -> None:
    process = sleeper()
    running = identify(process.pid)
    assert not running.wait(0.01)
    running.signal(signal.SIGTERM)
    assert running.wait(5.0)
    assert not running.alive
    running.signal(signal.SIGTERM)  # to nobody
    assert process.wait() == -signal.SIGTERM


def test_a_zombie_counts_as_ended(sleeper: Sleeper, identify: Callable[[int], ProcessId]) -> None:
    process = sleeper()
    running = identify(process.pid)
    process.send_signal(signal.SIGKILL)
    assert running.wait(5.0)
    assert os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT) is not None
    assert started_at(process.pid) is None
    assert ProcessId.of(process.pid) is None


def test_a_tree_is_killed_to_its_leaves(identify: Callable[[int], ProcessId]) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", "import subprocess; subprocess.run(['sleep', '300'])"],
    )
    tree = identify(parent.pid)
    while not (leaves := tree.descendants()):
        assert parent.poll() is None
    tree.kill_tree()
    assert all(leaf.wait(5.0) for leaf in leaves)
    parent.wait()


def test_remnants_are_found_by_what_they_carry_even_without_a_parent(
    tmp_path: Path, sleeper: Sleeper, identify: Callable[[int], ProcessId]
) -> None:
    other_stage = sleeper(env={MARKER: f"{tmp_path}x"})
    unmarked = sleeper()
    script = "import subprocess as s; print(s.Popen(['sleep', '300'], stdout=s.DEVNULL).pid)"
    parent = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, MARKER: str(tmp_path)},
        stdout=subprocess.PIPE,
        check=True,
    )
    orphan = identify(int(parent.stdout))
    assert kill_remnants(tmp_path) == 1
    assert not orphan.alive
    assert other_stage.poll() is None
    assert unmarked.poll() is None
