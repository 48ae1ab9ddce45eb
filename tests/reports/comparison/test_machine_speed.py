"""A machine that was itself slower is no build's doing; a faster one hides what became worse."""

import pytest

from dress_rehearsal.plans import Gate
from dress_rehearsal.reports.comparison import Side, compare
from dress_rehearsal.reports.comparison.machine_speed import speed_change
from dress_rehearsal.reports.schema import GateResult
from tests.reports.comparison.conftest import MARGINS, P99

QUIET = [100.0, 101.0, 102.0, 103.0, 104.0]
SLOW = [value * 1.9 for value in QUIET]
TENTH_MS = [11.2, 11.3, 11.1, 11.2, 11.4]
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
    assert f"T{machine}: times may differ for it." in noted
    assert "Worse" not in said


@pytest.mark.parametrize(
    ("times", "outcome"),
    [(2.0, "undecided"), (3.0, "undecided"), (3.9, "undecided"), (5.0, "worse"), (25.0, "worse")],
)
def test_twice_as_slow_excuses_up_to_four_times_as_long(on, times, outcome):
    later = on("new", [value * times for value in QUIET], [2 * took for took in FAST_MS])
    assert told(on("old", QUIET, FAST_MS), later)[0] == outcome


def test_a_machine_a_tenth_slower_excuses_no_real_failure(on):
    """Seconds where there were 0.2, and errors that the app answered with."""
    tenth = [took / 1.12 for took in TENTH_MS]
    base = on("old", [200.0, 202.0, 204.0, 206.0, 208.0], tenth)
    later = on("new", [5000.0, 5100.0, 5200.0, 5300.0, 5400.0], TENTH_MS)
    outcome, said, noted = told(base, later)
    assert (outcome, "1.1 times slower" in noted) == ("worse", True), said
    errors = {
        "verdict": "fail",
        "failures": ("gates",),
        "reasons": ("Gate broken: census.failed is 30%, the limit is <= 1%.",),
        "gates": (limited("<= 1%", "census.failed", 0.3, "fail"),),
    }
    held = {"gates": (limited("<= 1%", "census.failed", 0.0),)}
    base = on("old", QUIET, tenth, verdict=held)
    outcome, said, _ = told(base, on("new", QUIET, TENTH_MS, verdict=errors))
    assert (outcome, "Worse: 5 of 5 in new failed" in said) == ("worse", True), said


def test_a_faster_machine_hides_nothing_of_what_is_no_time(on, run_of):
    changed = {
        "plan": {"gates": (Gate(metric="census.failed", regression="< 10%"),)},
        "verdict": {"census": run_of(1.0).verdict.census.model_copy(update={"failed": 6})},
    }
    base, later = on("old", QUIET, SLOW_MS, **changed), on("new", QUIET, FAST_MS, **changed)
    outcome, said, _ = told(base, later)
    assert (outcome, "census.failed is 6 in new" in said) == ("no_worse", True), said


def test_a_faster_machine_hides_nothing_that_would_be_no_worse_on_a_slower_one(on):
    gates = {"gates": (Gate(metric=P99, regression="< 50%"),)}
    tenth = [took / 1.12 for took in TENTH_MS]
    base, later = on("old", QUIET, TENTH_MS, plan=gates), on("new", QUIET, tenth, plan=gates)
    assert told(base, later)[0] == "no_worse"
    later = on("new", [value * 1.3 for value in QUIET], tenth, plan=gates)
    assert told(base, later)[0] == "undecided"


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


def test_of_fewer_than_three_runs_a_tenth_tells_nothing(on):
    def change(*own):
        return speed_change(*(on("x", QUIET[: len(each)], each).runs for each in own))

    assert change([10.0], [11.0]) is None
    assert change([10.0, 10.1, 10.2, 9.9, 10.0], [12.0, 12.1]) is None
    assert change([10.0], [12.5]) == (10.0, 12.5)
    assert change([10.0, 10.1, 10.2], [11.2, 11.3, 11.4]) == (10.1, 11.3)


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


def limited(limit="<= 3s", metric=P99, value=1.0, status="pass"):
    return GateResult(
        metric=metric, limit=limit, value=value, low=None, high=None, baseline=None, status=status
    )


def failing(word, *gates):
    return {"verdict": "fail", "failures": (word,), "reasons": ("So.",), "gates": gates}


@pytest.mark.parametrize(
    ("value", "outcome"),
    [(3100.0, "undecided"), (10_800.0, "undecided"), (11_000.0, "worse"), (None, "worse")],
)
def test_a_limit_on_a_time_may_be_broken_by_as_much_as_the_machine_was_slower(on, value, outcome):
    broken = failing("gates", limited(value=value, status="fail"))
    base = on("old", QUIET, FAST_MS, verdict={"gates": (limited(),)})
    found, said, _ = told(base, on("new", QUIET, SLOW_MS, verdict=broken))
    assert (found, "1.9 times slower" in said) == (outcome, outcome == "undecided"), said
    steady = on("new", QUIET, FAST_MS, verdict=broken)
    assert told(base, steady)[0] == "worse"
    assert told(base, on("new", QUIET, SLOW_MS, verdict=broken), anyway=True)[0] == "worse"


def test_a_limit_on_a_time_in_seconds_is_held_in_its_unit(on):
    def gate(value, status):
        return limited("<= 3s", "fairness.overtaken_max_s", value, status)

    base = on("old", QUIET, FAST_MS, verdict={"gates": (gate(1.0, "pass"),)})
    for value, outcome in ((5.0, "undecided"), (12.0, "worse")):
        broken = failing("gates", gate(value, "fail"))
        assert told(base, on("new", QUIET, SLOW_MS, verdict=broken))[0] == outcome


@pytest.mark.parametrize("word", ["overtaken", "unanswered", "unsold", "load", "lost", "leaked"])
def test_what_fails_by_no_limit_on_a_time_is_no_machines_doing(on, word):
    base = on("old", QUIET, FAST_MS, verdict={"gates": (limited(),)})
    found, said, _ = told(base, on("new", QUIET, SLOW_MS, verdict=failing(word, limited())))
    assert (found, "times slower" in said) == ("worse", False), said


@pytest.mark.parametrize(
    ("metric", "limit", "value"),
    [
        ("census.failed", "<= 1%", 0.3),
        ("load.failed", "<= 1%", 0.3),
        ("sale.tickets_per_s", ">= 5", 4.9),
        ("generator.late_p99_ms", "<= 3s", 3100.0),
    ],
)
def test_limits_on_what_is_no_time_of_the_target_are_not_excused(on, metric, limit, value):
    base = on("old", QUIET, FAST_MS, verdict={"gates": (limited(limit, metric),)})
    broken = failing("gates", limited(limit, metric, value, "fail"))
    found, said, _ = told(base, on("new", QUIET, SLOW_MS, verdict=broken))
    assert (found, "times slower" in said) == ("worse", False), said


def elsewhere(run_of):
    target = run_of(100.0).plan.target
    there = target.model_copy(update={"stage": "external", "url": "https://staging.example.org"})
    return {"plan": {"target": there}}


def test_the_speed_of_this_machine_tells_nothing_of_a_target_elsewhere(on, run_of):
    there = elsewhere(run_of)
    found, said, _ = told(on("old", QUIET, FAST_MS, **there), on("new", SLOW, SLOW_MS, **there))
    assert (found, "times slower" in said) == ("worse", False), said
    swift = told(on("old", QUIET, SLOW_MS, **there), on("new", QUIET, FAST_MS, **there))
    assert swift[0] == "no_worse"


@pytest.mark.parametrize("interpolated", [5.2, 9.0])
def test_a_limit_on_a_pools_wait_is_held_by_the_bucket_alone(on, run_of, interpolated):
    """Whatever lies between the ends of the bucket, 5 and 10 s, is not known."""
    pools = run_of(100.0).verdict.pools
    known = {"wait_p99_ms": interpolated, "wait_p99_low_ms": 5.0, "wait_p99_high_ms": 10.0}
    waits = {"pools": (pools[0].model_copy(update=known), *pools[1:])}
    gate = f"pools[{pools[0].name}].wait_p99_ms"
    broken = failing("gates", limited("<= 5ms", gate, interpolated, "fail")) | waits
    base = on("old", QUIET, FAST_MS, verdict={"gates": (limited("<= 5ms", gate),)})
    assert told(base, on("new", QUIET, SLOW_MS, verdict=broken))[0] == "undecided"
    assert told(base, on("new", QUIET, FAST_MS, verdict=broken))[0] == "worse"
