"""Output that fails costs no verdict and changes no exit code; what is lost is said once."""

import os
import pickle
import pty
import signal
import subprocess
import sys
import time

import pytest

from dress_rehearsal.rehearsal.cli import main
from dress_rehearsal.reports.evidence import read_evidence
from dress_rehearsal.reports.verdict import judge
from tests.reports.synthetic_run import build_run

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("output")]

FAILED = 99
LOST = "so not everything was shown."
LOADING = (b"site", b"Fatal Python error: init_")
"""What is said where the interpreter itself is loading yet, before a line of ours is read."""
WRITTEN = ("verdict.json", "summary.md", "junit.xml", "report.html")

AS_IT_IS = "-m dress_rehearsal.rehearsal"
READING = """
import sys, time
from dress_rehearsal.reports import evidence
def read_evidence(run):
    print("reading", flush=True)
    time.sleep(300)
evidence.read_evidence = read_evidence
from dress_rehearsal.rehearsal.__main__ import main
sys.exit(main())
"""
"""The command with a run that takes long to read."""
SHOWING = """
import pickle, sys, types
known = types.ModuleType("dress_rehearsal.reports.report")
known.write_report = lambda run, *_: pickle.loads((run.path / "verdict.pickle").read_bytes())
sys.modules[known.__name__] = known
from dress_rehearsal.rehearsal.__main__ import main
sys.exit(main())
"""
"""The command with a verdict that is known: what it shows is its own, what it judges takes long."""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run that failed, with a plan whose words need more than ASCII, and how it was judged."""
    run = build_run(tmp_path_factory.mktemp("run"), students=60, tickets=20, oversell=2)
    (run.path / "verdict.pickle").write_bytes(pickle.dumps(judge(read_evidence(run))))
    return run


@pytest.fixture
def unjudged(run):
    """The same run without its report."""
    for name in WRITTEN:
        (run.path / name).unlink(missing_ok=True)
    return run


@pytest.fixture(scope="module")
def showing(tmp_path_factory):
    """What Python runs instead of the whole command where only its output is in question."""
    path = tmp_path_factory.mktemp("program") / "showing.py"
    path.write_text(SHOWING)
    return str(path)


def shell(line, *words, program=AS_IT_IS, **variables):
    """Run a line of bash in which `rehearse` is the command and `$@` are the words."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONUTF8"}
    return subprocess.run(
        ["bash", "-c", f'rehearse() {{ "$PYTHON" {program} "$@"; }}; {line}']
        + ["bash", *map(str, words)],
        env={**environment, "PYTHON": sys.executable, **variables},
        capture_output=True,
        check=False,
        timeout=100,
    )


def check_complaint(done, complaint):
    assert done.returncode == FAILED, done.stderr
    said = done.stderr.decode()
    assert said.count("\n") == (1 if complaint else 0), said
    assert complaint in said


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        pytest.param('rehearse report "$1" > /dev/full', LOST, id="a full disk"),
        pytest.param('rehearse report "$1" >&- 2>&- <&-', "", id="everything closed"),
    ],
)
def test_the_verdict_stands_and_is_written_whatever_becomes_of_the_output(
    unjudged, line, complaint
):
    check_complaint(shell(line, unjudged.path), complaint)
    assert all((unjudged.path / name).is_file() for name in WRITTEN)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        pytest.param('rehearse report "$1" >&-', LOST, id="closed"),
        pytest.param('rehearse report "$1" | true; exit ${PIPESTATUS[0]}', LOST, id="no reader"),
        pytest.param('rehearse report "$1" 2> /dev/full', "", id="errors on a full disk"),
    ],
)
def test_an_exit_code_is_the_verdict_s_whatever_becomes_of_the_output(
    run, showing, line, complaint
):
    check_complaint(shell(line, run.path, program=showing), complaint)


C_LOCALE = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}


@pytest.mark.parametrize(
    "variables",
    [
        pytest.param({"PYTHONIOENCODING": "ascii"}, id="ASCII"),
        pytest.param({"PYTHONIOENCODING": "latin-1"}, id="Latin-1"),
        pytest.param({"COLUMNS": "²", "LINES": "many", "FORCE_COLOR": "1"}, id="no size"),
    ],
)
def test_any_encoding_and_terminal_will_do(run, showing, variables):
    check_shown(shell('rehearse report "$1"', run.path, program=showing, **variables), variables)


def test_files_are_written_in_their_own_encoding_whatever_the_terminal_s(unjudged):
    check_shown(shell('rehearse report "$1"', unjudged.path, **C_LOCALE), C_LOCALE)
    for name in WRITTEN:
        assert (unjudged.path / name).read_text("utf-8")


def check_shown(done, variables):
    assert (done.returncode, done.stderr) == (FAILED, b"")
    text = done.stdout.decode(variables.get("PYTHONIOENCODING", "utf-8"))
    assert "FAIL" in text
    assert len(max(text.splitlines(), key=len)) > 80, "sentences are whole where nobody draws"


@pytest.mark.parametrize(
    ("line", "code", "complaint"),
    [
        pytest.param("rehearse plan schema > /dev/full", 1, LOST, id="a schema, a full disk"),
        pytest.param("rehearse plan check smoke > /dev/full", 1, LOST, id="a check, a full disk"),
        pytest.param("rehearse --help > /dev/full", 1, LOST, id="help, a full disk"),
        pytest.param("rehearse --version >&-", 1, LOST, id="a version, closed"),
        pytest.param("rehearse plan schema | true; exit ${PIPESTATUS[0]}", 0, "", id="no reader"),
        pytest.param("rehearse plan check none > /dev/full", 2, "none", id="another reason first"),
    ],
)
def test_a_command_that_only_prints_fails_on_a_full_disk_but_not_without_a_reader(
    line, code, complaint
):
    done = shell(line)
    assert done.returncode == code
    assert complaint in done.stderr.decode()
    assert b"Traceback" not in done.stderr


def test_the_version_is_one_line_however_narrow_the_terminal():
    done = shell("rehearse --version", COLUMNS="20")
    assert done.returncode == 0
    (line,) = done.stdout.decode().splitlines()
    assert line.startswith("dress-rehearsal ")
    assert sys.version.split()[0] in line


def test_without_a_command_there_is_usage():
    done = shell("rehearse")
    assert done.returncode == 2
    assert b"usage: rehearse" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["\x1b]0;owned\x07"],
        ["plan", "check", "\x1b]0;owned\x07.toml"],
        ["plan", "check", "smoke", "--set", "a\x9b31m=\x1b[1m"],
        ["sweep", "smoke", "--over", "app.\x1b[1mworkers"],
        ["run", "smoke", "--repeat", "\u202e3"],
    ],
)
def test_what_the_user_typed_is_not_obeyed(words, capfdbinary):
    assert main(words) == 2
    check_shown_not_obeyed(b"".join(capfdbinary.readouterr()), words)


def test_nor_are_bytes_that_are_no_text():
    words = ["plan", "check", "/no/\udcff\udc80/\x1b[1m/plan.toml"]
    done = shell('rehearse "$@"', *words)
    assert done.returncode == 2
    check_shown_not_obeyed(done.stdout + done.stderr, words)


def check_shown_not_obeyed(output, words):
    shown = output.decode()
    assert shown
    assert [one for one in shown if ord(one) < 32 and one != "\n"] == []
    assert not set(shown) & set("\x7f\x9b\u202e")
    assert ("\\" in shown) == ("check" in words and "smoke" not in words), "paths are shown"


def test_a_defect_is_told_whole_but_what_it_quotes_is_not_obeyed():
    code = (
        "import dress_rehearsal.rehearsal.cli as cli, dress_rehearsal.rehearsal.__main__ as ours\n"
        "def broken(options): raise ValueError(chr(27) + ']0;owned' + chr(7))\n"
        "cli._carry_out = broken\n"
        "ours.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "plan", "schema"], capture_output=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert rb"ValueError: \x1b]0;owned\x07" in done.stderr
    assert b"\x1b" not in done.stderr


def test_a_terminal_that_goes_away_changes_no_exit_code(run, showing):
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, showing, "report", str(run.path)],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,  # so that it loses a screen, and is not told to end
    )
    os.close(follower)
    os.close(leader)
    assert process.wait(60) == FAILED


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("after_s", [0.05, 0.2, 0.4, 0.8])
def test_ctrl_c_at_any_moment_prints_no_traceback(after_s, times):
    process = subprocess.Popen(
        [sys.executable, *AS_IT_IS.split(), "doctor", "smoke"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    time.sleep(after_s)
    for _ in range(times):
        process.send_signal(signal.SIGINT)
        time.sleep(0.01)
    _, said = process.communicate(timeout=60)
    if not any(word in said for word in LOADING):
        assert b"Traceback" not in said
        assert process.returncode in (0, 1, -signal.SIGINT)


def test_ctrl_c_ends_a_report_while_its_run_is_read(run):
    process = subprocess.Popen(
        [sys.executable, "-c", READING, "report", str(run.path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"reading\n"
    process.send_signal(signal.SIGINT)
    try:
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait(60)
    assert said == b"Interrupted before there was anything to report.\n"
    assert process.returncode == 1
