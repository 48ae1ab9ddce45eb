"""Every number of requests on the page can be reconciled: the rules are named and add up."""

import dataclasses

import numpy as np
import pytest

from dress_rehearsal.plans.sections.load import Load
from dress_rehearsal.reports.evidence.purchase_step import purchase_step_of
from dress_rehearsal.reports.figures.errors import draw_errors
from dress_rehearsal.reports.figures.latency import draw_latency
from dress_rehearsal.reports.page.strip import key_numbers
from dress_rehearsal.reports.page.tables import (
    counts_table,
    generator_table,
    latency_table,
    parts_tables,
)
from dress_rehearsal.reports.throughput import busiest_second
from dress_rehearsal.reports.verdict import judge
from tests.steps import PURCHASE

EARLY_S = 3


def numbers(table):
    return {row[0].text: tuple(cell.text for cell in row[1:3]) for row in table.rows}


@pytest.fixture(scope="module")
def seeded(evidence_of):
    """Forty countdowns were no longer needed, and nine students clicked 3 s before T-0."""
    evidence = evidence_of()
    rows = evidence.requests.copy()
    for name in ("outcome", "error"):
        rows[name] = rows[name].astype("object")
    needless = np.flatnonzero(rows["role"] == "countdown")[:40]
    rows.loc[rows.index[needless], ["outcome", "error"]] = ["unknown", "abandoned"]
    early = np.flatnonzero(rows["role"] == "purchase")[:9]
    for name in ("intended_ns", "sent_ns", "first_byte_ns", "done_ns", "read_ns"):
        own = rows.loc[rows.index[early], name]
        rows.loc[rows.index[early], name] = own - (own.min() - evidence.t0_ns) - EARLY_S * 10**9
    return dataclasses.replace(evidence, requests=rows)


def test_the_rules_add_up_to_all_on_record(seeded):
    verdict, rows = judge(seeded), numbers(counts_table(seeded))
    every, bought = len(seeded.requests), verdict.latency_ms[PURCHASE].count
    bought_rows = seeded.requests["role"] == "purchase"
    assert rows["All on record"] == (f"{every:,}", f"{bought:,}")
    assert rows["No longer needed (abandoned)"] == ("40", "0")
    assert rows["Waited for"] == (f"{every - 40:,}", f"{bought:,}")
    busiest = (verdict.load.busiest_second, busiest_second(seeded.requests["sent_ns"][bought_rows]))
    assert rows["Sent in the busiest second"] == tuple(f"{number:,}" for number in busiest)
    assert rows["Waited for, from T-0 − 1 s on"][1] == f"{bought - 9:,}"
    assert "Of no known time" not in rows
    assert verdict.load.requests == every - 40
    assert verdict.generator.requests == every


def test_without_a_t0_it_is_not_told_how_many_came_after_it(evidence_of):
    rows = numbers(counts_table(evidence_of(students=60, tickets=20, no_t0=True)))
    assert "Waited for" in rows
    assert not [name for name in rows if "T-0" in name]


def test_each_place_names_its_rule(seeded):
    verdict, every = judge(seeded), len(seeded.requests)
    assert key_numbers(seeded, verdict)[0].note == f"{every:,} requests, 40 no longer needed"
    foot = [cell.text for cell in latency_table(verdict.latency_ms, seeded).foot]
    assert (foot[1], foot[-1]) == (f"{every - 40:,}", "40")
    generator = generator_table(verdict.generator, seeded).rows[0]
    assert [cell.text for cell in generator] == [
        "Requests on record",
        f"{every:,}",
        "—",
        "40 of them no longer needed",
    ]
    bought = verdict.latency_ms[PURCHASE]
    assert f", of {bought.count} without 9 intended for earlier than T-0 − 1 s" in (
        parts_tables(verdict)[0].caption
    )
    drawn = draw_latency(seeded, (-1.0, 5.0), purchase_step_of(verdict))
    assert drawn.title.endswith(f"none of {every - 40:,} requests failed")
    missing = draw_errors(seeded, (-1.0, 5.0))
    assert missing.reason.endswith("Left out: 40 that a student no longer needed.")


def test_the_cause_says_from_when_on_it_counts(evidence_of):
    slow = evidence_of(pool_exhausted=True, wait_ms=800)
    rows = slow.requests.copy()
    early = np.flatnonzero(rows["role"] == "purchase")[:9]
    for name in ("intended_ns", "sent_ns", "first_byte_ns", "done_ns", "read_ns"):
        own = rows.loc[rows.index[early], name]
        rows.loc[rows.index[early], name] = own - (own.min() - slow.t0_ns) - EARLY_S * 10**9
    every = int((rows["role"] == "purchase").sum())
    words = judge(dataclasses.replace(slow, requests=rows)).bottleneck.evidence
    assert f"of {every - 9} requests to buy from T-0 − 1 s on took" in words
    assert f"of {every} requests to buy took" in judge(slow).bottleneck.evidence


def test_where_all_is_waited_for_nothing_is_said_to_be_left_out(healthy, healthy_verdict):
    every = len(healthy.requests)
    assert key_numbers(healthy, healthy_verdict)[0].note == f"{every:,} requests"
    rows = numbers(counts_table(healthy))
    assert rows["Waited for"] == rows["All on record"]
    assert generator_table(healthy_verdict.generator, healthy).rows[0][-1].text == ""
    assert "without" not in parts_tables(healthy_verdict)[0].caption
    assert "Left out" not in draw_errors(healthy, (-1.0, 5.0)).reason


def test_requests_of_no_known_time_stand_by_themselves(healthy):
    rows = healthy.requests.copy()
    rows.loc[rows.index[:5], ["first_byte_ns", "done_ns"]] = None
    found = numbers(counts_table(dataclasses.replace(healthy, requests=rows)))
    assert found["Of no known time"][0] == "5"
    assert found["Waited for"][0] == f"{len(rows) - 5:,}"


def test_a_locust_file_has_one_rule_for_all(healthy):
    plan = healthy.plan.model_copy(update={"load": Load()})
    assert counts_table(dataclasses.replace(healthy, plan=plan)) is None
    assert counts_table(dataclasses.replace(healthy, requests=healthy.requests.head(0))) is None
