"""A clock that is set while times are taken makes them mean nothing."""

import dataclasses

import numpy as np
import pytest

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


@pytest.mark.slow
@pytest.mark.parametrize("stage", [{}, {"stage": "external", "url": "http://127.0.0.1:8000"}])
def test_a_clock_that_was_not_compared_is_no_clock_that_ran_on(judged, stage):
    plan = {"target": stage}
    assert judged(plan=plan).doubts == ()
    found = judged(plan=plan, without_metrics=["clock_offset", "generator_clock_offset"])
    assert found.step_ms is None
    assert [doubt.word for doubt in found.doubts] == ["gap", "gap"]
    for whose, doubt in zip(("conductor", "generator"), found.doubts, strict=True):
        said = f"Whether the {whose}'s clock was set meanwhile was not measured"
        assert doubt.sentence.startswith(said)
    (doubt,) = judged(plan=plan, without_metrics=["generator_clock_offset"]).doubts
    assert "the generator's clock" in doubt.sentence


@pytest.mark.parametrize(
    ("from_s", "until_s", "doubts"),
    [
        pytest.param(0.5, 3.0, 0, id="a step in between would show"),
        pytest.param(-99.0, 2.0, 1, id="not read before it mattered"),
        pytest.param(0.5, 99.0, 1, id="not read after it"),
    ],
)
def test_clocks_are_compared_from_before_to_after_what_matters(
    evidence_of, from_s, until_s, doubts
):
    evidence = evidence_of(**SMALL)
    since_s = (evidence.metrics["t_ns"].astype("int64") - evidence.t0_ns) / 1e9
    unread = (evidence.metrics["name"] == "clock_offset_seconds") & since_s.between(from_s, until_s)
    metrics = evidence.metrics[~unread.to_numpy(dtype=bool)]
    assert len(judge_clocks(dataclasses.replace(evidence, metrics=metrics)).doubts) == doubts


@pytest.mark.slow
def test_a_run_whose_clocks_nobody_compared_does_not_pass(verdict_of):
    verdict = verdict_of(**SMALL, without_metrics=["clock_offset"])
    assert verdict.verdict == "inconclusive"
    assert verdict.reasons[0].startswith("Whether the conductor's clock was set meanwhile was not")


def stepped(evidence, *steps):
    """The same run on a machine whose clock was set: pairs of when (s from T-0) and by how much.

    Samples carry the wall clock's time, so those of after a step back lie among those of before.
    """
    metrics = evidence.metrics.copy()
    t_ns = metrics["t_ns"].to_numpy("int64")
    by_s = sum(np.where(t_ns >= evidence.t0_ns + at_s * 1e9, by, 0.0) for at_s, by in steps)
    metrics["t_ns"] = t_ns + np.round(by_s * 1e9).astype("int64")
    offsets = metrics["name"].str.endswith("clock_offset_seconds").to_numpy(dtype=bool)
    metrics["value"] = metrics["value"] + np.where(offsets, by_s, 0.0)
    metrics = metrics.sort_values("t_ns", kind="stable", ignore_index=True)
    return dataclasses.replace(evidence, metrics=metrics)


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param([], id="none"),
        pytest.param([(1, -3)], id="back, so that times are given twice"),
        pytest.param([(1, -3), (4, 3)], id="back and forward again by as much"),
        pytest.param([(1, 3), (4, -3)], id="forward and back"),
        pytest.param([(1, -3), (4, -3)], id="back twice by as much"),
        pytest.param([(0.5, 0.06), (2, -0.06), (3, 0.06)], id="small ones"),
    ],
)
def test_every_step_is_told_once_at_its_time_by_the_clock_of_before(evidence_of, steps):
    evidence = stepped(evidence_of(**SMALL), *steps)
    expected, before = [], 0.0
    for at_s, by_s in steps:
        expected.append((by_s, at_s + before))
        before += by_s
    for whose in ("conductor", "generator"):
        found = [
            (step.seconds, (step.t_ns - evidence.t0_ns) / 1e9)
            for step in evidence.clock_steps
            if step.whose == whose
        ]
        assert sorted(found) == [pytest.approx(each, abs=0.3) for each in sorted(expected)]
    assert len(judge_clocks(evidence).doubts) == len(steps)


def test_a_step_back_is_told_at_the_time_that_students_saw(evidence_of):
    (doubt,) = judge_clocks(stepped(evidence_of(**SMALL), (1, -3))).doubts
    assert "was set back by 3 s at T-0 + 1 s" in doubt.sentence


def test_a_clock_set_forward_is_no_silence(evidence_of):
    forward = evidence_of(**SMALL, clock_step_s=2.0)
    assert len(judge_clocks(forward).doubts) == 1
    assert forward.gaps == ()


@pytest.mark.slow
def test_times_that_do_not_compare_break_no_limit(verdict_of):
    gates = [("latency_ms[POST /events/{event}/tickets].p99", "<= 20ms")]
    verdict = verdict_of(**SMALL, gates=gates, slow_ms=300, clock_step_s=9.0)
    assert verdict.verdict == "inconclusive"
