"""A change is told with run and build; other plans, machines, disturbed runs do not mix in."""

import pytest

from dress_rehearsal.reports.history.entry import MACHINE_SPEED
from dress_rehearsal.reports.history.series import same_series, series_of
from tests.reports.history.conftest import P99, entry
from tests.reports.history.seeded_series import planted

PLANTED = planted(30, 20, 100, 130, 0.03, seed=2)


def test_a_change_is_dated_by_run_and_build(entries):
    runs = entries(PLANTED)
    (series,) = series_of(runs)
    (change,) = series.changes
    assert (change.after_run, change.run) == (runs[19].run, runs[20].run)
    assert (change.after_build, change.build) == ("build-19", "build-20")
    assert change.relative == pytest.approx(0.3, abs=0.05)
    assert (change.worse, change.runs) == (True, 10)
    assert change.p < 0.001


def test_a_series_without_a_change_is_silent(entries):
    (series,) = series_of(entries(planted(30, 30, 100, 100, 0.03, seed=3)))
    assert series.changes == ()


def test_a_machine_that_became_slower_is_told_beside_and_is_neither_worse_nor_better(entries):
    speeds = planted(30, 20, 20, 40, 0.03, seed=5)
    runs = [
        entry(number, value, numbers={P99: value, MACHINE_SPEED: speed})
        for number, (value, speed) in enumerate(zip(PLANTED, speeds, strict=True))
    ]
    found = {each.metric: (each.run, each.worse) for each in series_of(runs)[0].changes}
    assert found == {P99: (runs[20].run, True), MACHINE_SPEED: (runs[20].run, None)}


@pytest.mark.parametrize("changed", [{"plan_digest": "e" * 12}, {"fingerprint": "n" * 12}])
def test_another_plan_or_machine_is_a_series_of_its_own(entries, changed):
    runs = entries(PLANTED[:20]) + entries(PLANTED[20:], first=20, **changed)
    series = series_of(runs)
    assert [len(each.entries) for each in series] == [10, 20]
    assert not any(each.changes for each in series)


def test_disturbed_runs_neither_make_a_change_nor_hide_one(entries):
    quiet = planted(20, 20, 100, 100, 0.03, seed=4)
    slow = entries([500.0] * 8, first=20, doubts=("foreign_cpu",))
    assert series_of([*entries(quiet), *slow])[0].changes == ()
    counted = entries([0.0] * 10 + [4.0] * 10, metric="audit.oversold", doubts=("foreign_cpu",))
    (change,) = series_of(counted)[0].changes
    assert change.metric == "audit.oversold", "a wrong is no busy machine's doing"
    failed = entries([0.0] * 10 + [4.0] * 10, metric="census.failed", doubts=("foreign_cpu",))
    assert series_of(failed)[0].changes == ()


def test_a_rate_that_falls_is_worse_and_a_number_without_a_direction_neither(entries):
    falls = entries([50.0, 51.0] * 5 + [30.0, 31.0] * 5, metric="sale.tickets_per_s")
    neither = entries([50.0] * 8 + [60.0] * 8, metric="sale.granted")
    assert series_of(falls)[0].changes[0].worse is True
    assert series_of(neither)[0].changes[0].worse is None


def test_what_a_run_did_not_measure_is_left_out_not_taken_for_zero(entries):
    values = list(PLANTED)
    values[5] = values[25] = None
    (change,) = series_of(entries(values))[0].changes
    assert change.build == "build-20"


def test_only_what_is_asked_for_is_looked_at(entries):
    runs = entries(PLANTED)
    assert series_of(runs, wanted=["census.failed"])[0].changes == ()
    assert series_of(runs, min_magnitude=0.5)[0].changes == ()
    assert series_of(runs)[0].shown() == [P99]


def test_the_series_of_a_run_ends_with_it_and_has_it_once(entries):
    runs = entries([100.0] * 12)
    other = entry(50, 1.0, plan_digest="e" * 12)
    own = entry(11, 105.0)
    kept = same_series([*runs, other], own, most=5)
    assert [each.run for each in kept] == [each.run for each in runs[-5:]]
    assert kept[-1].numbers[P99] == 105.0


def test_a_run_that_is_judged_anew_after_many_others_keeps_itself(entries):
    runs = entries(PLANTED)
    kept = same_series(runs, runs[7], most=5)
    assert [each.run for each in kept] == [each.run for each in runs[3:8]]
    assert same_series(runs, runs[27], most=5) == list(runs[-5:])
