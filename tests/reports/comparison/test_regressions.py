"""What is held: every margin that some run's plan asks for, on numbers as they are, of all runs."""

import dataclasses

import pytest

from dress_rehearsal.plans import Gate
from dress_rehearsal.reports.comparison import Side, compare
from dress_rehearsal.reports.comparison.baseline import snapshot
from dress_rehearsal.reports.schema import Regression
from tests.reports.comparison.conftest import AT_LEAST, MARGINS, P99

QUIET = [100.0, 101.0, 102.0, 103.0, 104.0]
SLOW = [300.0, 301.0, 302.0, 303.0, 304.0]
SHARE = "load.failed_share"
OTHER = Gate(metric="census.failed", regression="< 10%")
HELD = Gate(metric=P99, regression=MARGINS)


def told(*sides):
    comparison = compare(sides)
    return comparison.outcome, " ".join(comparison.reasons)


@pytest.fixture
def failing(side_of, run_of):
    """A side whose shares of failed requests are given."""

    def build(name, shares, margins="< 10%"):
        plan = {"gates": (Gate(metric=SHARE, regression=margins),)}
        side = side_of(name, QUIET, plan=plan)
        runs = []
        for run, share in zip(side.runs, shares, strict=True):
            load = run.verdict.load.model_copy(update={"failed_share": share})
            kept = (Regression(metric=SHARE, margins=margins, value=share),)
            verdict = run.verdict.model_copy(update={"load": load, "regressions": kept})
            runs.append(dataclasses.replace(run, verdict=verdict))
        return Side(name, tuple(runs))

    return build


def near(share):
    return [share + place * 1e-6 for place in range(5)]


@pytest.mark.parametrize(
    ("before", "after", "margins", "outcome"),
    [
        (0.0001, 0.0005, "< 10%", "worse"),
        (0.00001, 0.00045, "< 10%", "worse"),
        (0.0014, 0.0019, "< 50%", "no_worse"),
        (0.0001, 0.0001, "< 10%", "no_worse"),
    ],
)
def test_small_shares_are_held_as_they_are(failing, before, after, margins, outcome):
    sides = failing("old", near(before), margins), failing("new", near(after), margins)
    assert told(*sides)[0] == outcome
    assert snapshot(sides[0])["numbers"][SHARE] == pytest.approx(before + 2e-6)
    number = next(each for each in compare(sides).numbers if each.metric == SHARE)
    assert number.sides[1].median == pytest.approx(after + 2e-6)


def test_runs_without_the_number_do_not_drop_out_silently(side_of):
    found, said = told(side_of("old", QUIET * 2), side_of("new", [*QUIET, *[None] * 5]))
    assert (found, "not measured in 5 of 10 runs of new" in said) == ("undecided", True)
    assert told(side_of("old", QUIET * 2), side_of("new", QUIET * 2))[0] == "no_worse"


def with_gates(side, gates, runs):
    """Return a side of which the first so many runs have other gates."""
    changed = [
        dataclasses.replace(run, plan=run.plan.model_copy(update={"gates": gates}))
        for run in side.runs[:runs]
    ]
    return Side(side.name, (*changed, *side.runs[runs:]))


@pytest.mark.parametrize("runs", [1, 5])
def test_a_gate_that_was_taken_out_of_later_plans_is_not_forgotten(side_of, runs):
    new = with_gates(side_of("new", SLOW), (OTHER,), runs)
    found, said = told(side_of("old", QUIET), new)
    assert found == "undecided"
    assert f"{P99}: no regression is asked for in {runs} of 5 runs of new." in said


def test_a_gate_that_some_runs_of_the_base_had_is_undecided(side_of):
    old = with_gates(side_of("old", QUIET), (OTHER,), 2)
    found, said = told(old, side_of("new", QUIET))
    assert (found, "asked for in 2 of 5 runs of old." in said) == ("undecided", True)


def test_a_gate_that_is_new_is_held_against_runs_of_before(side_of):
    old = with_gates(side_of("old", QUIET), (), 5)
    assert told(old, side_of("new", SLOW))[0] == "worse"
    assert told(old, side_of("new", QUIET))[0] == "no_worse"


def test_margins_that_differ_decide_only_what_both_say(side_of):
    loose = (Gate(metric=P99, regression="< 1000%"),)
    old = side_of("old", QUIET)
    found, said = told(old, side_of("new", SLOW, plan={"gates": loose}))
    assert (found, "margins of the runs differ (< 1000%, < 10%" in said) == ("undecided", True)
    assert told(old, side_of("new", QUIET, plan={"gates": loose}))[0] == "no_worse"


def test_one_scenario_has_to_be_that_of_all_runs(side_of):
    def mixed(side, first):
        runs = [
            dataclasses.replace(run, scenario="a" if place < first else "b")
            for place, run in enumerate(side.runs)
        ]
        return Side(side.name, tuple(runs))

    slow = side_of("new", SLOW)
    found, said = told(mixed(side_of("old", QUIET), 4), mixed(slow, 1))
    assert (found, "the scenarios differ" in said) == ("undecided", True)
    assert told(mixed(side_of("old", QUIET), 5), mixed(slow, 5))[0] == "worse"


def test_a_build_that_makes_the_rehearsal_late_is_not_judged_by_its_quick_runs_alone(run_of):
    """Half of its runs are five times slower: they took the CPU that the generator needed."""
    base = Side("old", tuple(run_of(100.0 + each, each) for each in range(1, 11)))
    quick = [run_of(100.0 + each, each) for each in range(1, 6)]

    def held(doubts, number=5):
        update = {"doubts": doubts, "verdict": "inconclusive"}
        slow = [run_of(500.0 + each, each, verdict=update) for each in range(6, 6 + number)]
        return compare([base, Side("new", (*quick, *slow))])

    for doubts in (
        ("late_sends",),
        ("cpu_limit", "late_sends"),
        ("foreign_cpu_unknown", "late_sends"),
    ):
        comparison = held(doubts)
        assert comparison.outcome == "undecided"
        (said,) = (each for each in comparison.reasons if "The build may be why" in each)
        assert "without 5 of 10 runs of new that do not count" in said
    others = held(("foreign_cpu", "late_sends"))
    assert others.outcome == "no_worse", "other programs are known to be why"
    assert others.notes[0] == (
        "new: 5 of 10 runs were disturbed (in 5 runs other programs took the CPU), and their times "
        "do not count."
    )
    one = held(("late_sends",), number=1)
    assert one.outcome == "no_worse", "whatever it really took, the median stays"
    assert one.notes[0] == (
        "new: 1 of 6 runs was disturbed (in 1 run requests left late), and its times do not count."
    )
    calm = compare([base, Side("new", tuple(quick))]).notes
    assert not any("disturbed" in each for each in calm)


def test_a_base_whose_own_slow_runs_do_not_count_accuses_no_build(run_of):
    """It is late in every second run and slower there than the new build ever is."""
    late = {"doubts": ("late_sends",), "verdict": "inconclusive"}
    quick = [run_of(100.0 + each, each) for each in range(1, 6)]
    slow = [run_of(500.0 + each, each, verdict=late) for each in range(6, 12)]
    new = Side("new", tuple(run_of(200.0 + each, each) for each in range(20, 26)))
    found = compare([Side("old", (*quick, *slow)), new])
    assert found.outcome == "undecided"
    assert any("without 6 of 11 runs of old that do not count" in each for each in found.reasons)
    for others in ((), slow[:1]):
        assert compare([Side("old", (*quick, *others)), new]).outcome == "worse"


def test_a_rate_of_runs_that_the_build_made_late_may_be_as_low_as_can_be(run_of):
    rate = "sale.tickets_per_s"
    gates = {"gates": (Gate(metric=rate, regression="< 10%"),)}

    def run(number, doubts=()):
        own = run_of(100.0, number).verdict
        sale = own.sale.model_copy(update={"tickets_per_s": 900.0 + number})
        return run_of(100.0, number, plan=gates, verdict={"sale": sale, "doubts": doubts})

    base = Side("old", tuple(run(each) for each in range(1, 6)))
    late = [run(each, ("late_sends",)) for each in range(6, 12)]
    found = compare([base, Side("new", (*base.runs, *late))])
    assert found.outcome == "undecided"
    assert compare([base, Side("new", base.runs)]).outcome == "no_worse"


def test_what_an_interval_does_not_exclude_is_said_of_a_number_that_is_no_worse(side_of):
    """Two of five runs nine times slower leave the median where it was."""
    base = side_of("old", [100.0, 101.0, 102.0, 103.0, 104.0])
    outcome, said = told(base, side_of("new", [100.0, 101.0, 102.0, 900.0, 950.0]))
    assert outcome == "no_worse"
    assert said.endswith(
        "within < 10% and < 20 ms; an increase of up to 848 ms is not excluded, so repeat both "
        "more often."
    )
    bounds = [AT_LEAST(10_000.0)] * 2
    outcome, said = told(base, side_of("new", [100.0, 101.0, 102.0, *bounds]))
    assert (outcome, "an increase of any size is not excluded" in said) == ("no_worse", True)
    outcome, said = told(base, side_of("new", [102.0, 103.0, 104.0, 105.0, 106.0]))
    assert (outcome, "excluded" in said) == ("no_worse", False)


def test_of_a_rate_a_decrease_is_not_excluded(run_of):
    rate = "sale.tickets_per_s"
    gates = {"gates": (Gate(metric=rate, regression="< 10%"),)}

    def side(name, rates):
        own = run_of(100.0).verdict.sale
        sales = [own.model_copy(update={"tickets_per_s": each}) for each in rates]
        runs = (run_of(100.0, n, plan=gates, verdict={"sale": s}) for n, s in enumerate(sales))
        return Side(name, tuple(runs))

    base = side("old", [900.0, 901.0, 902.0, 903.0, 904.0])
    outcome, said = told(base, side("new", [900.0, 901.0, 902.0, 100.0, 110.0]))
    assert (outcome, "a decrease of up to 802/s is not excluded" in said) == ("no_worse", True)
    outcome, said = told(base, side("new", [900.0, 901.0, 902.0, 2_000.0, 2_000.0]))
    assert (outcome, "excluded" in said) == ("no_worse", False)
