"""Bad days: whatever dies or is missing, there is a sentence, an exit code and nothing left."""

import signal

import pytest

from dress_rehearsal.rehearsal.cli import main

pytestmark = pytest.mark.rehearsal


def adds_up(verdict):
    census = verdict["census"]
    return sum(n for state, n in census.items() if state != "students") == census["students"]


@pytest.mark.long
def test_an_app_worker_and_postgresql_killed_mid_run_fail_in_time_and_are_named(rehearse):
    command = rehearse("schedule.sale=2s", "schedule.drain=1s", "schedule.settle=1s")
    command.await_offset(0.2)
    main_process = command.find("-m dress_rehearsal.target_app")
    max(main_process.children(), key=lambda child: child.memory_info().rss).kill()
    command.find("postgres", "-D").kill()
    assert command.ended() == 99, command.output()
    assert adds_up(command.verdict)
    lost = [reason for reason in command.verdict["reasons"] if reason.startswith("Lost:")]
    assert any("app" in reason for reason in lost)
    assert any("postgres" in reason.lower() for reason in lost)
    command.await_nothing_left(5)


@pytest.mark.long
def test_the_generator_killed_mid_run_decides_nothing_but_ends_in_time(rehearse):
    """It says nothing about the target: inconclusive, with what was recorded kept."""
    command = rehearse()
    command.await_offset(1.5)
    command.find("-m dress_rehearsal.scenarios").kill()
    assert command.ended() == 3, command.output()
    assert adds_up(command.verdict)
    assert len(command.run.request_table()) > 0
    command.await_nothing_left(5)


@pytest.mark.long
def test_a_stopped_guardian_keeps_no_run_from_its_end(rehearse):
    command = rehearse()
    command.await_offset(0.5)
    command.find("-m dress_rehearsal.compose.guardian").suspend()
    assert command.ended(90) == 0, command.output()
    assert adds_up(command.verdict)
    command.await_nothing_left(5)


@pytest.mark.long
def test_a_generator_stopped_for_good_is_woken_to_write_down_the_rest_and_decides_nothing(rehearse):
    command = rehearse("schedule.sale=2s", "schedule.drain=1s")
    command.await_offset(0.5)
    command.find("-m dress_rehearsal.scenarios").suspend()
    assert command.ended(90) == 3, command.output()
    assert "Nothing was heard of the generator" in command.output()
    assert len(command.run.request_table()) > 0
    assert adds_up(command.verdict)
    command.await_nothing_left(5)


@pytest.mark.long
@pytest.mark.parametrize("words", [("postgres", "-D"), ("-m dress_rehearsal.target_app",)])
def test_what_is_stopped_for_good_on_the_stage_keeps_no_run_from_its_end(rehearse, words):
    command = rehearse("schedule.sale=2s", "schedule.drain=1s", "schedule.settle=1s")
    command.await_offset(0.3)
    stopped = command.find(*words)
    for process in (stopped, *stopped.children(recursive=True)):
        process.suspend()
    assert command.ended(90) in (3, 99), command.output()
    assert "Traceback" not in command.output()
    assert adds_up(command.verdict)
    command.await_nothing_left(5)


@pytest.mark.long
def test_the_conductor_killed_leaves_nothing_but_its_records(rehearse, prometheus):
    command = rehearse(options=("--prometheus",) if prometheus else ())
    command.await_offset(0.5)
    assert not prometheus or command.find("prometheus")
    command.children()
    command.process.kill()
    command.process.wait()
    command.await_nothing_left(20)
    assert main(["report", str(command.run.path)]) == 3
    assert adds_up(command.verdict)
    assert len(command.run.request_table()) > 0


def test_an_interrupted_run_reports_what_happened_so_far(rehearse):
    """By what a CI runner sends; Ctrl-C means the same (`test_signals.py`)."""
    command = rehearse("schedule.sale=60s")
    command.await_offset(0.5)
    command.process.send_signal(signal.SIGTERM)
    assert command.ended() == 3, command.output()
    assert "interrupted" in " ".join(command.verdict["reasons"])
    assert adds_up(command.verdict)
    assert len(command.run.request_table()) > 0
    command.await_nothing_left(5)


@pytest.mark.long
def test_a_disk_that_fills_up_ends_the_run_with_a_sentence(rehearse):
    command = rehearse("schedule.sale=60s")
    command.await_offset(0.5)
    (command.run.path / "metrics.parquet").rename(command.run.path / "gone")
    assert command.ended(30) == 1, command.output()
    assert "cannot be written" in command.output()
    assert "Traceback" not in command.output()
    command.await_nothing_left(5)
