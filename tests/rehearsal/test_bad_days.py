"""Bad days: whatever dies or is missing, there is a sentence, an exit code and nothing left."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest


def adds_up(verdict):
    census = verdict["census"]
    return sum(n for state, n in census.items() if state != "students") == census["students"]


def test_an_app_worker_killed_mid_run_fails_in_time(rehearse):
    command = rehearse()
    command.await_offset(0.2)
    main = command.find("-m dress_rehearsal.target_app")
    worker = max(main.children(), key=lambda child: child.memory_info().rss)
    worker.kill()
    assert command.ended() == 99, command.output()
    assert adds_up(command.verdict)
    assert any("app" in reason for reason in command.verdict["reasons"])
    command.await_nothing_left(5)


def test_postgresql_killed_mid_run_fails_in_time(rehearse):
    command = rehearse()
    command.await_offset(0.2)
    command.find("postgres", "-D").kill()
    assert command.ended() == 99, command.output()
    assert adds_up(command.verdict)
    assert any("postgres" in reason.lower() for reason in command.verdict["reasons"])
    command.await_nothing_left(5)


def test_the_generator_killed_mid_run_decides_nothing_but_ends_in_time(rehearse):
    """It says nothing about the target: inconclusive, with what was recorded kept."""
    command = rehearse()
    command.await_offset(1.5)
    command.find("-m dress_rehearsal.scenarios").kill()
    assert command.ended() == 3, command.output()
    assert adds_up(command.verdict)
    assert len(command.run.request_table()) > 0
    command.await_nothing_left(5)


def test_the_conductor_killed_leaves_nothing_but_its_records(rehearse):
    command = rehearse()
    command.await_offset(0.5)
    command.children()
    command.process.kill()
    command.process.wait()
    command.await_nothing_left(20)
    again = subprocess.run(
        [sys.executable, "-m", "dress_rehearsal.rehearsal", "report", command.run.path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert again.returncode == 3, again.stdout + again.stderr
    assert adds_up(command.verdict)
    assert len(command.run.request_table()) > 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_reports_what_happened_so_far(rehearse, number):
    command = rehearse("schedule.sale=60s")
    command.await_offset(0.5)
    command.process.send_signal(number)
    assert command.ended() == 3, command.output()
    assert "interrupted" in " ".join(command.verdict["reasons"])
    assert adds_up(command.verdict)
    assert command.verdict["census"]["ticket"] > 0
    command.await_nothing_left(5)


def test_a_target_that_never_gets_ready_is_named_with_its_last_words(rehearse):
    """The app is frozen as soon as it appears: it never answers and never ends."""
    begun = time.monotonic()
    command = rehearse()
    command.await_process("-m dress_rehearsal.target_app").suspend()
    assert command.ended(45) == 1
    assert time.monotonic() - begun < 45
    assert "The stage is not set: app was not ready after" in command.output()
    assert "Traceback" not in command.output()
    command.await_nothing_left(5)


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path):
    (tmp_path / "runs").write_text("a file is in the way")
    done = run("run", "smoke", "--out", tmp_path / "runs")
    assert done.returncode == 1
    assert "cannot be made" in done.stderr
    assert "--out" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_disk_that_fills_up_ends_the_run_with_a_sentence(rehearse):
    command = rehearse("schedule.sale=60s")
    command.await_offset(0.5)
    (command.run.path / "metrics.parquet").rename(command.run.path / "gone")
    assert command.ended(30) == 1, command.output()
    assert "cannot be written" in command.output()
    assert "Traceback" not in command.output()
    command.await_nothing_left(5)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run", "nowhere.toml"], "There is no plan nowhere.toml"),
        (["run", "smoke", "--set", "app.workerz=2"], "did you mean workers?"),
        (["run", "smoke", "--students", "many"], 'event.students = "many"'),
        (["report", "."], "is not a run directory"),
        (["plan", "check", "smoke", "--set", "app.workers=0"], "app.workers = 0"),
    ],
)
def test_bad_usage_is_a_sentence_and_exit_2(arguments, sentence):
    done = run(*arguments)
    assert done.returncode == (1 if arguments[0] == "report" else 2)
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_a_misspelt_gate_is_refused_before_anything_starts(tmp_path):
    plan = tmp_path / "plan.toml"
    plan.write_text('name = "mine"\n[[gates]]\nmetric = "census.faild"\nlimit = "== 0"\n')
    done = run("run", plan, "--out", tmp_path / "runs")
    assert done.returncode == 2
    assert "census.faild" in done.stderr
    assert not (tmp_path / "runs").exists()


def test_more_students_than_the_machine_holds_are_refused_before_anything_starts(tmp_path):
    done = run("run", "smoke", "--students", "900000", "--out", tmp_path / "runs")
    assert done.returncode == 1
    assert "900,000" in done.stderr
    assert not (tmp_path / "runs").exists()


def test_load_goes_nowhere_that_the_plan_does_not_allow(tmp_path):
    roster = tmp_path / "roster.csv"
    roster.write_text("student,pin,enrolled\nS1,1,1\n")
    done = run(
        *("run", "smoke", "--students", "1", "--out", tmp_path / "runs", "--roster", roster),
        *("--set", "target.stage=external", "--set", "target.url=http://tickets.example"),
    )
    assert done.returncode == 1
    assert "target.allow" in done.stderr


def test_plan_commands_answer(tmp_path):
    assert json.loads(run("plan", "schema").stdout)["title"] == "Plan"
    assert "12,000 students" in run("plan", "check", "festival").stdout
    assert run("doctor", "smoke").returncode == 0


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "dress_rehearsal.rehearsal", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"COLUMNS": "200"},
        timeout=60,
    )
