"""A lower bound is shown as one in a comparison, and decides as far as it is certain."""

import json

import pytest

from dress_rehearsal.reports.comparison import Side, compare, overview
from dress_rehearsal.reports.comparison.baseline import snapshot
from dress_rehearsal.reports.comparison.numbers import Metric, compared_number
from dress_rehearsal.reports.comparison.output import (
    _ends,
    comparison_figure,
    comparison_markdown,
    comparison_page,
    number_table,
)
from dress_rehearsal.reports.comparison.schema import SideNumber
from dress_rehearsal.reports.figures.comparison import Spread
from tests.reports.comparison.conftest import AT_LEAST, P99
from tests.steps import PURCHASE

QUIET = [100.0, 101.0, 102.0, 103.0, 104.0]
SLOW = [300.0, 301.0, 302.0, 303.0, 304.0]
QUIET_AT_LEAST = [AT_LEAST(each) for each in QUIET]
SLOW_AT_LEAST = [AT_LEAST(each) for each in SLOW]
FAR_BOUND = AT_LEAST(9_000.0)


def number_of(comparison):
    return next(each for each in comparison.numbers if each.metric == P99)


@pytest.mark.parametrize(
    ("before", "after", "outcome"),
    [
        (QUIET, SLOW, "worse"),
        (QUIET, SLOW_AT_LEAST, "worse"),
        (QUIET, QUIET_AT_LEAST, "undecided"),
        (SLOW, QUIET_AT_LEAST, "undecided"),
        (QUIET_AT_LEAST, SLOW, "undecided"),
        (SLOW_AT_LEAST, QUIET, "no_worse"),
        (QUIET_AT_LEAST, QUIET_AT_LEAST, "undecided"),
        (QUIET, [*QUIET[:4], FAR_BOUND], "no_worse"),
        ([*QUIET[:4], FAR_BOUND], QUIET, "no_worse"),
    ],
)
def test_what_is_certain_is_decided_and_nothing_else(side_of, before, after, outcome):
    comparison = compare([side_of("old", before), side_of("new", after)])
    (held,) = comparison.regressions
    assert (held.status, comparison.outcome) == (outcome, outcome)
    if outcome == "undecided":
        assert held.sentence.endswith("is open: have students wait longer (students.timeout).")
        assert "at least" in held.sentence


def test_where_the_margins_are_exceeded_for_certain_only_chance_is_said_to_be_open(side_of):
    before, after = [*[100.0] * 4, AT_LEAST(150.0)], [200.0] * 5
    comparison = compare([side_of("old", before), side_of("new", after)])
    (held,) = comparison.regressions
    assert held.status == "undecided"
    assert held.sentence.endswith(
        "beyond < 10% and < 20 ms, but chance may have done it: repeat both more often, and have "
        "students wait longer (students.timeout)."
    )


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        (QUIET, SLOW, ("+200 ms (+196%)", "+197 ms to +203 ms")),
        (QUIET, SLOW_AT_LEAST, ("at least +200 ms (+196%)", "+197 ms or more")),
        (SLOW_AT_LEAST, QUIET, ("at most −200 ms (−66.2%)", "−197 ms or less")),
        (SLOW_AT_LEAST, QUIET_AT_LEAST, ("not known", "not known")),
    ],
)
def test_a_difference_says_which_way_it_is_open(side_of, before, after, change):
    comparison = compare([side_of("old", before), side_of("new", after)])
    (row,) = (line for line in number_table(comparison).splitlines() if "10%" in line)
    cells = [cell.strip() for cell in row.split("|")[1:-1]]
    assert tuple(cells[3:5]) == change
    assert cells[1].startswith("at least") == (before is SLOW_AT_LEAST)


def test_the_word_is_on_every_surface(side_of):
    comparison = compare([side_of("old", QUIET), side_of("new", SLOW_AT_LEAST)])
    words = "at least 302 ms (at least 300 ms to at least 304 ms)"
    for text in (overview(comparison), comparison_markdown(comparison)):
        assert words in text
    assert words in comparison_page(comparison)
    assert "at least 302 ms" in comparison_figure(comparison)
    own = json.loads(comparison.text())
    (number,) = (each for each in own["numbers"] if each["metric"] == P99)
    assert number["sides"][0]["at_least"] == []
    assert number["sides"][1]["at_least"] == ["median", "least", "most"]
    (change,) = number["changes"]
    assert (change["bound"], change["low"], change["high"]) == ("at_least", 197, None)


def test_numbers_that_are_known_have_no_such_word(side_of):
    comparison = compare([side_of("old", QUIET), side_of("new", SLOW)])
    assert "at least" not in number_table(comparison)
    assert number_of(comparison).changes[0].bound is None


def test_a_single_run_has_no_interval_of_its_own_then(side_of):
    comparison = compare([side_of("old", [100.0]), side_of("new", [AT_LEAST(300.0)])])
    assert number_of(comparison).sides[0].low is not None
    assert number_of(comparison).sides[1].low is None
    assert "at least 300 ms" in number_table(comparison)


def test_bounds_that_are_alike_are_not_called_the_same(side_of):
    sides = side_of("old", [AT_LEAST(300.0)]), side_of("new", [AT_LEAST(300.0)])
    comparison = compare(sides)
    assert not number_of(comparison).same
    assert "of buying only lower bounds are known, so not who has least" in (
        comparison_figure(comparison).lower()
    )


def test_a_baseline_keeps_which_of_its_medians_are_bounds(side_of):
    assert snapshot(side_of("old", QUIET))["at_least"] == []
    kept = snapshot(side_of("old", SLOW_AT_LEAST))
    assert (kept["numbers"][P99], kept["at_least"]) == (302, [P99])


@pytest.mark.parametrize(("least", "ends"), [(150.0, (90.0, None)), (250.0, (90.0, 200.0))])
def test_an_interval_within_a_single_run_that_has_no_end_is_told_without_one(run_of, least, ends):
    verdict = run_of(100.0).verdict
    ended = {"given_up": 1, "failed": 1, "given_up_least": least}
    bought = verdict.latency_ms[PURCHASE].model_copy(
        update={"p99_low": 90.0, "p99_high": 200.0, **ended}
    )
    latency = verdict.latency_ms | {PURCHASE: bought}
    one = Side("one", (run_of(100.0, verdict={"latency_ms": latency, "gates": ()}),))
    (number,) = compared_number([one], Metric(P99, None)).sides
    assert (number.low, number.high) == ends


def test_an_interval_without_an_end_is_drawn_as_one_that_goes_on():
    def drawn(**interval):
        return _ends(SideNumber(counted=1, median=9.0, least=9.0, most=9.0, **interval), 1)

    assert drawn(low=8.0, high=10.0) == Spread(8.0, 10.0)
    assert drawn(low=8.0, high=None) == Spread(8.0, 9.0, goes_on=True)
    assert drawn() is None, "a lower bound has no interval"
