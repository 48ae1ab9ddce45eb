"""The command line: bad usage is a sentence and an exit code before anything starts."""

import json
import os
import signal

import pytest

from dress_rehearsal.plans import bundled_plans
from dress_rehearsal.rehearsal.cli import main
from tests.rehearsal.verdicts import verdict_of


@pytest.fixture
def told(capsys, monkeypatch):
    """Run a command in this process; returns its exit code, what it printed, and its errors."""
    monkeypatch.setattr("dress_rehearsal.rehearsal.run.raise_file_limit", lambda: None)

    def run(*arguments):
        code = main([*map(str, arguments)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run", "nowhere.toml"], "There is no plan nowhere.toml"),
        (["run", "smoke", "--set", "app.workerz=2"], "did you mean workers?"),
        (["run", "smoke", "--students", "many"], "event.students = …: expected a valid integer"),
        (["report", "."], "is not a run directory"),
        (["report", "nowhere"], "nowhere is not a run directory: it is not there"),
        (["plan", "check", "smoke", "--set", "app.workers=0"], "app.workers = 0"),
    ],
)
def test_bad_usage_is_a_sentence_and_exit_2(told, arguments, sentence):
    code, _, errors = told(*arguments)
    assert code == (1 if arguments == ["report", "."] else 2)
    assert sentence in errors
    assert "Traceback" not in errors


def test_a_misspelt_gate_is_refused_before_anything_starts(told, tmp_path):
    plan = tmp_path / "plan.toml"
    plan.write_text('name = "mine"\n[[gates]]\nmetric = "census.faild"\nlimit = "== 0"\n')
    code, _, errors = told("run", plan, "--out", tmp_path / "runs")
    assert code == 2
    assert "census.faild" in errors
    assert not (tmp_path / "runs").exists()


def test_a_value_that_a_sweep_s_plan_does_not_allow_stops_it_before_anything_starts(told, tmp_path):
    over = "app.workers=2,none"
    code, _, errors = told("sweep", "smoke", "--over", over, "--out", tmp_path / "runs")
    assert code == 2
    assert "--set app.workers = …" in errors
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_plan_commands_answer(told):
    assert json.loads(told("plan", "schema")[1])["title"] == "Plan"
    assert "12,000 students" in told("plan", "check", "festival")[1]
    assert told("doctor", "smoke")[0] == 0


def test_a_folder_that_cannot_be_written_is_a_sentence(told, tmp_path):
    (tmp_path / "runs").write_text("a file is in the way")
    code, _, errors = told("run", "smoke", "--out", tmp_path / "runs")
    assert code == 2
    assert f"--out {tmp_path}/runs: {tmp_path}/runs is a file." in errors
    assert "Traceback" not in errors


def test_more_students_than_the_machine_holds_are_refused_before_anything_starts(told, tmp_path):
    code, _, errors = told("run", "smoke", "--students", "900000", "--out", tmp_path / "runs")
    assert code == 2
    assert "900,000" in errors
    assert not (tmp_path / "runs").exists()


def test_a_prometheus_that_is_wanted_and_not_there_is_a_sentence_before_anything_starts(
    told, tmp_path, monkeypatch
):
    monkeypatch.setenv("PATH", str(tmp_path))
    code, _, errors = told("run", "smoke", "--prometheus", "--out", tmp_path / "runs")
    assert code == 1
    assert "there is no `prometheus` on the PATH; install it" in errors
    assert not (tmp_path / "runs").exists()


def test_a_stage_that_cannot_be_set_is_a_sentence(told, tmp_path, monkeypatch):
    """There is no room for its socket's name."""
    home = tmp_path / ("far" * 30)
    home.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(home))
    code, printed, errors = told("run", "smoke", "--no-prometheus", "--out", tmp_path / "runs")
    assert code == 1
    assert "The stage has nowhere to live" in errors
    assert "Traceback" not in printed + errors


def test_load_goes_nowhere_that_the_plan_does_not_allow(told, tmp_path):
    roster = tmp_path / "roster.csv"
    roster.write_text("student,pin,enrolled\nS1,1,1\n")
    where = ["--no-prometheus", "--out", tmp_path / "runs", "--roster", roster]
    away = ["--set", "target.stage=external", "--set", "target.url=http://tickets.example"]
    code, _, errors = told("run", "smoke", "--students", "1", *where, *away)
    assert code == 2
    assert "No load is sent to tickets.example" in errors
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("during", ["slack._post", "terminal.screen.print_verdict"])
def test_ctrl_c_once_there_is_a_verdict_does_not_change_it(told, monkeypatch, during):
    def interrupted(*_):
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setenv("HOOK", "https://127.0.0.1:9/services/T0/B0/hook")
    monkeypatch.setattr("dress_rehearsal.rehearsal.run.rehearse", lambda *_, **__: verdict_of())
    monkeypatch.setattr("dress_rehearsal.rehearsal.slack._post", lambda *_: None)
    monkeypatch.setattr(f"dress_rehearsal.rehearsal.{during}", interrupted)
    code, shown, errors = told("run", "smoke", "--set", "notify.slack_webhook_env=HOOK")
    assert (code, errors) == (99, "")
    assert ("Interrupted: the verdict stands" in shown) == (during == "slack._post")


def test_a_run_is_shown_from_a_folder_that_is_gone(told, monkeypatch, tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    monkeypatch.setattr("dress_rehearsal.rehearsal.run.rehearse", lambda *_, **__: verdict_of())
    code, shown, _ = told("run", "smoke", "--out", tmp_path)
    assert code == 99
    assert f"Report: {tmp_path}" in shown


def test_the_help_names_every_bundled_plan(told):
    code, output, _ = told("run", "--help")
    assert code == 0
    said = " ".join(output.split()).replace("- ", "-")  # a name may be wrapped at its hyphen
    names = [plan.stem for plan in bundled_plans()]
    assert f"or a bundled plan: {', '.join(names)}" in said
