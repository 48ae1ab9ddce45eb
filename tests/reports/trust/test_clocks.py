"""A clock that is set while times are taken makes them mean nothing."""

import pytest

from dress_rehearsal.reports.evidence.clocks import clock_steps
from dress_rehearsal.reports.trust.clocks import judge_clocks

SMALL = {"students": 200, "tickets": 60}


@pytest.fixture
def judged(evidence_of):
    return lambda **arguments: judge_clocks(evidence_of(**SMALL, **arguments))


def test_clocks_that_run_on_are_no_reason_to_doubt(judged):
    found = judged()
    assert found.doubts == ()
    assert 0 < found.step_ms < 0.1


@pytest.mark.parametrize(
    ("step_s", "way"),
    [(-3.0, "back by 3 s"), (9.0, "forward by 9 s"), (0.06, "forward by 0.06 s")],
)
def test_a_step_is_told_with_its_size_and_time(judged, step_s, way):
    found = judged(clock_step_s=step_s)
    (doubt,) = found.doubts  # one, though two clocks tell of it
    assert f"clock was set {way} at T-0 + 1 s" in doubt.sentence
    assert doubt.word == "clock_step"
    assert found.step_ms == pytest.approx(abs(step_s) * 1e3, abs=1)


def test_slewing_is_no_step(judged):
    assert judged(clock_step_s=0.04).doubts == ()


def test_without_offsets_it_was_not_measured(judged):
    found = judged(without_metrics=["clock_offset", "generator_clock_offset"])
    assert found == (None, ())


def test_a_clock_set_back_gives_its_times_twice_and_is_one_step_all_the_same(evidence_of):
    """Samples carry the wall clock's time: those of after the step lie among those of before."""
    steps = clock_steps(evidence_of(**SMALL, clock_step_s=-3.0).samples)
    assert {(step.whose, step.seconds) for step in steps} == {("conductor", -3), ("generator", -3)}


def test_a_clock_set_forward_is_no_silence(evidence_of):
    forward = evidence_of(**SMALL, clock_step_s=2.0)
    assert len(judge_clocks(forward).doubts) == 1
    assert forward.gaps == ()


def test_times_that_do_not_compare_break_no_limit(verdict_of):
    gates = [("latency_ms[POST /events/{event}/tickets].p99", "<= 20ms")]
    verdict = verdict_of(**SMALL, gates=gates, slow_ms=300, clock_step_s=9.0)
    assert verdict.verdict == "inconclusive"
