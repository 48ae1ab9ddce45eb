"""Runs are put into a history by `run`, `report` and `history add`, and shown by `history show`."""

import json

import pytest

from dress_rehearsal.rehearsal.cli import main
from dress_rehearsal.rehearsal.history import Kept
from dress_rehearsal.reports.history.folder import read_history, remember
from dress_rehearsal.reports.report import write_report
from tests.reports import synthetic_run
from tests.reports.history.conftest import P99, entry
from tests.reports.history.seeded_series import planted

SMALL = {"students": 60, "tickets": 20}


@pytest.fixture
def run(tmp_path):
    return synthetic_run.build_run(tmp_path / "runs", **SMALL)


@pytest.fixture
def history(tmp_path):
    """Thirty runs, whose p99 grew by 30% with the 21st."""
    for number, value in enumerate(planted(30, 20, 100, 130, 0.03, seed=2)):
        remember(tmp_path / "history", entry(number, value))
    return tmp_path / "history"


@pytest.mark.slow
def test_runs_are_added_once_with_their_build(run, tmp_path, capsys):
    folder = tmp_path / "history"
    for label in ("v1", "v2"):
        assert main(["history", "add", str(run.path), "--to", str(folder), "--label", label]) == 0
    assert f"1 of 1 run is in {folder}." in capsys.readouterr().out
    (kept,) = read_history(folder)[0]
    assert (kept.run, kept.build) == (run.id, "v2")


@pytest.mark.slow
def test_the_build_may_be_said_by_the_surroundings(run, tmp_path, monkeypatch):
    monkeypatch.setenv("REHEARSE_LABEL", "from-ci")
    main(["history", "add", str(run.path), "--to", str(tmp_path / "history")])
    assert read_history(tmp_path / "history")[0][0].build == "from-ci"


@pytest.mark.slow
def test_a_run_that_cannot_be_read_is_left_out_with_a_sentence(run, tmp_path, capsys):
    other = synthetic_run.build_run(tmp_path / "others", **SMALL)
    (other.path / "plan.toml").write_text("name = 1")
    added = ["history", "add", str(run.path), str(other.path), "--to", str(tmp_path / "history")]
    assert main(added) == 1
    said = capsys.readouterr().out
    assert f"{other.id} is left out: " in said
    assert "1 of 2 runs is in " in said


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--label", "x" * 101], "--label: give a name of 100 characters at most"),
        (["--to", "runs/file"], "--to "),
    ],
)
def test_bad_usage_is_refused(run, tmp_path, monkeypatch, options, said, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "file").write_text("")
    assert main(["history", "add", str(run.path), "--to", "history", *options]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "history").exists()


@pytest.mark.slow
def test_what_changed_is_shown_with_run_and_build(history, tmp_path, capsys):
    assert main(["history", "show", str(history), "--out", str(tmp_path / "shown")]) == 0
    shown = capsys.readouterr().out
    assert "1 change of level in 30 runs." in shown
    assert "build-19 → build-20" in shown
    assert (tmp_path / "shown" / "history.html").is_file()
    document = json.loads((tmp_path / "shown" / "history.json").read_text())
    (change,) = document["series"][0]["changes"]
    assert change["run"] == read_history(history)[0][20].run


def test_only_what_is_asked_for_is_shown(history, capsys):
    show = ["history", "show", str(history)]
    assert main([*show, "--min-magnitude", "0.5", "--last", "3"]) == 0
    shown = capsys.readouterr().out
    assert "No change of level in 30 runs." in shown
    assert sum(line.startswith("| 2026") for line in shown.splitlines()) == 3
    assert main([*show, "--metric", P99, "--plan", "shop"]) == 0
    assert "latency_ms[POST /login].p99" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--plan", "other"], "There is no run of that plan in this history."),
        (["--metric", "census.gone"], "--metric: no run of this history has such a number"),
        (["--last", "1"], "--last: give a whole number from 2"),
        (["--max-pvalue", "x"], "--max-pvalue: give a number from 1e-12 to 0.5."),
        (["--min-magnitude", "-1"], "--min-magnitude: give a number from 0 to 100."),
    ],
)
def test_what_cannot_be_shown_is_a_sentence(history, options, said, capsys):
    assert main(["history", "show", str(history), *options]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.slow
def test_a_report_can_be_put_beside_a_history(run, history, capsys, monkeypatch):
    monkeypatch.setattr("dress_rehearsal.reports.page.draw_figures", lambda *_: [])
    assert main(["report", str(run.path), "--history", str(history), "--label", "v7"]) == 0
    kept = {each.run: each for each in read_history(history)[0]}
    assert kept[run.id].build == "v7"
    page = (run.path / "report.html").read_text()
    assert "Beside the runs before" in page
    assert "There is one run only" in page, "the others are of another plan and machine"


@pytest.mark.slow
def test_a_history_that_cannot_be_kept_is_told_and_changes_no_verdict(run, tmp_path, monkeypatch):
    monkeypatch.setattr("dress_rehearsal.reports.page.draw_figures", lambda *_: [])
    (tmp_path / "file").write_text("")
    told = []
    keeper = Kept(tmp_path / "file", "v1").keeper(run, told.append)
    assert write_report(run, keeper).verdict == "pass"
    (sentence,) = told
    assert sentence.startswith("The run is not in the history")
    assert (run.path / "report.html").is_file()


def test_without_a_history_nothing_is_kept(run):
    assert Kept().keeper(run, print) is None
    assert Kept(build="v1").facts == {"label": "v1"}
