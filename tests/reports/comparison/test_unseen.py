"""Where nothing became worse, a comparison says so, and which change it could not have seen."""

import pytest

from dress_rehearsal.plans import Gate
from dress_rehearsal.reports.comparison import Side, compare
from dress_rehearsal.reports.comparison.output import comparison_markdown, comparison_page
from dress_rehearsal.reports.comparison.words import origin_words
from tests.reports.comparison.conftest import AT_LEAST, P99

QUIET = [100.0, 101.0, 102.0, 103.0, 104.0]
NOISY = [80.0, 95.0, 102.0, 120.0, 140.0]
PLAINLY = "No number that is held became worse by more than its margin."


def test_where_any_change_would_have_been_told_none_is_said_to_hide(run_of):
    gates = {"gates": (Gate(metric="census.failed", regression="< 10%"),)}
    old, new = (
        Side(name, tuple(run_of(100.0, seed, plan=gates) for seed in range(1, 6)))
        for name in ("old", "new")
    )
    found = compare([old, new])
    assert (found.outcome, found.regressions[0].seen_from) == ("no_worse", 0)
    assert found.reasons[0] == PLAINLY
    assert not [reason for reason in found.reasons if "would not have shown" in reason]


@pytest.mark.parametrize(
    ("before", "after", "least"),
    [(QUIET, QUIET, 20.0), (NOISY, NOISY, 40.0), (NOISY, [70.0, 81.0, 90.0, 99.0, 125.0], 38.0)],
)
def test_the_smallest_change_that_is_told_is_what_a_comparison_would_tell(
    side_of, before, after, least
):
    base = side_of("old", before)
    found = compare([base, side_of("new", after)])
    (held,) = found.regressions
    assert found.outcome == "no_worse"
    assert held.seen_from == least
    assert found.reasons[:2] == (
        PLAINLY,
        f"These runs would not have shown {P99} becoming worse by less than "
        f"{least:.0f} ms ({100 * least / 102:.3g}%).",
    )
    apart = sorted(after)[2] - 102.0
    for more, outcome in ((-0.01, {"no_worse", "undecided"}), (+0.01, {"worse"})):
        moved = [value + least - apart + more for value in after]
        assert compare([base, side_of("new", moved)]).outcome in outcome, moved


@pytest.mark.parametrize(
    "after", [[value * 2 for value in QUIET], QUIET[:4], [101.0, 103.0, 130.0, 900.0, 950.0]]
)
def test_what_is_worse_or_open_is_not_told_to_be_fine(side_of, after):
    found = compare([side_of("old", QUIET), side_of("new", after)])
    assert not [
        reason for reason in found.reasons if reason == PLAINLY or "would not have shown" in reason
    ]
    assert found.regressions[0].seen_from is None


@pytest.mark.parametrize(
    ("field", "margins", "before", "least", "worse"),
    [
        ("tickets_per_s", "< 10%", 900.0, 90.0, -1),
        ("sold_out_after_s", "< 50 ms", 2.0, 0.05, +1),
        ("sold_out_after_s", "< 5% and < 50 ms", 2.0, 0.1, +1),
    ],
)
def test_it_is_in_the_numbers_own_unit_and_for_the_worse(
    side_of, run_of, field, margins, before, least, worse
):
    own = run_of(100.0).verdict.sale
    gates = {"gates": (Gate(metric=f"sale.{field}", regression=margins),)}

    def selling(name, value):
        sale = own.model_copy(update={field: value})
        return side_of(name, QUIET, plan=gates, verdict={"sale": sale})

    base = selling("old", before)
    (held,) = compare([base, selling("new", before)]).regressions
    assert held.seen_from == pytest.approx(least)
    for share, outcome in ((0.99, "no_worse"), (1.01, "worse")):
        moved = selling("new", before + worse * share * least)
        assert compare([base, moved]).outcome == outcome


def test_of_lower_bounds_it_is_not_known(side_of):
    base = [AT_LEAST(10_000.0)] * 3 + [500.0, 501.0]
    found = compare([side_of("old", base), side_of("new", QUIET)])
    assert found.outcome == "no_worse"
    assert "by what is not known, for requests were given up" in found.reasons[1]
    assert found.regressions[0].seen_from is None


def test_of_several_sides_the_coarsest_counts(side_of):
    sides = [side_of("old", NOISY), side_of("calm", QUIET), side_of("new", NOISY)]
    found = compare(sides)
    assert "less than 40 ms" in found.reasons[1]
    assert len(found.regressions) == 2
    assert found.reasons[1].count("becoming worse by less") == 1


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (QUIET, QUIET, "all 25 differences between 5 runs and 5, 2 differences at each end"),
        (QUIET, [*QUIET, 105.0, 106.0], "all 35 differences between 5 runs and 7, 5 differences"),
    ],
)
def test_what_an_interval_is_of_and_how_sure_is_told(side_of, before, after, said):
    (note,) = compare([side_of("old", before), side_of("new", after)]).notes
    assert note.startswith("Each interval is of the difference between two sides, not of one ")
    assert said in note
    assert ("96.8%" in note) == (len(after) == 5)


def test_without_an_interval_nothing_is_told_of_one(side_of):
    notes = compare([side_of("old", QUIET), side_of("new", QUIET[:4])]).notes
    assert not [note for note in notes if "interval" in note]


def named(side, run_names, **facts):
    runs = tuple(
        type(run)(
            run.verdict.model_copy(update={"run": name}),
            run.plan,
            {**run.environment, **facts.get(name, {})},
        )
        for run, name in zip(side.runs, run_names, strict=True)
    )
    return type(side)(side.name, runs)


def test_a_side_says_when_it_was_run_and_what_of(side_of):
    names = ["20261130T115306Z-smoke-1", "20261130T115406Z-smoke-2", "renamed"]
    packages = {"packages": {"dress-rehearsal": "0.9.0"}}
    facts = {names[1]: {"git_commit": "b" * 40, **packages}, names[2]: packages}
    old = named(side_of("old", QUIET[:3]), names, **facts)
    new = named(side_of("new", [100.0]), ["20261201T235959Z-smoke-3"])
    found = compare([old, new])
    assert [origin_words(side) for side in found.sides] == [
        "old: 3 runs, 2026-11-30 11:53 to 11:54 UTC, by Dress Rehearsal not known and 0.9.0 at "
        "commits aaaaaaaaaaaa, bbbbbbbbbbbb",
        "new: 1 run, 2026-12-01 23:59 UTC, by Dress Rehearsal not known at commit aaaaaaaaaaaa",
    ]
    assert found.sides[0].commit is None, "of several there is no one commit"
    assert origin_words(found.sides[0]) in comparison_page(found)
    assert "2026-11-30 11:53 to 11:54 UTC" in comparison_markdown(found)


def test_a_target_of_elsewhere_says_its_build_or_that_nobody_named_it(side_of, run_of):
    plan = run_of(100.0).plan
    target = plan.target.model_copy(update={"stage": "external", "url": "http://127.0.0.1:8000"})
    elsewhere = {"plan": {"target": target}}
    nameless = side_of("old", [100.0], **elsewhere)
    labelled = side_of("new", [100.0], machine={"label": "v2\x1b[31m"}, **elsewhere)
    nowhen, told = (origin_words(side) for side in compare([nameless, labelled]).sides)
    assert nowhen.startswith(
        "old: 1 run, begun nobody knows when, of a build of the target that nobody named "
        "(--label), by "
    )
    assert "of the target's build v2" in told
    assert "\x1b" not in told
    assert "build" not in origin_words(compare([side_of("a", [1.0]), nameless]).sides[0])
