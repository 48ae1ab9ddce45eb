"""The sale is read from the store that saw most of it; what is told late is timed from its end."""

import pytest

from dress_rehearsal.reports.evidence.sale import time_to_know_ms

SMALL = {"students": 200, "tickets": 60}


def test_a_row_delivered_twice_is_one_grant(evidence_of):
    assert evidence_of(repeated_rows=4).sale.granted == 200


def know_ms(evidence):
    return time_to_know_ms(evidence.plan.event.tickets, evidence.ledger, evidence.requests)


def test_time_to_know_is_from_the_last_grant_to_the_first_word_of_it(evidence_of):
    evidence = evidence_of(**SMALL)
    granted = evidence.ledger.loc[evidence.ledger["source"] == "postgres", "granted_ns"].max()
    told = evidence.requests[evidence.requests["error"] == "sold_out"]
    known = (told.groupby("student")["done_ns"].min() - granted).clip(lower=0).sort_values() / 1e6
    came = evidence.requests.groupby("student")["sent_ns"].min()
    there = came[came <= granted].index
    expected = sorted(known[known.index.isin(there)])
    assert know_ms(evidence).tolist() == pytest.approx(expected)
    assert len(expected) > 50


def test_nobody_learns_of_what_did_not_happen(evidence_of):
    assert len(know_ms(evidence_of(**SMALL, false_sold_out=5))) == 0
    assert len(know_ms(evidence_of(students=40, tickets=60))) == 0
