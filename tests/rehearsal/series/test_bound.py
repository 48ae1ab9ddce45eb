"""How long runs take is told by what is known, and no run of a search begins that would end too
late."""

from pathlib import Path

import pytest

from dress_rehearsal.plans import PlanError, read_plan
from dress_rehearsal.rehearsal.series.bound import SeriesTime, TimeBound, lanes_told, long_words

SMOKE = read_plan(Path("smoke"))
"""24 s by the plan: lead 4 s, sale 6 s, drain 4 s, settle 10 s."""


def test_before_the_first_run_the_plan_and_an_assumption_are_all_there_is():
    bound = TimeBound.of(SMOKE, None)
    assert bound.told(10) == (
        "at most 10 runs of about 54 s each (24 s by the plan, and 30 s assumed for the stage and "
        "the judging), 9 min in all at most"
    )


def test_after_it_the_longest_run_so_far_counts():
    bound = TimeBound.of(SMOKE, None)
    bound.took_s += [20.4, 24.0]
    assert bound.whole_s(10) == pytest.approx(20.4 + 24.0 + 8 * 24.0)
    assert "of about 24 s each (the first took 20 s)" in bound.told(10)


def test_what_the_user_gives_is_never_exceeded():
    bound = TimeBound.of(SMOKE, 120.0)
    assert bound.told(10).endswith("120 s in all at most, as --at-most says")
    assert bound.lets_another(60)
    assert not bound.lets_another(70)
    bound.took_s.append(10.0)
    assert bound.lets_another(105)
    assert bound.told(2).endswith("20 s in all, and 120 s at most, as --at-most says")


def test_what_was_told_before_the_first_run_is_kept_whatever_runs_take():
    bound = TimeBound.of(SMOKE, None)
    bound.told(10)  # 540 s
    assert bound.lets_another(486)
    assert not bound.lets_another(487)
    bound.took_s.append(100.0)
    assert bound.told(10).endswith("9 min in all at most, as was told before")
    assert bound.lets_another(440)
    assert not bound.lets_another(450)
    assert "as was told before" not in bound.told(4)
    assert bound.lets_another(440)


def test_the_user_s_own_bound_is_told_beside_what_it_takes_by_the_plan():
    bound = TimeBound.of(SMOKE, 3_600.0)
    assert bound.told(10).endswith("9 min in all, and 60 min at most, as --at-most says")
    assert bound.lets_another(3_500)
    assert not bound.lets_another(3_550)


def test_too_little_for_one_run_is_refused():
    with pytest.raises(PlanError, match="is not enough for one run of this plan, which takes"):
        TimeBound.of(SMOKE, 50.0)


@pytest.mark.parametrize(("span_s", "words"), [(95.4, "95 s"), (180, "3 min"), (750, "12.5 min")])
def test_long_spans_are_minutes(span_s, words):
    assert long_words(span_s) == words


def series(*changes):
    return SeriesTime.of([read_plan(Path("smoke"), list(each)) for each in changes])


def test_a_series_is_told_as_a_whole_before_its_first_run():
    assert series(*[[]] * 10).told() == (
        "10 runs of about 54 s each (24 s by the plan, and 30 s assumed for the stage and the "
        "judging): 9 min in all."
    )
    assert series([]).told().startswith("1 run of about 54 s (24 s by the plan, and 30 s assumed")


def test_runs_of_different_length_are_told_from_the_shortest_to_the_longest():
    told = series(["schedule.sale=6s"], ["schedule.sale=66s"]).told()
    assert told.startswith("2 runs of about 54 s to 114 s each (24 s to 84 s by the plan")
    assert told.endswith(": 168 s in all.")


def test_after_each_run_the_rest_is_told_by_what_runs_took():
    times = series(*[[]] * 4)
    assert times.ahead(1, 20.0) == "1 of 4 done, after 20 s; the other 3 take about 162 s."
    times.took(0, 30.0)
    assert times.ahead(1, 30.0) == "1 of 4 done, after 30 s; the other 3 take about 90 s."
    times.took(1, 30.0)
    times.took(2, 300.0)  # one that was held up is no measure of the others
    assert times.ahead(3, 360.0) == "3 of 4 done, after 6 min; the last takes about 30 s."
    assert times.ahead(4, 390.0) == ""


@pytest.mark.parametrize(
    ("beside", "alone", "lanes", "words"),
    [
        (
            4,
            2,
            2,
            "6 cells of about 16 s each (by the plan, and 2 s assumed for settling and judging), "
            "2 at a time, 2 of them alone at the end, and 30 s assumed for setting the stages: "
            "94 s in all, and up to 30 s more before each cell that is alone while others are at "
            "work.",
        ),
        (
            0,
            1,
            1,
            "1 cell of about 16 s (by the plan, and 2 s assumed for settling and judging), and "
            "30 s assumed for setting the stage: 46 s in all, and up to 30 s more before the cell "
            "that is alone while others are at work.",
        ),
        (
            1,
            0,
            1,
            "1 cell of about 16 s (by the plan, and 2 s assumed for settling and judging), and "
            "30 s assumed for setting the stage: 46 s in all.",
        ),
    ],
)
def test_a_matrix_takes_as_long_as_its_lanes_and_then_what_wants_no_other(
    beside, alone, lanes, words
):
    assert lanes_told([SMOKE] * beside, [SMOKE] * alone, lanes, 30.0) == words
