"""A whole rehearsal that several processes play: judged as one, and nobody left behind."""

import signal

import pytest

pytestmark = pytest.mark.rehearsal

GENERATOR = "dress_rehearsal.scenarios"


def worker_of(command):
    """Return one of the workers: the generator has forked them."""
    theirs = [child for child in command.children() if GENERATOR in child.cmdline()]
    pids = {child.pid for child in theirs}
    return next(child for child in theirs if child.ppid() in pids)


def adds_up(verdict):
    census = verdict["census"]
    return sum(n for state, n in census.items() if state != "students") == census["students"]


def test_a_sound_sale_passes_whoever_plays_it(rehearse):
    command = rehearse("generator.processes=2")
    assert command.ended(100) == 0, command.output()
    assert adds_up(command.verdict)
    assert command.verdict["census"]["ticket"] == 30
    assert "2 workers played the students" in command.output()
    metrics = command.run.metric_table().to_pandas()
    cpu = metrics[metrics.name == "process_cpu_seconds_total"].labels.astype(str)
    assert cpu[cpu.str.contains('"component":"generator"')].nunique() == 3
    lag = metrics[metrics.name == "generator_loop_lag_seconds"].labels.astype(str)
    assert set(lag) == {f'{{"generator":"worker{number}"}}' for number in range(2)}
    assert command.verdict["generator"]["cpu_peak"] > 0
    command.await_nothing_left(5)


@pytest.mark.long
def test_a_worker_killed_at_t0_decides_nothing_and_is_named(rehearse):
    command = rehearse("generator.processes=2")
    command.await_offset(0)
    worker_of(command).kill()
    assert command.ended(100) == 3, command.output()
    assert adds_up(command.verdict)
    assert command.verdict["census"]["unknown"] == 60
    assert any(
        "did not tell what became of its students" in reason
        for reason in command.verdict["reasons"]
    )
    assert len(command.run.request_table()) > 0
    command.await_nothing_left(5)


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_no_worker_is_left_when_the_command_is_ended(rehearse, number):
    command = rehearse("generator.processes=2")
    command.await_offset(0.2)
    assert worker_of(command).is_running()
    command.process.send_signal(number)
    command.ended(60)
    command.await_nothing_left(30)


@pytest.mark.long
def test_a_worker_that_is_stopped_for_good_keeps_nobody_from_the_end(rehearse):
    command = rehearse("generator.processes=2", "schedule.sale=2s", "schedule.drain=1s")
    command.await_offset(0.2)
    worker_of(command).suspend()
    assert command.ended(100) == 3, command.output()
    assert adds_up(command.verdict)
    command.await_nothing_left(5)
