"""A machine that was itself slower is no build's doing; a faster one hides what became worse."""

import pytest

from dress_rehearsal.plans import Gate
from dress_rehearsal.reports.comparison import Side, compare
from dress_rehearsal.reports.comparison.machine_speed import speed_change
from dress_rehearsal.reports.schema import GateResult
from tests.reports.comparison.conftest import MARGINS, P99

QUIET = [100.0, 101.0, 102.0, 103.0, 104.0]
SLOW = [value * 1.9 for value in QUIET]
FAST_MS, SLOW_MS = [20.0, 21.0, 20.5, 22.0, 21.0], [40.0, 39.0, 41.0, 40.0, 40.5]


@pytest.fixture
def on(run_of):
    """A side on a machine of such speeds: `on("old", QUIET, FAST_MS)`; None: not measured."""

    def build(name, p99s, speeds_ms, python="3.14.0", **changed):
        runs = []
        for seed, (p99, took) in enumerate(zip(p99s, speeds_ms, strict=True), start=1):
            machine = {"python": python}
            if took is not None:
                told = {"best": took / 2, "median": took}
                machine["calculation_ms"] = {"before": told, "after": told}
            runs.append(run_of(p99, seed, machine=machine, **changed))
        return Side(name, tuple(runs))

    return build


def told(*sides, anyway=False):
    comparison = compare(sides, anyway=anyway)
    return comparison.outcome, " ".join(comparison.reasons), " ".join(comparison.notes)


def test_worse_on_a_machine_that_was_half_as_fast_is_undecided(on):
    outcome, said, noted = told(on("old", QUIET, FAST_MS), on("new", SLOW, SLOW_MS))
    assert outcome == "undecided"
    machine = (
        "he machine itself was 1.9 times slower when new was made (a fixed calculation took "
        "40 ms, 21 ms before)"
    )
    assert f"beyond {MARGINS}, but t{machine}, and that may be why" in said
    assert f"T{machine}: what differs may be its doing." in noted
    assert "Worse" not in said


def test_a_slower_build_on_the_same_machine_is_worse(on):
    for speeds in (FAST_MS, SLOW_MS):
        outcome, said, noted = told(on("old", QUIET, speeds), on("new", SLOW, speeds))
        assert outcome == "worse", said
        assert "machine" not in said + noted


def test_anyway_it_is_decided_and_the_machine_is_told(on):
    sides = on("old", QUIET, FAST_MS), on("new", SLOW, SLOW_MS)
    outcome, _, noted = told(*sides, anyway=True)
    assert (outcome, "1.9 times slower" in noted) == ("worse", True)


def test_no_worse_on_a_faster_machine_is_not_sure_and_on_a_slower_one_it_is(on):
    outcome, said, _ = told(on("old", QUIET, SLOW_MS), on("new", QUIET, FAST_MS))
    assert outcome == "undecided"
    assert "1.9 times faster when new was made" in said
    assert "that may hide what became worse" in said
    assert told(on("old", QUIET, FAST_MS), on("new", QUIET, SLOW_MS))[0] == "no_worse"
    assert told(on("old", QUIET, SLOW_MS), on("new", SLOW, FAST_MS))[0] == "worse"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([None] * 5, [None] * 5),
        ([None] * 5, SLOW_MS),
        ([*FAST_MS[:4], None], SLOW_MS),
        (FAST_MS, [22.0, 23.0, 21.5, 23.5, 22.0]),  # by less than a tenth
        (FAST_MS, [40.0, 20.0, 41.0, 20.0, 40.0]),  # now and then
    ],
)
def test_what_was_not_measured_or_does_not_differ_excuses_nothing(on, before, after):
    assert told(on("old", QUIET, before), on("new", SLOW, after))[0] == "worse"


def test_another_python_calculates_at_another_speed_on_the_same_machine(on):
    sides = on("old", QUIET, FAST_MS), on("new", SLOW, SLOW_MS, python="3.15.0")
    assert told(*sides)[0] == "worse"


def test_runs_that_do_not_count_tell_nothing_of_the_machine(on):
    disturbed = on("old", QUIET, SLOW_MS, verdict={"doubts": ("foreign_cpu",)})
    base = on("old", QUIET, FAST_MS)
    base = Side("old", (*base.runs, *disturbed.runs))
    assert told(base, on("new", SLOW, SLOW_MS))[0] == "undecided"


def test_of_few_runs_all_have_to_lie_apart(on):
    fast, slow = (on("x", QUIET[:2], own[:2]).runs for own in (FAST_MS, SLOW_MS))
    assert speed_change(fast, slow) == (20.5, 39.5)
    assert speed_change(fast, (*slow, fast[0])) is None


def test_wrongs_are_no_machines_doing(on, run_of):
    wronged = run_of(1.0).verdict.audit.model_copy(update={"oversold": 3})
    gates = {"gates": (Gate(metric="audit.oversold", regression="< 1"),)}
    failing = {"verdict": "fail", "failures": ("audit",), "reasons": ("Oversold: 3.",)}
    sides = (
        on("old", QUIET, FAST_MS, plan=gates),
        on("new", QUIET, SLOW_MS, plan=gates, verdict={"audit": wronged, **failing}),
    )
    outcome, said, _ = told(*sides)
    assert (outcome, said.count("Worse: ")) == ("worse", 2)


@pytest.mark.parametrize(
    ("word", "outcome"),
    [("gates", "undecided"), ("overtaken", "undecided"), ("lost", "worse"), ("leaked", "worse")],
)
def test_limits_that_a_slow_machine_may_break_are_no_builds_failure(on, word, outcome):
    def gate(status):
        return GateResult(
            metric=P99, limit="<= 3s", value=1.0, low=None, high=None, baseline=None, status=status
        )

    broken = (gate("fail" if word == "gates" else "pass"),)
    failing = {"verdict": "fail", "failures": (word,), "reasons": ("So.",), "gates": broken}
    base = on("old", QUIET, FAST_MS, verdict={"gates": (gate("pass"),)})
    found, said, _ = told(base, on("new", QUIET, SLOW_MS, verdict=failing))
    assert (found, "1.9 times slower" in said) == (outcome, outcome == "undecided"), said
    steady = on("new", QUIET, FAST_MS, verdict=failing)
    assert told(base, steady)[0] == "worse"
