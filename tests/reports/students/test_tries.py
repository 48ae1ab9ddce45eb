"""Amplification: requests for each student who asked, and which of them followed an error."""

import pytest

from dress_rehearsal.records.steps import PAGE
from dress_rehearsal.reports.students.tries import count_tries, retry_notes
from dress_rehearsal.reports.verdict import judge
from tests.reports.audit.test_refusals import told
from tests.steps import PURCHASE

PAGE_STEP = "GET /events/{event}"
SHOP = {"students": 200, "tickets": 60}


def buyers(evidence, number):
    holders = evidence.students.loc[evidence.students["outcome"] == "ticket", "student"]
    return holders.tolist()[:number]


def with_errors(evidence, number, word="http_503", status=503):
    """The same run in which so many had met an error on buying before they bought."""
    return told(
        evidence, PURCHASE, buyers(evidence, number), word, 0.01, outcome="failed", status=status
    )


def test_in_a_healthy_run_hardly_anybody_asks_twice(healthy, healthy_verdict):
    bought = count_tries(healthy)[PURCHASE]
    clicked = healthy.requests[healthy.requests["step"] == PURCHASE]
    assert bought.students == clicked["student"].nunique()
    assert bought.requests == len(clicked)
    assert bought.amplification == pytest.approx(bought.requests / bought.students, abs=1e-3)
    assert bought.after_errors == 0
    assert not any("retry storm" in note for note in healthy_verdict.notes)
    assert healthy_verdict.tries == count_tries(healthy)


def test_what_is_sent_after_an_error_is_counted(evidence_of):
    before = count_tries(evidence_of(**SHOP))[PURCHASE]
    after = count_tries(with_errors(evidence_of(**SHOP), 30))[PURCHASE]
    assert (after.students, after.requests) == (before.students, before.requests + 30)
    assert after.after_errors >= 30
    assert after.amplification > before.amplification


def test_a_retry_storm_is_told_in_the_verdict(evidence_of):
    notes = judge(with_errors(evidence_of(**SHOP), 30)).notes
    (note,) = [each for each in notes if each.startswith("A retry storm")]
    assert note.startswith(f"A retry storm at {PURCHASE}: ")
    assert "were sent once an earlier one of theirs had failed or got no answer." in note


@pytest.mark.parametrize(
    ("number", "word", "status"),
    [
        pytest.param(3, "http_503", 503, id="a trifle"),
        pytest.param(30, "abandoned", 0, id="nobody waited for it"),
    ],
)
def test_what_is_no_storm_is_not_told(evidence_of, number, word, status):
    evidence = with_errors(evidence_of(**SHOP), number, word, status)
    assert list(retry_notes(count_tries(evidence), {PURCHASE: "purchase"})) == []


def test_a_page_that_is_reloaded_before_it_answers_is_told(evidence_of):
    evidence = evidence_of(**SHOP)
    reloaded = told(
        evidence, PAGE_STEP, buyers(evidence, 40), "abandoned", 0.01, outcome="unknown", status=0
    )
    tries = count_tries(reloaded)
    assert tries[PAGE_STEP].abandoned == 40
    (note,) = retry_notes(tries, {PAGE_STEP: PAGE, PURCHASE: "purchase"})
    assert note.startswith(f"{PAGE_STEP} was reloaded before it had answered: 40 of ")


def test_a_gate_can_hold_the_amplification(evidence_of):
    gate = [(f"tries[{PURCHASE}].amplification", "<= 1")]
    verdict = judge(evidence_of(**SHOP, gates=gate))
    (result,) = [each for each in verdict.gates if each.metric.startswith("tries[")]
    assert result.status == "fail"
    assert result.value == verdict.tries[PURCHASE].amplification
