"""The generator is judged as strictly as the target: a late one decides nothing."""

import pytest

from dress_rehearsal.reports.generator import judge_generator

SMALL = {"students": 200, "tickets": 60}


@pytest.fixture
def judged(evidence_of):
    def judge(**arguments):
        evidence = evidence_of(**SMALL, **arguments)
        return judge_generator(evidence)

    return judge


def test_a_prompt_generator_limits_nothing(judged):
    found = judged()
    assert found.problems == ()
    assert not found.generator.limited
    assert found.generator.late_start_p99_ms < 5
    assert found.generator.release_skew_ms < 5
    assert found.generator.read_lag_p99_ms < 5


@pytest.mark.parametrize(
    ("late_ms", "allowed", "limited"),
    [
        pytest.param(1500, "1s", True, id="later than the plan allows"),
        pytest.param(1500, "2s", False, id="late, but the plan allows it"),
        pytest.param(200, "1s", False, id="a little late"),
    ],
)
def test_lateness_is_held_against_the_plan(judged, late_ms, allowed, limited):
    plan = {"generator": {"max_late_start": allowed, "max_release_skew": allowed}}
    found = judged(generator_late_ms=late_ms, plan=plan)
    assert found.generator.limited == limited
    assert found.generator.release_skew_ms > late_ms
    assert len(found.problems) == 2 * limited


def test_reading_late_is_reported_but_does_not_limit(judged):
    found = judged(slow_reading_ms=900)
    assert found.generator.read_lag_p99_ms > 900
    assert not found.generator.limited


def test_cpu_is_measured_over_a_second_not_a_tick(judged):
    assert judged().generator.cpu_peak == pytest.approx(0.6)


def test_cpu_of_processes_is_unknown_where_it_was_not_read(judged):
    assert judged(without_metrics=["process_cpu"]).generator.cpu_peak is None


def test_answers_without_a_receive_time_are_said(judged):
    assert "no kernel receive time" in judged(no_timestamps=True).problems[0]


def test_a_run_without_requests_is_said(judged):
    assert judged(without=["requests"]).problems == ("No request was recorded.",)
