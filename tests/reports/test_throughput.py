"""How fast the tickets went, and how many requests came at once."""

import dataclasses

import pandas as pd
import pytest

from dress_rehearsal.reports.throughput import busiest_second, measure_load, measure_sale

SMALL = {"students": 200, "tickets": 60}


def test_the_busiest_second_is_any_second_not_a_calendar_one():
    times = pd.Series([900, 950, 1_100, 1_800, 1_899, 1_900, pd.NA], dtype="Int64") * 1_000_000
    assert busiest_second(times) == 5
    assert busiest_second(times.head(0)) is None


def test_a_sale_is_as_fast_as_from_its_first_ticket_to_its_last(healthy, evidence_of):
    evidence = evidence_of(**SMALL)
    sale = measure_sale(evidence)
    rows = evidence.ledger[evidence.ledger["source"] == "postgres"]
    span_s = (rows["granted_ns"].max() - rows["granted_ns"].min()) / 1e9
    last_s = (rows["granted_ns"].max() - evidence.t0_ns) / 1e9
    assert sale.granted == 60
    assert sale.tickets_per_s == pytest.approx(60 / span_s, rel=1e-3)
    assert sale.sold_out_after_s == pytest.approx(last_s, abs=1e-3)
    assert measure_load(evidence).busiest_second == busiest_second(evidence.requests["sent_ns"])


def test_tickets_that_were_left_went_at_no_time(evidence_of):
    evidence = evidence_of(**SMALL)
    more = evidence.plan.model_copy(
        update={"event": evidence.plan.event.model_copy(update={"tickets": 1000})}
    )
    sale = measure_sale(dataclasses.replace(evidence, plan=more))
    assert (sale.granted, sale.sold_out_after_s) == (60, None)


def test_of_a_run_that_recorded_nothing_nothing_is_known(evidence_of):
    sale = measure_sale(evidence_of(students=60, without=["requests", "ledger", "students"]))
    assert sale.granted is None
    assert sale.tickets_per_s is None
