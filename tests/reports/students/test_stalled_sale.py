"""A sale that stands still while students wait for tickets that are left is told of."""

import dataclasses

import numpy as np
import pytest

from dress_rehearsal.records import TimelineEvent
from dress_rehearsal.reports.students.stalled_sale import stall_notes
from dress_rehearsal.reports.verdict import judge
from tests.reports.foreign import foreign

SECOND = 1_000_000_000
TIMES = ("sent_ns", "first_byte_ns", "done_ns", "read_ns")


def stalled(evidence, by_s=4.0, *, asked=True, after=0.5):
    """The same run in which the later half of the tickets went so much later.

    Args:
        asked: whether their students had asked before, and waited.
        after: which share of the tickets went before.
    """
    by_ns = round(by_s * SECOND)
    holders = evidence.ledger[evidence.ledger["source"].astype("object") == "postgres"]
    since_ns = int(np.quantile(holders["granted_ns"].to_numpy("int64"), after, method="lower"))
    later = holders.loc[holders["granted_ns"] > since_ns, "student"]
    ledger, students, rows = evidence.ledger, evidence.students, evidence.requests
    buying = (rows["role"] == "purchase") & rows["student"].isin(later)
    buying &= rows["done_ns"].ge(since_ns).fillna(False)
    moved = [name for name in TIMES if name != "sent_ns" or not asked]
    return dataclasses.replace(
        evidence,
        ledger=ledger.assign(
            granted_ns=ledger["granted_ns"].mask(
                ledger["student"].isin(later), ledger["granted_ns"] + by_ns
            )
        ),
        students=students.assign(
            acked_ns=students["acked_ns"].mask(
                students["student"].isin(later), students["acked_ns"] + by_ns
            )
        ),
        requests=rows.assign(
            **{name: rows[name].mask(buying, rows[name] + by_ns) for name in moved}
        ),
    )


def test_a_sale_that_stalls_is_told_of_with_when_how_many_were_left_and_who_waited(healthy):
    evidence = stalled(healthy)
    (note,) = stall_notes(evidence)
    assert note.startswith("The sale stood still from T-0 + 0.")
    assert " for 4 s: no ticket was granted, though 100 of 200 tickets were left (as " in note
    assert note.endswith(" without a ticket waited for an answer.")
    assert note in judge(evidence).notes


def test_a_sale_that_goes_on_is_not_told_of(healthy):
    assert list(stall_notes(healthy)) == []
    assert list(stall_notes(stalled(healthy, by_s=1.5))) == [], "as long as a pause of theirs"


def test_where_nobody_waited_nothing_stood_still(healthy):
    assert list(stall_notes(stalled(healthy, asked=False))) == []


def test_who_may_not_buy_or_has_a_ticket_waits_for_nothing(healthy):
    evidence = stalled(healthy)
    outsiders = evidence.students.assign(enrolled=False)
    assert list(stall_notes(dataclasses.replace(evidence, students=outsiders))) == []
    heard = evidence.students.assign(acked_ns=evidence.t0_ns)
    assert list(stall_notes(dataclasses.replace(evidence, students=heard))) == []


def test_a_slow_sale_is_always_so_slow(healthy):
    """Every ticket goes three seconds after the one before."""
    evidence = stalled(healthy)
    rank = evidence.ledger["granted_ns"].rank(method="dense").astype("int64")
    slow = evidence.ledger.assign(granted_ns=evidence.t0_ns + 3 * SECOND * rank)
    assert list(stall_notes(dataclasses.replace(evidence, ledger=slow))) == []


@pytest.mark.parametrize(
    ("level", "witness"),
    [("everything", "as the ledger orders has them"), ("answers", "as students heard of them")],
)
def test_of_a_shop_of_somebody_elses_it_is_told_by_its_ledger_or_by_what_students_heard(
    healthy, level, witness
):
    (note,) = stall_notes(foreign(stalled(healthy), level))
    assert f"({witness})" in note
    assert list(stall_notes(foreign(healthy, level))) == []


def test_who_heard_late_of_answers_that_had_come_saw_no_sale_stand_still(healthy):
    """The generator read what had arrived 4 s before."""
    evidence = stalled(healthy)
    rows = evidence.requests
    later = rows["done_ns"].gt(rows["sent_ns"] + 3 * SECOND).fillna(False)
    arrived = rows["done_ns"].mask(later, rows["done_ns"] - 3 * SECOND)
    late = dataclasses.replace(evidence, requests=rows.assign(done_ns=arrived))
    assert list(stall_notes(foreign(late, "answers"))) == []


def test_times_of_whole_seconds_tell_of_no_gap_that_may_be_their_rounding(healthy):
    def cut(evidence):
        granted = evidence.ledger["granted_ns"] // SECOND * SECOND + SECOND
        return foreign(
            dataclasses.replace(evidence, ledger=evidence.ledger.assign(granted_ns=granted)),
            "everything",
        )

    assert list(stall_notes(cut(stalled(healthy, by_s=2.5)))) == []
    (note,) = stall_notes(cut(stalled(healthy, by_s=6.0)))
    assert "(as the ledger orders has them)" in note


def test_a_fault_of_the_plan_is_named_with_it(healthy):
    evidence = stalled(healthy)
    struck = TimelineEvent(evidence.t0_ns + SECOND, "fault", "stop redis", {"on": True})
    (note,) = stall_notes(dataclasses.replace(evidence, events=(*evidence.events, struck)))
    assert note.endswith("; a fault of the plan's own struck then: stop (Redis).")


def test_without_a_t0_nothing_is_told(healthy):
    assert list(stall_notes(dataclasses.replace(stalled(healthy), t0_ns=None))) == []


def test_rows_that_were_lost_leave_a_hole_in_the_ledger_and_none_in_the_sale(healthy):
    """As where Redis is killed and loses what it granted in the last seconds."""
    evidence = stalled(healthy)
    buyers = evidence.students.dropna(subset="acked_ns").sort_values("acked_ns")["student"]
    middle_ns = int(evidence.t0_ns + 2.5 * SECOND)

    def told_then(student, *, lost):
        own = evidence.students["student"] == student
        acked = evidence.students["acked_ns"].mask(own, middle_ns)
        ledger = evidence.ledger
        kept = ledger[ledger["student"] != student] if lost else ledger
        return dataclasses.replace(
            evidence, students=evidence.students.assign(acked_ns=acked), ledger=kept
        )

    first, last = int(buyers.iloc[20]), int(buyers.iloc[-20])
    assert list(stall_notes(told_then(first, lost=True))) == []
    assert len(list(stall_notes(told_then(first, lost=False)))) == 1, "granted before, told late"
    early = told_then(last, lost=False)
    early = dataclasses.replace(
        early, students=early.students.assign(acked_ns=early.students["acked_ns"] - SECOND)
    )
    assert list(stall_notes(early)) == [], "told long before the ledger has it"
    gone = evidence.ledger["student"].isin(buyers.iloc[:5])
    lost = dataclasses.replace(evidence, ledger=evidence.ledger[~gone])
    assert len(list(stall_notes(lost))) == 1, "nobody of them was told in the gap"


@pytest.mark.parametrize("source", ["generator", "kernel"])
def test_a_generator_or_a_machine_that_stood_still_is_no_sale_that_did(evidence_of, source):
    assert list(stall_notes(stalled(evidence_of(silent=((source, 1.0, 3.5),))))) == []
    assert len(list(stall_notes(stalled(evidence_of(silent=(("redis", 1.0, 3.5),)))))) == 1


@pytest.mark.parametrize("found", ["foreign_cpu", "steal"])
def test_where_others_took_the_cpu_nothing_is_said(healthy, found):
    evidence = stalled(healthy)
    assert list(stall_notes(evidence, {found})) == []
    assert len(list(stall_notes(evidence, {"late_sends"}))) == 1


def test_of_many_times_the_three_longest_are_told_in_order(healthy):
    evidence = healthy
    for by_s, after in ((2.5, 0.9), (2.4, 0.7), (2.2, 0.5), (2.6, 0.3)):
        evidence = stalled(evidence, by_s, after=after)
    told = [note.partition(", for ")[2].partition(":")[0] for note in stall_notes(evidence)]
    assert told == ["2.6 s", "2.4 s", "2.5 s"]
