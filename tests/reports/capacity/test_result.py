"""What the tries of a search come to: the edge, headroom, what breaks first, and why it ended."""

import json

import pytest

from dress_rehearsal.reports.capacity.pages import capacity_markdown
from dress_rehearsal.reports.capacity.result import capacity_of
from dress_rehearsal.reports.capacity.schema import Capacity
from tests.reports.capacity.conftest import STEPS, level, one, sought
from tests.steps import PURCHASE

EDGE = [(12_000, "pass"), (24_000, "fail"), (18_000, "pass"), (20_000, "fail"), (19_000, "pass")]


def test_the_edge_is_told_with_headroom_and_with_what_breaks_first(found):
    capacity = found(*EDGE, *EDGE[3:])
    assert capacity.sentence == "19,000 students pass, 20,000 students do not."
    assert [each.says for each in capacity.headroom] == [
        "The plan's own number, 12,000 students, passes, with 58.3% to spare.",
        "1.5 × the plan's own number, 18,000 students, passes, with 5.6% to spare.",
    ]
    assert capacity.breaks == (
        "At 20,000 students: census.failed is 7, the limit is == 0. Cause of slowness: the app's "
        "event loops."
    )
    assert capacity.ended == "The edge is known to within 5.3%."
    assert (capacity.verdict, capacity.exit_code) == ("pass", 0)


@pytest.mark.parametrize(
    ("tries", "own", "half_more", "code"),
    [
        (EDGE[:2], "inconclusive", "inconclusive", 3),  # of three runs a load there was one
        ([(12_000, "pass")] * 2 + [(24_000, "fail")], "pass", "inconclusive", 0),
        ([(12_000, "pass"), (24_000, "pass")], "pass", "inconclusive", 0),
        ([(12_000, "fail")], "inconclusive", "inconclusive", 3),
        ([(12_000, "fail"), (6_000, "pass")], "inconclusive", "inconclusive", 3),
        ([(12_000, "fail")] * 2 + [(6_000, "pass")], "fail", "fail", 99),
        ([(12_000, "fail"), (750, "fail")], "fail", "fail", 99),
        ([(12_000, "undecided")] * 3, "inconclusive", "inconclusive", 3),
        ([(12_000, "limited")] * 2 + [(6_000, "pass")], "inconclusive", "inconclusive", 3),
        # Smaller ones fail where it passed: contradictions decide nothing.
        ([(12_000, "pass"), (9_000, "fail"), (6_000, "pass")], "inconclusive", "inconclusive", 3),
    ],
)
def test_headroom_says_no_more_than_what_was_tried(found, tries, own, half_more, code):
    capacity = found(*tries)
    assert [each.passes for each in capacity.headroom] == [own, half_more]
    assert capacity.exit_code == code


def test_one_try_that_sold_too_many_tickets_is_outvoted_by_no_others():
    why = {
        "verdict": "fail",
        "reason": "12 more tickets were sold than there are (audit.oversold).",
        "broken": "audit.oversold is 12, the limit is == 0",
    }
    rest = [(12_000, "pass"), (12_000, "pass"), (6_000, "pass"), (24_000, "fail")]
    for outcome, code in (("wrong", 99), ("fail", 0)):
        first = one(12_000, outcome, 0, **why)
        tries = [first, *(one(load, said, n) for n, (load, said) in enumerate(rest, start=1))]
        capacity = capacity_of(sought(), tries, step=PURCHASE, ended="found", took_s=1.0)
        assert capacity.exit_code == code
        if outcome == "wrong":
            assert capacity.breaks.startswith("At 12,000 students: audit.oversold is 12")
            assert "does not pass" in capacity.headroom[0].says
            assert " wrong |" in capacity_markdown(capacity)


def test_one_pass_beside_runs_that_decide_nothing_is_not_settled(found):
    tries = [(12_000, "pass"), *[(12_000, "undecided")] * 3]
    capacity = found(*tries)
    assert (capacity.exit_code, capacity.headroom[0].passes) == (3, "inconclusive")
    assert "is not settled: by one run it passes" in capacity.headroom[0].says
    assert found(*tries, (12_000, "pass")).exit_code == 0


def test_what_does_not_pass_says_how_much_of_it_does(found):
    tries = [*[(12_000, "fail")] * 2, (6_000, "pass"), (9_000, "pass"), (9_500, "fail")]
    capacity = found(*tries, *tries[3:])
    assert capacity.headroom[0].factor == 0.75
    assert capacity.headroom[0].says.endswith("does not pass: only 75% of it does.")
    once = found(*tries).headroom[0].says
    assert once.endswith("only 75% of it does, by an edge that is not settled.")


@pytest.mark.parametrize(
    ("tries", "sentence", "ended"),
    [
        (
            [(12_000, "pass"), (24_000, "limited")],
            "12,000 students pass, 24,000 students cannot be sent from here.",
            "At 24,000 students the generator, or the machine it runs on, ends the search, not the "
            "system: Because of limited.",
        ),
        (
            [(12_000, "pass"), (24_000, "fail"), *[(17_000, "undecided")] * 3],
            "12,000 students pass, 17,000 students are undecided, 24,000 students do not pass.",
            "17,000 students were tried 3 times and stay undecided: Because of undecided.",
        ),
        (
            [(192_000, "pass")],
            "192,000 students pass; larger was not tried.",
            "Nothing larger was to be tried: 16 times the plan's own.",
        ),
        (
            [(750, "fail")],
            "No load is known to pass: the smallest that was tried, 750 students, does not.",
            "",
        ),
    ],
)
def test_what_ends_the_search_is_told(found, tries, sentence, ended):
    capacity = found(*tries)
    assert capacity.sentence == sentence
    assert capacity.ended.endswith(ended)


def test_a_generator_at_its_end_is_no_defect_of_the_system(found):
    capacity = found((12_000, "pass"), (24_000, "limited"))
    assert capacity.breaks is None
    assert capacity.fails is None
    assert capacity.above.standing == "limited"


PASSES, TWICE = [(12_000, "pass")], [(12_000, "pass")] * 2


@pytest.mark.parametrize(
    ("tries", "says"),
    [
        (TWICE, "passes; larger was not tried"),
        (PASSES, "is not settled: by one run it passes; larger was not tried"),
        ([*TWICE, (24_000, "undecided")], "passes; larger was tried, and is not decided"),
        ([*TWICE, (24_000, "limited")], "passes; larger cannot be sent from here"),
        ([*PASSES, (18_000, "pass")], "passes, with at least 50% to spare; larger was not tried"),
        (
            [*PASSES, (18_000, "pass"), (19_000, "limited")],
            "passes, with at least 50% to spare; larger cannot be sent from here",
        ),
        ([*TWICE, (24_000, "fail")], "passes, with less than 100% to spare"),
        (
            [*PASSES, (18_000, "pass"), (24_000, "fail")],
            "passes, with at least 50% and less than 100% to spare",
        ),
        ([*TWICE, (12_001, "fail")], "passes, with nothing to spare"),
        (
            [*PASSES, (18_000, "pass"), (19_000, "fail")],
            "passes, with 50% to spare, by an edge that is not settled",
        ),
        (
            [*PASSES, *[(18_000, "pass"), (19_000, "fail")] * 2],
            "passes, with 50% to spare",
        ),
        (
            [(12_000, "fail")],
            "is not settled: by one run it does not pass; nothing smaller was tried",
        ),
        ([(12_000, "fail")] * 2, "does not pass; nothing smaller was tried"),
        (
            [(12_000, "fail"), (6_000, "fail")],
            "does not pass, and nothing smaller that was tried does",
        ),
        ([(12_000, "fail")] * 2 + [(6_000, "pass")], "does not pass; 50% of it does at least"),
    ],
)
def test_what_is_to_spare_is_told_as_far_as_it_is_known(found, tries, says):
    own = found(*tries).headroom[0]
    assert own.says == f"The plan's own number, 12,000 students, {says}."


@pytest.mark.parametrize(
    ("tries", "ended"),
    [
        ([(3, "pass"), (4, "fail")] * 2, "The edge is known to one student."),
        ([(100, "pass"), (109, "fail")] * 2, "The edge is known to within 9%."),
        (
            [(100, "pass"), (109, "fail")],
            "The edge is known to within 9%, but not settled.",
        ),
        ([(100, "pass"), (109, "limited")], None),
        ([(100, "pass"), *[(109, "undecided")] * 3], None),
    ],
)
def test_an_edge_is_known_where_what_lies_above_fails(found, tries, ended):
    said = found(*tries, own=tries[0][0]).ended
    assert said == ended if ended else "edge" not in said


@pytest.mark.parametrize("why", ["interrupted", "tries", "time", "broken"])
def test_a_search_that_was_cut_says_so(found, why):
    words = {"interrupted": "interrupted", "tries": "14 runs", "time": "longer", "broken": "no ver"}
    assert words[why] in found(*EDGE[:2], ended=why).ended


def test_a_larger_load_whose_runs_had_no_verdict_was_tried(found):
    said = [found((12_000, "pass"), (12_000, "pass"), ended=why) for why in ("broken", "time")]
    assert said[0].sentence == "12,000 students pass; nothing larger has a verdict."
    assert said[0].headroom[0].says.endswith("passes; nothing larger has a verdict.")
    assert said[1].sentence == "12,000 students pass; larger was not tried."


def test_a_rush_at_one_instant_has_no_scalability_law_and_that_is_said(found):
    capacity = found(*EDGE)
    assert capacity.usl is None
    assert "a rush at one instant does not last" in capacity.usl_missing


def test_the_law_is_fitted_from_levels_of_runs_that_decide_something():
    by_rates = sought(plan=STEPS, own=4_200, over="arrivals", value=120 / 4_200)
    levels = tuple(level(number) for number in (1, 2, 4, 8, 16, 32))
    capacity = capacity_of(
        by_rates,
        [one(4_200, "pass", levels=levels)],
        step=PURCHASE,
        ended="found",
        took_s=1.0,
    )
    assert capacity.usl.each_per_s.value == pytest.approx(40)
    assert capacity.own.load == 120
    doubted = capacity_of(
        by_rates,
        [one(4_200, "limited", levels=levels)],
        step=PURCHASE,
        ended="found",
        took_s=1.0,
    )
    assert doubted.usl is None
    assert doubted.usl_missing.endswith("and there is none.")


def test_what_is_published_can_be_read_again(found):
    capacity = found(*EDGE)
    document = json.loads(capacity.text())
    assert document["schema"] == 1
    assert Capacity.model_validate(document) == capacity


DISTURBED = {"doubts": ("foreign_cpu",)}
STOP = "Stop them (`rehearse doctor` names them), and search again."


@pytest.mark.parametrize(
    ("tries", "sentence"),
    [
        pytest.param(
            [one(300, "undecided", number, **DISTURBED) for number in range(3)],
            f"Nothing is decided: other programs took the CPU in all 3 runs. {STOP}",
            id="all of them",
        ),
        pytest.param(
            [one(300, "undecided", **DISTURBED)],
            f"Nothing is decided: other programs took the CPU in the one run. {STOP}",
            id="the only one",
        ),
        pytest.param(
            [one(300, "undecided", **DISTURBED), one(300, "undecided", 1)],
            "Nothing is decided: none of 2 runs decides anything.",
            id="for other reasons too",
        ),
        pytest.param(
            [one(300, "fail"), *[one(150, "undecided", number, **DISTURBED) for number in (1, 2)]],
            f"No load is known to pass: the smallest that was tried, 150 students, is undecided. "
            f"Of 150 students: other programs took the CPU in both runs. {STOP}",
            id="the smallest",
        ),
        pytest.param(
            [one(300, "pass"), *[one(600, "undecided", number, **DISTURBED) for number in (1, 2)]],
            f"300 students pass; larger was tried, and is not decided. Of 600 students: other "
            f"programs took the CPU in both runs. {STOP}",
            id="what lies above, so far",
        ),
        pytest.param(
            [
                one(300, "pass"),
                *[one(600, "undecided", number, **DISTURBED) for number in range(3)],
            ],
            f"300 students pass, 600 students are undecided. Of 600 students: other programs took "
            f"the CPU in all 3 runs. {STOP}",
            id="what lies above",
        ),
        pytest.param(
            [one(300, "limited", **DISTURBED)],
            "No load is known to pass: the smallest that was tried, 300 students, cannot be sent "
            "from here.",
            id="no disturbance",
        ),
    ],
)
def test_where_other_programs_alone_are_why_nothing_is_decided_that_and_what_to_do_comes_first(
    tries, sentence
):
    capacity = capacity_of(sought(own=300), tries, step=PURCHASE, ended="time", took_s=1.0)
    assert capacity.sentence == sentence
    assert (
        "other programs"
        not in capacity_of(
            sought(own=300), [one(300, "pass")], step=PURCHASE, ended="found", took_s=1.0
        ).sentence
    )


def test_a_load_that_was_never_tried_is_not_called_undecided(found):
    own, more = found(*[(12_000, "undecided")] * 3).headroom
    assert own.says == "The plan's own number, 12,000 students, is undecided."
    assert more.says == "1.5 × the plan's own number, 18,000 students, was not tried."
