"""A rehearsal whose terminal goes away, whose reader has seen enough, or that is put to sleep."""

import os
import pty
import signal
import subprocess
import sys
import time

import pytest

from tests.rehearsal.commands import QUICK, Command

pytestmark = [pytest.mark.rehearsal, pytest.mark.long]


@pytest.fixture
def start(tmp_path):
    """Start a quick rehearsal, through a line of bash where one is given, which calls `$@`."""
    started = []

    def start(*overrides, line=None, **how):
        settings = [word for text in (*QUICK, *overrides) for word in ("--set", text)]
        words = [sys.executable, "-m", "dress_rehearsal.rehearsal", "run", "smoke", *settings]
        words += ["--no-prometheus", "--out", str(tmp_path / "runs")]
        (tmp_path / "output.txt").touch()
        shell = [] if line is None else ["bash", "-c", line, "bash"]
        started.append(Command(subprocess.Popen([*shell, *words], **how), tmp_path / "runs"))
        return started[-1]

    yield start
    for command in started:
        if command.process.poll() is None:
            command.process.terminate()
            command.process.wait(60)
        if command.process.stdout is not None:
            command.process.stdout.close()


def test_a_reader_who_has_seen_enough_costs_nothing_and_nohup_keeps_it_going(start, tmp_path):
    line = 'trap "" HUP; "$@" 2>"$SAID" | head -1; exit ${PIPESTATUS[0]}'
    said = tmp_path / "said.txt"
    command = start(
        line=line,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "SAID": str(said)},
        process_group=0,
    )
    command.await_offset(0.5)
    os.killpg(command.process.pid, signal.SIGHUP)
    code = command.ended(100)
    assert command.process.stdout.read().count("\n") == 1
    assert command.verdict["verdict"] == "pass", command.verdict["reasons"]
    assert code == 0
    assert not any(event.kind == "abort" for event in command.run.timeline())
    (sentence,) = said.read_text().splitlines()
    assert "Broken pipe" in sentence
    command.await_nothing_left(5)


def test_a_terminal_that_is_closed_ends_it_as_ctrl_c_does(start):
    leader, follower = pty.openpty()
    command = start(
        "schedule.sale=60s",
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
        preexec_fn=lambda: os.close(os.open(os.ttyname(0), os.O_RDWR)),  # it becomes its terminal
    )
    os.close(follower)
    command.await_offset(0.5)
    os.close(leader)
    assert command.ended() == 3
    assert any(event.kind == "abort" for event in command.run.timeline())
    assert "interrupted" in " ".join(command.verdict["reasons"])
    census = command.verdict["census"]
    assert sum(n for state, n in census.items() if state != "students") == census["students"]
    command.await_nothing_left(5)


def test_a_second_ctrl_c_changes_nothing(start, tmp_path):
    with (tmp_path / "output.txt").open("w") as output:
        command = start("schedule.sale=60s", stdout=output, stderr=output)
    command.await_offset(0.5)
    command.process.send_signal(signal.SIGINT)
    time.sleep(0.7)
    command.process.send_signal(signal.SIGINT)
    assert command.ended() == 3, command.output()
    assert "Traceback" not in command.output()
    assert "interrupted" in " ".join(command.verdict["reasons"])
    command.await_nothing_left(5)


def test_put_to_sleep_and_woken_it_claims_nothing_that_it_did_not_see(start):
    """The stage and the students go on meanwhile; nobody looks at them.

    Ctrl-Z is SIGTSTP, which the kernel keeps from a process that no shell could wake.
    """
    command = start("schedule.sale=8s", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    command.await_offset(-0.5)
    command.process.send_signal(signal.SIGSTOP)
    time.sleep(4)
    command.process.send_signal(signal.SIGCONT)
    assert command.ended() == 3
    reasons = command.verdict["reasons"]
    assert any(reason.startswith("Nothing was heard of ") for reason in reasons), reasons
    command.await_nothing_left(5)
