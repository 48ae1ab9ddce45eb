"""Errors that students got over are told of once they are more than a trifle; nothing else is."""

import pytest

from dress_rehearsal.reports.students.retried import retried_notes
from dress_rehearsal.reports.verdict import judge
from tests.reports.audit.test_refusals import told
from tests.reports.foreign import foreign
from tests.steps import PURCHASE

SHOP = {"students": 200, "tickets": 60, "allocation": "naive"}


def with_errors(evidence, number, word="http_503", status=503, outcome="failed"):
    """The same run in which so many holders had met an error on buying before they bought."""
    holders = evidence.students.loc[evidence.students["outcome"] == "ticket", "student"]
    who = holders.tolist()[:number]
    return told(evidence, PURCHASE, who, word, 0.01, outcome=outcome, status=status)


def test_a_healthy_run_tells_of_none(healthy, healthy_verdict):
    assert retried_notes(healthy) == []
    assert not any("succeeded later" in note for note in healthy_verdict.notes)


def test_errors_that_were_got_over_are_told_in_a_pass_with_what_they_mean(evidence_of):
    verdict = judge(foreign(with_errors(evidence_of(**SHOP), 12), "everything"))
    assert verdict.verdict == "pass", verdict.reasons
    (note,) = (each for each in verdict.notes if "succeeded later" in each)
    assert note.startswith("12 students (6%) met errors and succeeded later: 12 requests of theirs")
    assert "(12 POST /events/{event}/tickets (http_503))" in note
    assert "90% of those who meet an error try again" in note


@pytest.mark.parametrize(
    "errors",
    [
        pytest.param({"number": 2}, id="a trifle"),
        pytest.param({"number": 12, "word": "abandoned", "status": 0}, id="nobody waited for it"),
        pytest.param({"number": 12, "word": "cut", "status": 0}, id="cut by the end"),
        pytest.param({"number": 12, "outcome": "refused", "word": "too_early"}, id="a plain no"),
    ],
)
def test_a_trifle_and_what_is_no_error_of_the_targets_is_not_told(evidence_of, errors):
    assert retried_notes(with_errors(evidence_of(**SHOP), **errors)) == []
