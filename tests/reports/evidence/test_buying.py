"""A purchase of several requests is one try: it is counted, and judged, by what ended it."""

import dataclasses
from typing import Any

import pandas as pd
import pytest

from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.buying import read_buying
from dress_rehearsal.reports.evidence.sale import read_sale
from dress_rehearsal.reports.figures.arrivals import draw_arrivals
from dress_rehearsal.reports.figures.layout import Sheet
from dress_rehearsal.reports.students.suffered import find_groups
from dress_rehearsal.reports.students.unanswered import failed_for_all, unanswered_sale
from dress_rehearsal.reports.trust.generator import judge_generator
from tests.reports.two_requests import PAY, in_two_requests

SMALL = {"students": 200, "tickets": 60}


@pytest.fixture
def plain(evidence_of) -> Evidence:
    """One request buys."""
    return evidence_of(**SMALL)


@pytest.fixture
def two(plain) -> Evidence:
    """The same in two."""
    return in_two_requests(plain)


def test_a_yes_after_which_the_same_device_asks_on_is_a_step():
    said = [  # student, device, seq, outcome
        (1, 0, 0, "ok"),  # reserved
        (1, 1, 1, "ok"),  # reserved on another device, which then had no answer
        (1, 0, 2, "ok"),  # paid
        (2, 0, 0, "failed"),
        (2, 0, 1, "ok"),  # reserved
        (2, 0, 2, "refused"),  # could not pay
        (1, 1, 3, "unknown"),
    ]
    rows = pd.DataFrame(said, columns=["student", "device", "seq", "outcome"])
    buying = read_buying(rows.assign(role="purchase"))
    assert buying.steps.nonzero()[0].tolist() == [0, 1, 4]
    assert buying.ends.nonzero()[0].tolist() == [2, 3, 5, 6]
    assert buying.begins.nonzero()[0].tolist() == [0, 1, 3, 4]
    assert not read_buying(rows.assign(role="page")).steps.any()
    assert not len(read_buying(rows[:0].assign(role="purchase")).steps)


def test_what_is_counted_by_tries_is_the_same_in_two_requests(plain, two):
    for before, after in zip(find_groups(plain), find_groups(two), strict=True):
        assert after.amplification == before.amplification
        assert after.requests == 2 * before.requests
    clicks = judge_generator(plain).generator, judge_generator(two).generator
    assert clicks[0].released == clicks[1].released > 0


def test_by_the_answers_alone_a_ticket_went_when_it_was_paid_for(plain, two):
    def first_yes(evidence: Evidence) -> list[float]:
        nobody = evidence.students[:0]
        sale = read_sale(60, evidence.ledger[:0], nobody, evidence.requests, evidence.timeline)
        return list(sale.granted_s)

    assert first_yes(two) == first_yes(plain) != []


def test_the_rush_begins_with_the_first_request_and_is_answered_by_the_last(
    plain, two, monkeypatch
):
    panel, titles = Sheet.timed_panel, []

    def noted(sheet: Sheet, title: str, *rest: Any) -> Any:
        titles.append(title.partition(" per ")[0])
        return panel(sheet, title, *rest)

    monkeypatch.setattr(Sheet, "timed_panel", noted)
    one, of_one = draw_arrivals(plain), set(titles)
    titles.clear()
    other = draw_arrivals(two)
    assert one.title.split(";")[0] == other.title.split(";")[0]
    assert "Purchase requests" in of_one
    assert "Tries to buy" in titles
    assert "Purchase requests" not in titles, "half of them are not counted here"
    assert "several requests" in other.caption
    assert "several requests" not in one.caption


def test_places_reserved_are_no_tries_that_were_answered_well(two):
    paid = (two.requests["step"] == PAY).to_numpy(dtype=bool)
    requests = two.requests.astype({"outcome": "object", "error": "object"})
    requests.loc[paid, ["outcome", "error", "status"]] = ["failed", "http_500", 500]
    requests = requests.astype({"outcome": "category", "error": "category"})
    broken = dataclasses.replace(two, requests=requests)
    assert failed_for_all(two) == []
    assert "Nobody was able to buy" in failed_for_all(broken)[0]

    requests = two.requests.astype({"outcome": "object"})
    requests.loc[paid, ["status", "done_ns", "read_ns"]] = pd.NA
    requests.loc[paid, "status"] = 0
    requests.loc[paid, "outcome"] = "unknown"
    nothing = dataclasses.replace(two, requests=requests.astype({"outcome": "category"}))
    assert unanswered_sale(two) == []
    assert "Nobody's try to buy was answered well" in unanswered_sale(nothing)[0]
