"""Compared, a side is worse only beyond its margins and beyond chance, on the same ground."""

import dataclasses
import json
import re

import pytest

from dress_rehearsal.plans import Gate
from dress_rehearsal.plans.sections.scenario import Scenario
from dress_rehearsal.plans.sections.target import Target
from dress_rehearsal.reports.comparison import Side, compare, overview
from dress_rehearsal.reports.comparison.output import (
    comparison_figure,
    comparison_markdown,
    comparison_page,
)
from dress_rehearsal.reports.comparison.sides import read_sides
from dress_rehearsal.reports.comparison.tables import SIDE_COLUMNS, side_rows
from tests.reports.comparison.conftest import MARGINS, P99
from tests.steps import PURCHASE

PAY = "POST /pay"
QUIET = [100.0, 101.0, 102.0, 103.0, 104.0]


def told(*sides):
    comparison = compare(sides)
    return comparison.outcome, " ".join(comparison.reasons)


@pytest.mark.parametrize(
    ("after", "outcome", "sentence"),
    [
        ([140.0, 141.0, 142.0, 143.0, 144.0], "worse", "beyond < 10% and < 20 ms."),
        ([111.0, 112.0, 113.0, 114.0, 115.0], "no_worse", "within < 10% and < 20 ms."),
        ([60.0, 61.0, 62.0, 63.0, 64.0], "no_worse", "within"),
        ([101.0, 103.0, 130.0, 900.0, 950.0], "undecided", "chance may have done it"),
        ([140.0, 141.0, 142.0, 143.0], "undecided", "new has 4 runs of the 5 that it takes"),
        ([140.0, 141.0, 142.0, 143.0, None], "undecided", "not measured in 1 of 5 runs of new"),
    ],
)
def test_worse_takes_both_margins_and_more_than_chance(side_of, after, outcome, sentence):
    found, said = told(side_of("old", QUIET), side_of("new", after))
    assert found == outcome, said
    assert sentence in said


def test_a_breach_is_told_with_both_numbers_and_the_interval(side_of):
    _, said = told(side_of("old", QUIET), side_of("new", [140.0, 141.0, 142.0, 143.0, 144.0]))
    assert (
        f"Worse: {P99} is 142 ms in new, 102 ms before: +40 ms (+39.2%) (95% interval +37 ms to "
        f"+43 ms), beyond {MARGINS}." in said
    )


@pytest.mark.parametrize(
    ("margins", "outcome"),
    [("< 10%", "worse"), ("< 50 ms", "no_worse"), ("< 10% and < 50 ms", "no_worse")],
)
def test_either_margin_may_stand_alone(side_of, margins, outcome):
    gates = {"gates": (Gate(metric=P99, regression=margins),)}
    slow = [value * 1.3 for value in QUIET]
    sides = (side_of("old", QUIET, plan=gates), side_of("new", slow, plan=gates))
    assert told(*sides)[0] == outcome


def test_fewer_tickets_a_second_are_worse_and_more_are_not(side_of, run_of):
    own = run_of(100.0).verdict.sale
    gates = {"gates": (Gate(metric="sale.tickets_per_s", regression="< 10%"),)}

    def selling(name, rate):
        sale = own.model_copy(update={"tickets_per_s": rate})
        return side_of(name, QUIET, plan=gates, verdict={"sale": sale})

    assert told(selling("old", 900.0), selling("new", 700.0))[0] == "worse"
    assert told(selling("old", 900.0), selling("new", 1100.0))[0] == "no_worse"


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"machine": {"fingerprint": "77"}}, "were not made on one machine"),
        ({"machine": {"fingerprint": None}}, "were not made on one machine"),
        ({"plan": {"postgres": {"max_connections": 50}}}, "the plans differ in postgres"),
    ],
)
def test_on_other_ground_nothing_is_decided(side_of, run_of, changed, sentence):
    if "plan" in changed:
        postgres = run_of(1.0).plan.postgres.model_copy(update=changed["plan"]["postgres"])
        changed = {"plan": {"postgres": postgres}}
    slow = [value * 2 for value in QUIET]
    found, said = told(side_of("old", QUIET), side_of("new", slow, **changed))
    assert (found, sentence in said) == ("undecided", True), said


def test_a_build_elsewhere_and_another_limit_are_the_same_ground(side_of, run_of):
    gates = (Gate(metric=P99, limit="<= 1s", regression=MARGINS),)
    plan = {"gates": gates, "description": "today", "name": "renamed"}
    commit = {"git_commit": "b" * 40}
    slow = [value * 2 for value in QUIET]
    assert told(side_of("old", QUIET), side_of("new", slow, plan=plan, machine=commit))[0] == (
        "worse"
    )


def test_another_scenario_is_other_ground(side_of):
    import dataclasses

    new = side_of("new", [value * 2 for value in QUIET])
    runs = tuple(dataclasses.replace(run, scenario="12ab") for run in new.runs)
    found, said = told(side_of("old", QUIET), dataclasses.replace(new, runs=runs))
    assert (found, "the scenarios differ" in said) == ("undecided", True)


def test_a_kept_run_without_its_scenario_is_named_and_one_with_it_compares(
    run_of, written, tmp_path
):
    """All three files that were said to be enough, of a plan with a scenario of its own."""
    target = Target(stage="external", url="http://127.0.0.1:8000")
    own = {"scenario": Scenario(file="/shop/scenario.py"), "target": target}
    runs = [tuple(run_of(QUIET[n % 5], n, plan=own) for n in of) for of in (range(5), range(5, 10))]
    sides = [
        written(tmp_path / name, Side(name, side))
        for name, side in zip(("old", "new"), runs, strict=True)
    ]
    found, said = told(*read_sides(sides))
    assert (found, "old has no copy of its scenario (scenario.py" in said) == ("undecided", True)
    for run in sides[0].iterdir():
        (run / "scenario.py").write_text("class Buyer: ...")
    found, said = told(*read_sides(sides))
    assert (found, "new has no copy of its scenario" in said) == ("undecided", True)
    for run in sides[1].iterdir():
        (run / "scenario.py").write_text("class Buyer: ...")
    found, said = told(*read_sides(sides))
    assert (found, "scenario" in said) == ("no_worse", False)


@pytest.mark.parametrize(
    ("doubts", "verdict", "outcome"),
    [
        (("foreign_cpu",), "inconclusive", "undecided"),
        (("cut_short",), "inconclusive", "undecided"),
        (("gap",), "inconclusive", "worse"),
        (None, "inconclusive", "undecided"),
        (None, "pass", "worse"),
    ],
)
def test_a_disturbed_run_is_none_of_the_five(side_of, doubts, verdict, outcome):
    slow = [value * 2 for value in QUIET]
    odd = {"doubts": doubts, "verdict": verdict}
    found, said = told(side_of("old", QUIET), side_of("new", slow, verdict=odd))
    assert found == outcome
    assert ("5 disturbed runs do not count" in said) == (outcome == "undecided")


def test_who_fails_where_nobody_did_before_is_worse_whatever_its_numbers(side_of):
    wronged = {"verdict": "fail", "reasons": ("Oversold: 3.",)}
    found, said = told(side_of("old", QUIET), side_of("new", QUIET, verdict=wronged))
    assert found == "worse"
    assert said.startswith("Worse: 5 of 5 in new failed, and none before: Oversold: 3.")
    assert told(side_of("old", QUIET, verdict=wronged), side_of("new", QUIET, verdict=wronged))[
        0
    ] == ("undecided")


def test_a_plan_without_regressions_holds_nothing_and_says_so(side_of):
    gates = {"gates": (Gate(metric=P99, limit="<= 3s"),)}
    found, said = told(side_of("old", QUIET, plan=gates), side_of("new", QUIET, plan=gates))
    assert (found, said.startswith("Nothing was held")) == ("undecided", True)


def test_of_several_sides_the_worst_decides(side_of):
    slow = [value * 2 for value in QUIET]
    sides = side_of("old", QUIET), side_of("same", QUIET), side_of("slow", slow)
    found, said = told(*sides)
    assert found == "worse"
    assert said.index("in slow") < said.index("in same")


@pytest.mark.slow
def test_everything_that_is_written_of_it_tells_the_same_every_time(side_of):
    wronged = {"verdict": "fail", "reasons": ("<script>|`x`",)}
    sides = side_of("old", QUIET), side_of("n|w", [value * 2 for value in QUIET], verdict=wronged)
    comparison = compare(sides)
    for made in (comparison_markdown, comparison_page, comparison_figure):
        assert made(comparison) == made(compare(sides))
        assert "<script>" not in made(comparison)
    document = json.loads(comparison.text())
    assert document["outcome"] == "worse"
    assert comparison_markdown(comparison).startswith("# ❌ Worse: n\\|w against old")
    assert "n\\|w (5 runs) | 5 fail" in overview(comparison)
    assert "102 ms (100 ms to 104 ms)" in overview(comparison)


def test_one_run_a_side_is_said_to_be_chance_and_has_its_own_interval(side_of):
    comparison = compare([side_of("old", [100.0]), side_of("new", [130.0])])
    assert comparison.outcome == "undecided"
    assert "only repeats tell" in comparison.notes[0]
    assert "runs needed: 4 more of base and 4 here" in comparison_markdown(comparison)


@pytest.mark.parametrize(
    ("base", "side", "doubts", "words"),
    [
        ([100.0], [130.0], (), "4 more of base and 4 here"),
        ([100.0], [130.0], ("foreign_cpu",), "4 more of base and 5 here"),
        (QUIET, [130.0], (), "4 more here"),
        (QUIET[:3], QUIET, (), "2 more of base"),
    ],
)
def test_it_is_told_which_side_needs_more_runs(side_of, base, side, doubts, words):
    odd = {"doubts": doubts}
    text = comparison_markdown(compare([side_of("old", base), side_of("new", side, verdict=odd)]))
    row = next(line for line in text.splitlines() if "p99 |" in line and "runs needed" in line)
    assert f" runs needed: {words} |" in row


def test_that_a_side_was_disturbed_comes_before_that_nothing_was_held(side_of):
    """Else p99 is a hundred times as long, and the headline speaks of gates."""
    gates = {"gates": (Gate(metric=P99, limit="<= 3s"),)}
    slow = side_of("new", [2_219.0], plan=gates, verdict={"doubts": ("late_sends", "foreign_cpu")})
    quiet = side_of("old", [32.5], plan=gates)
    disturbed = compare([quiet, slow])
    assert disturbed.reasons[0] == (
        "new: the run was disturbed (other programs took the CPU), so its times do not tell how "
        "fast that build is. Stop what disturbs it (`rehearse doctor` names other programs), and "
        "rehearse it again."
    )
    assert disturbed.reasons[1].startswith("Nothing was held")
    assert compare([quiet, quiet]).reasons[0].startswith("Nothing was held")


def test_of_repeats_it_is_told_how_many_were_disturbed_and_only_where_that_decides(side_of, run_of):
    runs = [
        run_of(100.0, seed, verdict={"doubts": doubts})
        for seed, doubts in enumerate([(), ("steal",), ("late_sends",), ("steal",), ()])
    ]
    few = compare([side_of("old", QUIET), Side("new", tuple(runs))])
    assert few.reasons[0].startswith(
        "new: 3 of 5 runs were disturbed (in 2 runs the host gave the CPU to other machines; in 1 "
        "run requests left late), so their times do not tell"
    )
    wronged = {"verdict": "fail", "reasons": ("Oversold: 3.",), "doubts": ("steal",)}
    worse = compare([side_of("old", QUIET), side_of("new", QUIET, verdict=wronged)])
    assert worse.reasons[0].startswith("Worse: ")


def test_the_page_has_the_figure_for_telephones_too_and_its_widest_table_may_wrap(side_of):
    page = comparison_page(compare([side_of("old", [100.0]), side_of("new", [130.0])]))
    assert page.count('<div class="wide">') == page.count('<div class="narrow">') == 1
    head = page.partition('<table id="sides"')[2].partition("</thead>")[0]
    wrapped = re.findall(r'class="text">([^<]*)<', head)
    assert {"Tickets/s", "Sold out after", "Purchase p99", "Pool wait p99"} <= set(wrapped)


def test_what_differs_between_plans_and_machines_is_shown_but_no_secret(side_of, run_of):
    target = run_of(1.0).plan.target.model_copy(update={"headers": {"X-Api-Key": "letmein"}})
    new = side_of("new", QUIET, plan={"target": target}, machine={"packages": {"litestar": "2.16"}})
    text = comparison_markdown(compare([side_of("old", QUIET), new]))
    assert "X-Api-Key" in text
    assert "letmein" not in text
    assert "| packages.litestar | 2.15 | 2.16 |" in text
    assert "seed" not in text.partition("between the plans")[2].partition("##")[0]


def test_a_figure_shows_the_sides_that_have_no_verdict_where_they_were_planned(side_of):
    comparison = compare([side_of("4", [100.0]), side_of("16", [300.0])])
    plain = comparison_figure(comparison)
    told = comparison_figure(comparison, {1: ("8", "no space was left")})
    assert "A cross: no verdict of 8." in told
    assert "no verdict" not in plain
    assert len(told) > len(plain)


def test_failed_and_unknown_students_are_told_apart_by_the_words_of_the_page(side_of, run_of):
    census = run_of(100.0).verdict.census.model_copy(update={"failed": 3, "unknown": 2})
    comparison = compare([side_of("a", [100.0]), side_of("b", [100.0], verdict={"census": census})])
    head, _, first, second = overview(comparison).splitlines()
    assert "failed/unknown" in head
    assert [line.split("|")[-2].strip() for line in (first, second)] == ["0/0", "3/2"]


@pytest.mark.parametrize(
    ("reserve", "pay", "slowest"), [(9.0, 900.0, PAY), (950.0, 90.0, PURCHASE)]
)
def test_of_a_purchase_of_two_requests_every_one_is_compared_the_slowest_first(
    side_of, reserve, pay, slowest
):
    one = side_of("yesterday", [100.0])
    (run,) = one.runs
    roles = dict(run.verdict.roles) | {PAY: "purchase"}

    def side(name, reserve, pay):
        bought = run.verdict.latency_ms[PURCHASE]
        latency = run.verdict.latency_ms | {
            PURCHASE: bought.model_copy(update={"p99": reserve}),
            PAY: bought.model_copy(update={"p99": pay, "count": bought.count // 4}),
        }
        changed = run.verdict.model_copy(update={"latency_ms": latency, "roles": roles})
        return Side(name, (dataclasses.replace(run, verdict=changed),))

    found = compare([side("yesterday", 9.0, 8.0), side("now", reserve, pay)])
    assert found.purchase == f"latency_ms[{slowest}].p99"
    compared = {number.metric for number in found.overview}
    assert {f"latency_ms[{step}].p99" for step in (PURCHASE, PAY)} <= compared
    _base, now = side_rows(found)
    column = SIDE_COLUMNS.index("purchase p99")
    assert now[column].endswith(f" at {slowest}")
    assert now[column].startswith(f"{max(reserve, pay):g} ms")
    alone = compare([one, side_of("now", [120.0])])
    assert alone.purchase == f"latency_ms[{PURCHASE}].p99"
    assert " at " not in next(iter(side_rows(alone)))[column]


@pytest.mark.parametrize(("diagnosis", "saturated"), [("undersized", 1), ("healthy", 0)])
def test_a_pool_that_saturated_at_no_moment_known_is_counted_all_the_same(
    side_of, run_of, diagnosis, saturated
):
    """Without T-0 there is no moment to tell."""
    pool, *others = run_of(100.0).verdict.pools
    own = pool.model_copy(update={"diagnosis": diagnosis, "saturated_at_s": None})
    side = Side("new", (run_of(100.0, verdict={"pools": (own, *others)}),))
    compared = compare([side_of("old", [100.0]), side]).sides[1].pools
    assert next(each.saturated for each in compared if each.name == pool.name) == saturated
