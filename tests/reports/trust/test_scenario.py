"""A defect of somebody's own scenario makes the verdict doubt; that the target said no does not."""

import dataclasses
from collections.abc import Callable

import pytest

from dress_rehearsal.records import TimelineEvent
from dress_rehearsal.records.steps import PURCHASE
from dress_rehearsal.records.tables import SCENARIO_TROUBLES
from dress_rehearsal.reports.audit import audit_run
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.trust.scenario import judge_scenario
from dress_rehearsal.reports.verdict import judge

SMALL = {"students": 60, "tickets": 20}
Troubled = Callable[..., Evidence]


@pytest.fixture
def troubled(evidence_of: Callable[..., Evidence]) -> Troubled:
    """Return a sound run whose scenario told of troubles: each argument is one stamp's counts."""

    def with_stamps(*stamps: dict[str, int]) -> Evidence:
        evidence = evidence_of(**SMALL)
        last_ns = max(event.t_ns for event in evidence.events)
        told = [
            TimelineEvent(last_ns, "phase", SCENARIO_TROUBLES, {"values": counts})
            for counts in stamps
        ]
        return dataclasses.replace(evidence, events=(*evidence.events, *told))

    return with_stamps


def test_a_scenario_without_troubles_is_not_spoken_of(troubled: Troubled) -> None:
    assert judge_scenario(troubled()) == ([], [])
    assert judge_scenario(troubled({})) == ([], [])


def test_a_defect_is_a_doubt_and_counted_over_all_generators(troubled: Troubled) -> None:
    trouble = "KeyError in buy(), line 14 of shop.py"
    evidence = troubled({trouble: 2}, {trouble: 3})
    (doubt,), notes = judge_scenario(evidence)
    assert doubt.sentence == (
        f"In the scenario, 5 times: {trouble}; what it made of that student proves nothing."
    )
    assert notes == []
    verdict = judge(evidence)
    assert verdict.verdict == "inconclusive"
    assert doubt.sentence in verdict.reasons


@pytest.mark.parametrize("status", [400, 409, "422 (text/html)"])
def test_an_answer_that_the_scenario_has_no_word_for_is_a_note(
    status: object, troubled: Troubled
) -> None:
    evidence = troubled({f"buy() returned nothing for {status}": 1})
    doubts, (note,) = judge_scenario(evidence)
    assert doubts == []
    assert note.endswith(f"1 time: buy() returned nothing for {status}; each counts as failed.")
    assert judge(evidence).verdict == "pass"


@pytest.mark.parametrize(
    "trouble",
    ["buy() returned nothing for 200 (text/html)", "KeyError in buy(), line 9 of s.py, after 200"],
)
def test_a_yes_that_says_nothing_may_be_the_targets_error(trouble: str, troubled: Troubled) -> None:
    (doubt,), _ = judge_scenario(troubled({trouble: 1}))
    assert doubt.sentence.endswith("proves nothing, unless the target says yes where it means no.")


@pytest.mark.parametrize("status", [200, 302, 500])
def test_to_make_nothing_of_any_other_answer_is_a_defect(status: int, troubled: Troubled) -> None:
    doubts, notes = judge_scenario(troubled({f"buy() returned nothing for {status}": 1}))
    assert (len(doubts), notes) == (1, [])


def test_what_a_defect_made_of_a_yes_is_no_silence_of_the_target(
    troubled: Troubled, evidence_of: Callable[..., Evidence]
) -> None:
    def lost(evidence: Evidence) -> Evidence:
        students, requests = evidence.students.copy(), evidence.requests.copy()
        who = students.loc[students["outcome"] == "ticket", "student"].head(2)
        mine = students["student"].isin(who)
        students["outcome"] = students["outcome"].astype("object").mask(mine, "failed")
        for column in ("ticket", "acked_ns", "issued_ns"):
            students[column] = students[column].mask(mine)
        clicks = requests["student"].isin(who) & (requests["role"] == PURCHASE)
        requests["outcome"] = requests["outcome"].astype("object").mask(clicks, "failed")
        requests["error"] = requests["error"].astype("object").mask(clicks, "KeyError")
        return dataclasses.replace(evidence, students=students, requests=requests)

    assert audit_run(lost(evidence_of(**SMALL))).audit.held_without_ack == 2
    defect = lost(troubled({"KeyError in buy(), line 14 of shop.py": 2}))
    assert audit_run(defect).audit.held_without_ack == 0
