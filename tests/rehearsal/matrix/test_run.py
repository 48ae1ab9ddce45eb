"""The matrix run: every fault is found where it can occur, and nobody is accused without one.

The quick subset of the bundled matrix; `rehearse matrix plans/matrix.toml` runs all of it.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dress_rehearsal.records import RunDirectory

MATRIX = Path("plans/matrix.toml")
WRONG = """
# The fault is made to happen exactly as in the bundled one, what is expected is not what it does.
[[rows]]
fault = "early_open"
at = "T-2s"
strategies = ["atomic_update"]
expect = ["lost.app"]
set.schedule.lead = "2s"
set.students = { click_offset = "0ms", click_spread = "800ms" }
"""


def matrix(*arguments, environment=os.environ):
    """Run a matrix; never under coverage, for students and app keep no time when slowed so much."""
    kept = {name: value for name, value in environment.items() if "COVERAGE" not in name}
    return subprocess.run(
        [sys.executable, "-m", "dress_rehearsal.rehearsal", "matrix", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=kept,
    )


def written(out):
    (folder,) = out.iterdir()
    return folder, json.loads((folder / "matrix.json").read_text())


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """A sound strategy without and with a fault, and the one that is wrong by itself."""
    out = tmp_path_factory.mktemp("quick") / "runs"
    chosen = ["--only", "none,early_open", "--strategies", "atomic_update,naive"]
    return matrix(MATRIX, *chosen, "--out", out), out


@pytest.mark.xdist_group("quick matrix")
def test_every_cell_is_as_expected(quick):
    done, out = quick
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 of 3 cells, all as expected." in done.stdout
    _, document = written(out)
    found = {(cell["strategy"], cell["fault"]): cell for cell in document["cells"]}
    assert found["atomic_update", "none"]["unexpected"] == []
    assert "audit.sold_early" in found["atomic_update", "early_open"]["found"]
    assert "audit.oversold" in found["naive", "none"]["found"]
    assert not any(cell["differs"] for cell in document["cells"])


@pytest.mark.xdist_group("quick matrix")
def test_every_cell_keeps_its_run_without_a_page(quick):
    _, out = quick
    folder, document = written(out)
    for cell in document["cells"]:
        run = RunDirectory.open(folder / cell["run"])
        assert json.loads((run.path / "verdict.json").read_text())["run"] == run.id
        assert not (run.path / "report.html").exists()
        assert (run.logs / "app.jsonl").stat().st_size > 0
        assert sum(f.stat().st_size for f in run.path.rglob("*") if f.is_file()) < 2_000_000
        if cell["fault"] == "early_open":
            (on, off) = [event for event in run.timeline() if event.kind == "fault"]
            assert (on.detail["on"], off.detail["on"]) == (True, False)
            assert on.detail["at_s"] == pytest.approx(-2, abs=0.25)


@pytest.mark.xdist_group("quick matrix")
def test_the_picture_is_drawn(quick):
    _, out = quick
    folder, _ = written(out)
    picture = (folder / "matrix.svg").read_text()
    assert (
        "All 3 cells came out as expected: 1 fault caught, naive caught without one, nobody "
        "accused in 1 healthy cell"
    ) in picture


def test_a_cell_that_differs_is_told_and_keeps_its_report(tmp_path):
    """What is expected here is not what happens: a miss and a false alarm."""
    base = MATRIX.read_text().split("# --- nothing is made")[0]
    (tmp_path / "wrong.toml").write_text(base + WRONG)
    done = matrix(tmp_path / "wrong.toml", "--out", tmp_path / "runs", "--lanes", "1")
    assert done.returncode == 99, done.stdout + done.stderr
    assert "1 of 1 cell, 1 differs." in done.stdout
    assert "atomic_update × early_open: lost.app was not found" in done.stdout
    assert "audit.sold_early was found though nothing should cause it" in done.stdout
    folder, document = written(tmp_path / "runs")
    (cell,) = document["cells"]
    assert cell["missing"] == ["lost.app"]
    assert "audit.sold_early" in cell["unexpected"]
    assert (folder / cell["run"] / "report.html").is_file()
    assert "came out differently" in (folder / "matrix.svg").read_text()


def test_a_cell_that_cannot_be_carried_out_differs_with_its_sentence(tmp_path):
    """The stage cannot be set where there is no room for its socket's name."""
    home = tmp_path / ("far" * 30)
    home.mkdir()
    chosen = ["--only", "none", "--strategies", "row_lock", "--out", tmp_path / "runs"]
    done = matrix(MATRIX, *chosen, environment={**os.environ, "TMPDIR": str(home)})
    assert done.returncode == 99
    assert "row_lock × none: The stage has nowhere to live" in done.stdout
    _, document = written(tmp_path / "runs")
    assert "The stage has nowhere to live" in document["cells"][0]["error"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere.toml"], "There is no plan nowhere.toml"),
        (["smoke"], "rows is missing"),
        ([MATRIX, "--only", "earthquake"], "has no fault earthquake"),
        ([MATRIX, "--strategies", "clever"], "has no strategy clever"),
        ([MATRIX, "--only", "unique_off", "--strategies", "naive"], "has no cell of those faults"),
    ],
)
def test_a_wrong_call_is_a_sentence(arguments, sentence, tmp_path):
    done = matrix(*arguments, "--out", tmp_path / "runs")
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "runs").exists()


def test_ctrl_c_leaves_nothing_but_what_was_judged(rehearse):
    command = rehearse(command=["matrix", MATRIX, "--only", "none", "--strategies", "row_lock"])
    command.await_process("-m dress_rehearsal.target_app")
    command.await_process("-m dress_rehearsal.scenarios")
    command.process.send_signal(signal.SIGINT)
    assert command.ended(60) == 1, command.output()
    assert "Not one of 1 cell was judged: it ended before." in command.output()
    assert "Traceback" not in command.output()
    command.await_nothing_left(5)


def test_a_leader_that_is_killed_leaves_nothing(rehearse):
    command = rehearse(command=["matrix", MATRIX, "--only", "none", "--strategies", "row_lock"])
    command.await_process("-m dress_rehearsal.target_app")
    command.children()
    command.process.kill()
    command.process.wait()
    command.await_nothing_left(45)
