"""The matrix run: every fault is found where it can occur, and nobody is accused without one.

A subset of the bundled matrix; `rehearse matrix plans/matrix.toml` runs all of it.
"""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dress_rehearsal.records import RunDirectory
from dress_rehearsal.rehearsal.cli import main

MATRIX = Path("plans/matrix.toml")
RIGHT, WRONG = 'expect = ["audit.ineligible"]', 'expect = ["lost.app"]'
"""What the fault `ineligible_granted` causes, and what it does not."""
ALONE, BESIDE = "[[rows]]\nalone = true", '[[rows]]\nallow = ["cause.*"]'
"""Other tests run beside these cells, so that they may find somebody slow."""
ONE = ["--only", "views_lost", "--strategies", "atomic_update"]
"""A cell that waits for no quiet machine."""


def written(out):
    (folder,) = out.iterdir()
    return folder, json.loads((folder / "matrix.json").read_text())


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """A sound strategy without and with faults, the last of them expected wrongly.

    Never under coverage, for students and app keep no time when slowed so much.
    """
    folder = tmp_path_factory.mktemp("quick")
    bundled = MATRIX.read_text()
    assert RIGHT in bundled
    assert ALONE in bundled
    other = bundled.replace(RIGHT, WRONG).replace(ALONE, BESIDE)
    (folder / "matrix.toml").write_text(other)
    chosen = ["--only", "none,early_open,ineligible_granted", "--strategies", "atomic_update"]
    command = [sys.executable, "-m", "dress_rehearsal.rehearsal", "matrix", folder / "matrix.toml"]
    done = subprocess.run(
        [*command, *chosen, "--out", folder / "runs"],
        capture_output=True,
        text=True,
        check=False,
        env={name: value for name, value in os.environ.items() if "COVERAGE" not in name},
    )
    return done, *written(folder / "runs")


def cell_of(document, strategy, fault):
    (found,) = [
        each for each in document["cells"] if (each["strategy"], each["fault"]) == (strategy, fault)
    ]
    return found


@pytest.mark.rehearsal
@pytest.mark.xdist_group("quick matrix")
def test_every_cell_of_the_bundled_rows_is_as_expected(quick):
    done, _, document = quick
    sound, early = (cell_of(document, "atomic_update", each) for each in ("none", "early_open"))
    assert not any(cell["differs"] for cell in (sound, early)), done.stdout + done.stderr
    assert sound["unexpected"] == []
    assert "audit.sold_early" in early["found"]


@pytest.mark.rehearsal
@pytest.mark.xdist_group("quick matrix")
def test_a_cell_that_differs_is_told_and_keeps_its_report(quick):
    """What is expected here is not what happens: a miss and a false alarm."""
    done, folder, document = quick
    assert done.returncode == 99, done.stdout + done.stderr
    assert "3 of 3 cells, 1 differs" in done.stdout  # on a busy machine others may be undecided
    assert "atomic_update × ineligible_granted: lost.app was not found" in done.stdout
    assert "audit.ineligible was found though nothing should cause it" in done.stdout
    cell = cell_of(document, "atomic_update", "ineligible_granted")
    assert cell["missing"] == ["lost.app"]
    assert "audit.ineligible" in cell["unexpected"]
    assert (folder / cell["run"] / "report.html").is_file()
    assert "came out differently" in (folder / "matrix.svg").read_text()


@pytest.mark.rehearsal
@pytest.mark.xdist_group("quick matrix")
def test_every_other_cell_keeps_its_run_without_a_page(quick):
    _, folder, document = quick
    for cell in document["cells"]:
        run = RunDirectory.open(folder / cell["run"])
        assert json.loads((run.path / "verdict.json").read_text())["run"] == run.id
        assert run.environment()["run"] == run.id  # by which a copy finds its requests in the logs
        assert (run.logs / "app.jsonl").stat().st_size > 0
        if not cell["differs"]:
            assert not (run.path / "report.html").exists()
            assert sum(f.stat().st_size for f in run.path.rglob("*") if f.is_file()) < 2_000_000
        if cell["fault"] == "early_open":
            (on, off) = [event for event in run.timeline() if event.kind == "fault"]
            assert (on.detail["on"], off.detail["on"]) == (True, False)
            assert -2 <= on.detail["at_s"] < 0


@pytest.mark.servers
def test_a_cell_that_cannot_be_carried_out_differs_with_its_sentence(tmp_path, monkeypatch, capsys):
    """The stage cannot be set where there is no room for its socket's name."""
    home = tmp_path / ("far" * 30)
    home.mkdir()
    monkeypatch.setenv("TMPDIR", str(home))
    chosen = [*ONE, "--out", tmp_path / "runs"]
    assert main([str(word) for word in ("matrix", MATRIX, *chosen)]) == 99
    assert "atomic_update × views_lost: The stage has nowhere to live" in capsys.readouterr().out
    _, document = written(tmp_path / "runs")
    assert "The stage has nowhere to live" in document["cells"][0]["error"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere.toml"], "There is no plan nowhere.toml"),
        (["smoke"], "rows is missing"),
        ([MATRIX, "--only", "earthquake"], "has no fault …; it has none"),
        ([MATRIX, "--strategies", "clever"], "has no strategy …; it has naive"),
        ([MATRIX, "--only", "unique_off", "--strategies", "naive"], "has no cell of those faults"),
    ],
)
def test_a_wrong_call_is_a_sentence(arguments, sentence, tmp_path, capsys):
    assert main([str(word) for word in ("matrix", *arguments, "--out", tmp_path / "runs")]) == 2
    errors = capsys.readouterr().err
    assert sentence in errors
    assert "Traceback" not in errors
    assert not (tmp_path / "runs").exists()


def test_how_long_it_takes_is_told_before_the_first_cell(tmp_path, monkeypatch, capsys):
    told = []
    monkeypatch.setattr(
        "dress_rehearsal.rehearsal.matrix.run.MatrixRun.carry_out",
        lambda *_: told.append(" ".join(capsys.readouterr().out.split())),
    )
    main(["matrix", str(MATRIX), *ONE, "--out", str(tmp_path / "runs")])
    assert re.match(r"1 cell of about \d+ s \(by the plan, .*: \d+ s in all\.$", told[0])


@pytest.mark.long
@pytest.mark.rehearsal
def test_ctrl_c_leaves_nothing_but_what_was_judged(rehearse):
    command = rehearse(command=["matrix", MATRIX, *ONE])
    command.await_process("-m dress_rehearsal.target_app")
    command.await_process("-m dress_rehearsal.scenarios")
    command.process.send_signal(signal.SIGINT)
    assert command.ended(60) == 1, command.output()
    assert "Not one of 1 cell was judged: it ended before." in command.output()
    assert "Traceback" not in command.output()
    command.await_nothing_left(5)


@pytest.mark.long
@pytest.mark.rehearsal
def test_a_leader_that_is_killed_leaves_nothing(rehearse):
    command = rehearse(command=["matrix", MATRIX, *ONE])
    command.await_process("-m dress_rehearsal.target_app")
    command.children()
    command.process.kill()
    command.process.wait()
    command.await_nothing_left(45)


@pytest.mark.long
@pytest.mark.rehearsal
def test_a_cell_that_differs_twice_is_not_hidden_by_the_second_try(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("dress_rehearsal.rehearsal.matrix.run.await_quiet", lambda *_: None)
    matrix = tmp_path / "matrix.toml"
    matrix.write_text(
        MATRIX.read_text().replace('expect = ["audit.lost_views"]', 'expect = ["lost.app"]')
    )
    code = main(["matrix", str(matrix), *ONE, "--again", "--out", str(tmp_path / "runs")])
    _, document = written(tmp_path / "runs")
    told = capsys.readouterr().out
    assert code == 99, told
    (first,), (second,) = document["repeated"], document["cells"]
    assert first["differs"]
    assert second["differs"]
    assert first["run"] != second["run"]
    assert told.count("lost.app was not found") >= 2
