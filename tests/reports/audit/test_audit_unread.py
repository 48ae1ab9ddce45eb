"""A store that was not read, or read too early, leaves open what it alone knows."""

import dataclasses

import pytest

from dress_rehearsal.records import TimelineEvent
from dress_rehearsal.reports.evidence import Evidence
from tests.reports.auditing import audited, found

pytestmark = pytest.mark.slow

SMALL = {"students": 200, "tickets": 60}


def unsettled(evidence: Evidence, *without: str, issued: bool = False) -> Evidence:
    """The same, read before the last row was written: the 7th is missing in these stores."""
    ledger, students = evidence.ledger, evidence.students.copy()
    for store in without:
        row = ledger.index[ledger["source"] == store][7]
        if not issued:
            students.loc[students["student"] == ledger.loc[row, "student"], "issued_ns"] = None
        ledger = ledger.drop(row)
    event = TimelineEvent(evidence.events[-1].t_ns, "phase", "unsettled", {})
    timeline = (*evidence.events, event)
    return dataclasses.replace(evidence, ledger=ledger, students=students, events=timeline)


def unreadable(evidence: Evidence, *stores: str) -> Evidence:
    """The same, of which these stores gave no answer."""
    timeline = [
        dataclasses.replace(event, detail={"error": "no answer"})
        if event.kind == "ledger" and event.name in stores
        else event
        for event in evidence.events
    ]
    ledger = evidence.ledger[~evidence.ledger["source"].isin(stores)]
    return dataclasses.replace(evidence, ledger=ledger, events=tuple(timeline))


@pytest.mark.parametrize("store", ["postgres", "redis"])
def test_an_unread_store_leaves_its_counters_open(evidence_of, store):
    finding = audited(evidence_of(**SMALL, store_unreadable=store))
    assert finding.audit.oversold is None
    assert finding.audit.store_drift is None
    assert finding.audit.false_sold_out is None
    assert (finding.audit.acked_but_missing is None) == (store == "postgres")
    assert any(store in problem for problem in finding.problems)


def test_an_oversell_in_one_store_counts_though_the_other_is_unread(evidence_of):
    assert audited(evidence_of(**SMALL, store_unreadable="redis", oversell=1)).audit.oversold == 1


def test_a_ledger_with_fewer_rows_than_were_read_is_judged_and_said_to_be_changed(evidence_of):
    evidence = evidence_of(**SMALL)
    cut = dataclasses.replace(evidence, ledger=evidence.ledger.iloc[:-3])
    finding = audited(cut)
    assert finding.audit.store_drift == 3
    assert "the file was changed" in finding.problems[0]


@pytest.mark.parametrize("store", ["postgres", "redis"])
def test_a_store_whose_rows_are_all_gone_is_as_good_as_unread(evidence_of, store):
    evidence = evidence_of(**SMALL)
    kept = evidence.ledger[evidence.ledger["source"] != store]
    finding = audited(dataclasses.replace(evidence, ledger=kept))
    assert finding.wrongs == {}
    assert finding.audit.store_drift is None
    assert (finding.audit.acked_but_missing is None) == (store == "postgres")
    assert finding.problems == (
        f"{store} held 60 tickets when it was read, but ledger.parquet has no row of it: the file "
        f"was lost, so nobody can audit them.",
    )


def test_a_store_that_truly_held_nothing_was_read(evidence_of):
    finding = audited(evidence_of(students=30, tickets=0))
    assert (finding.problems, finding.audit.store_drift) == ((), 0)


def test_one_missing_row_is_a_wrong_not_a_lost_file(evidence_of):
    evidence = evidence_of(**SMALL)
    durable = evidence.ledger.index[evidence.ledger["source"] == "postgres"]
    cut = dataclasses.replace(evidence, ledger=evidence.ledger.drop(durable[7]))
    assert found(cut) == {"acked_but_missing": 1, "store_drift": 1}


def test_a_row_that_was_still_to_come_is_not_called_lost(evidence_of):
    finding = audited(unsettled(evidence_of(**SMALL), "postgres"))
    undecided = {
        *("acked_but_missing", "duplicate_students", "held_without_ack", "wrong_owner"),
        *("store_drift", "stuck_students"),
    }
    counts = finding.audit.model_dump()
    assert {name for name in finding.applicable if counts[name] is None} == undecided
    assert finding.wrongs == {}
    assert any("1 ticket had none in postgres yet" in problem for problem in finding.problems)


def test_what_no_row_to_come_explains_is_a_wrong_all_the_same(evidence_of):
    evidence = evidence_of(**SMALL)
    lost = audited(unsettled(evidence, "postgres", "redis"))
    assert lost.audit.acked_but_missing == 1
    assert audited(unsettled(evidence, "redis")).audit.store_drift == 1
    called_issued = audited(unsettled(evidence, "postgres", issued=True))
    assert called_issued.audit.acked_but_missing == 1
    assert called_issued.audit.store_drift == 1


def test_where_rows_were_to_come_from_a_store_that_gives_no_answer_nobody_can_tell(evidence_of):
    evidence = unsettled(evidence_of(**SMALL), "postgres")
    finding = audited(unreadable(evidence, "redis"))
    assert finding.audit.acked_but_missing is None
    assert finding.wrongs == {}
    assert any("how many had none yet is not known" in problem for problem in finding.problems)
    for stores in (("postgres",), ("postgres", "redis")):
        assert audited(unreadable(evidence, *stores)).audit.acked_but_missing is None
