"""Errors by code: which, where, how often and when; a refusal is none, nor what nobody wanted."""

import pytest

from dress_rehearsal.reports.figures.errors import draw_errors
from dress_rehearsal.reports.page.tables import errors_table
from dress_rehearsal.reports.students.errors_met import (
    MOST,
    count_errors,
    count_kinds,
    met_errors,
)
from tests.reports.audit.test_refusals import told
from tests.steps import LOGIN, PURCHASE

WINDOW = (-5.0, 10.0)
SHOP = {"students": 200, "tickets": 60}


def errors_of(evidence):
    return count_errors(evidence, met_errors(evidence))


def test_a_healthy_run_has_none_though_many_were_refused(healthy):
    assert (healthy.requests["outcome"] == "refused").sum() > 100
    assert errors_of(healthy) == ()


def test_each_code_is_counted_at_its_step_with_who_got_over_it(evidence_of):
    evidence = evidence_of(**SHOP)
    holders = evidence.students.loc[evidence.students["outcome"] == "ticket", "student"].tolist()
    some = told(evidence, PURCHASE, holders[:9], "http_503", 1.5, outcome="failed", status=503)
    both = told(some, LOGIN, holders[:4], "timeout", 2.5, outcome="unknown", status=0)
    first, second = errors_of(both)
    assert (first.error, first.step, first.requests) == ("http_503", PURCHASE, 9)
    assert (first.students, first.got_over) == (9, 9)
    assert first.first_s == first.last_s == pytest.approx(1.5, abs=0.01)
    assert (second.error, second.step, second.requests) == ("timeout", LOGIN, 4)


def test_a_failure_without_a_word_has_its_status_and_none_at_all_is_said_so(evidence_of):
    evidence = evidence_of(**SHOP)
    holders = evidence.students["student"].tolist()
    failed = told(evidence, PURCHASE, holders[:3], None, 1.0, outcome="failed", status=502)
    silent = told(failed, PURCHASE, holders[:2], None, 1.0, outcome="unknown", status=0)
    assert {each.error: each.requests for each in errors_of(silent)} == {
        "http_502": 3,
        "no_answer": 2,
    }


def test_what_nobody_waited_for_is_no_error_and_those_who_ended_badly_did_not_get_over_it(
    evidence_of,
):
    evidence = evidence_of(**SHOP, failed=5)
    (overloaded,) = errors_of(evidence)
    assert (overloaded.error, overloaded.students, overloaded.got_over) == ("overloaded", 5, 0)
    students = evidence.students["student"].tolist()[:7]
    left = told(evidence, PURCHASE, students, "abandoned", 1.0, outcome="unknown", status=0)
    assert errors_of(left) == (overloaded,)


@pytest.mark.slow
def test_the_list_is_bounded(evidence_of):
    evidence = evidence_of(**SHOP)
    for number in range(MOST + 5):
        evidence = told(evidence, PURCHASE, [1], f"e{number}", 1.0, outcome="failed", status=500)
    listed = errors_of(evidence)
    assert len(listed) == MOST
    kinds = count_kinds(met_errors(evidence))
    assert kinds == MOST + 5
    assert errors_table(listed, kinds).caption == "Errors by code: the 20 most frequent of 25"
    assert errors_table(listed[:3], 3).caption == "Errors by code"


def test_what_nobody_needed_any_more_is_not_said_to_be_answered(healthy):
    requests = len(healthy.requests)
    assert f"Every one of {requests:,} requests was answered" in draw_errors(healthy, WINDOW).reason
    assert "Left out" not in draw_errors(healthy, WINDOW).reason
    left = told(healthy, PURCHASE, [1, 2, 3], "abandoned", 1.0, outcome="unknown", status=0)
    said = draw_errors(left, WINDOW).reason
    assert f"Every one of {requests:,} requests was answered without an error." in said
    assert "Left out: 3 that a student no longer needed." in said
    met = told(left, PURCHASE, [1], "oops", 1.0, outcome="failed", status=500)
    assert f"1 request of {requests + 1:,} " in draw_errors(met, WINDOW).title
