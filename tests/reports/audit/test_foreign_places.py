"""Places in somebody else's queue: nobody gets further back; what one counts is theirs to say."""

import copy
import dataclasses

import pytest

from tests.reports.audit.test_shown import ROOM, SMALL, asked, rows_of, with_told
from tests.reports.auditing import audited
from tests.steps import JOIN, QUEUE

pytestmark = pytest.mark.slow


def foreign(evidence, *, claims=True, **event):
    """The same run against somebody else's target, whose scenario says so of its claims."""
    plan = evidence.plan
    target = plan.target.model_copy(update={"stage": "external", "url": "http://x"})
    event = plan.event.model_copy(update=event)
    steps = copy.copy(evidence.steps)
    steps.claims = claims
    return dataclasses.replace(
        evidence,
        plan=plan.model_copy(update={"target": target, "event": event}),
        steps=steps,
        ledger=evidence.ledger[:0],
        events=(),
    )


def waiting(evidence, at_s, **told):
    """Two of the last in the line ask once more and hear this."""
    joined = evidence.requests.iloc[rows_of(evidence, JOIN)].sort_values("told_position")
    who = joined["student"].tolist()[150:152]
    return asked(evidence, QUEUE, who, at_s, told_admitted=False, **told)


def test_whoever_gets_further_back_is_wronged_in_any_queue(evidence_of):
    evidence = evidence_of(**SMALL, plan=ROOM)
    before = waiting(evidence, 1, told_position=[90, 91], told_ahead=[40, 41])
    for later in (
        {"told_position": [97, 98], "told_ahead": [40, 41]},
        {"told_position": [90, 91], "told_ahead": [60, 61]},
    ):
        wrong = audited(foreign(waiting(before, 9, **later)))
        assert wrong.audit.false_place == 2
        assert "2 students were told a place in the queue further" in wrong.wrongs["false_place"]


@pytest.mark.parametrize(
    ("at_s", "later"),
    [
        pytest.param(9, {"told_position": [70, 71], "told_ahead": [20, 21]}, id="it moves up"),
        pytest.param(9, {"told_position": [90, 91], "told_ahead": [40, 41]}, id="it stands still"),
        pytest.param(1.4, {"told_position": [92, 93], "told_ahead": [42, 43]}, id="an old view"),
    ],
)
def test_a_place_in_what_is_left_of_the_line_is_no_wrong(evidence_of, at_s, later):
    evidence = evidence_of(**SMALL, plan=ROOM)
    before = waiting(evidence, 1, told_position=[90, 91], told_ahead=[40, 41])
    assert audited(foreign(waiting(before, at_s, **later))).audit.false_place == 0


def test_who_joins_anew_begins_anew(evidence_of):
    evidence = evidence_of(**SMALL, plan=ROOM)
    before = waiting(evidence, 1, told_position=[90, 91], told_ahead=[40, 41])
    joined = before.requests.iloc[rows_of(before, JOIN)].sort_values("told_position")
    who = joined["student"].tolist()[150:152]
    anew = asked(before, JOIN, who, 6, told_position=[180, 181], told_admitted=False)
    assert audited(foreign(anew)).audit.false_place == 0


@pytest.mark.parametrize("other", [{"claims": False}, {"order": "lottery"}])
def test_where_nothing_says_what_a_place_is_it_is_not_looked_at(evidence_of, other):
    evidence = evidence_of(**SMALL, plan=ROOM)
    before = waiting(evidence, 1, told_position=[90, 91])
    back = foreign(waiting(before, 9, told_position=[190, 191]), **other)
    assert "false_place" not in audited(back).applicable


def test_a_line_that_is_all_at_one_place_is_no_wrong_elsewhere(evidence_of):
    evidence = evidence_of(**SMALL, plan=ROOM)
    alike = with_told(evidence, rows_of(evidence, JOIN), told_position=1)
    assert audited(foreign(alike)).audit.false_place == 0


def test_a_room_that_tells_only_how_many_are_ahead_is_looked_at_by_that(evidence_of):
    evidence = evidence_of(**SMALL, plan=ROOM)
    before = waiting(evidence, 1, told_ahead=[40, 41])
    for ahead, wrong in (([20, 21], 0), ([60, 61], 2)):
        told = waiting(before, 9, told_ahead=ahead)
        requests = told.requests.assign(told_position=None)
        finding = audited(foreign(dataclasses.replace(told, requests=requests)))
        assert finding.audit.false_place == wrong
        assert not any("false_place" in problem for problem in finding.problems)
