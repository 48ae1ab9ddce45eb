"""The audit sees each kind of wrong for itself, and nothing in a healthy run."""

import dataclasses
from typing import get_args

import pandas as pd
import pytest

from dress_rehearsal.plans.strategies import Allocation
from dress_rehearsal.reports import audit
from dress_rehearsal.reports.audit import COUNTERS
from dress_rehearsal.reports.verdict import judge
from tests.reports.auditing import audited, counted, found
from tests.steps import SCAN

pytestmark = pytest.mark.slow

SMALL = {"students": 200, "tickets": 60}


@pytest.mark.parametrize("allocation", get_args(Allocation))
def test_nobody_was_wronged_in_a_healthy_run(evidence_of, allocation):
    finding = audited(evidence_of(allocation=allocation, **SMALL))
    counts = finding.audit.model_dump()
    assert {counts[name] for name in finding.applicable} == {0}
    assert finding.wrongs == {}
    assert finding.problems == ()


def test_one_store_cannot_disagree_with_itself(evidence_of):
    finding = audited(evidence_of(allocation="naive", **SMALL))
    assert "store_drift" not in finding.applicable
    assert finding.audit.store_drift is None


@pytest.mark.parametrize(
    ("defects", "expected"),
    [
        pytest.param({"oversell": 3}, {"oversold": 3}, id="more tickets than places"),
        pytest.param(
            {"oversell": 3, "missing_rows": 3},
            {"oversold": 3, "acked_but_missing": 3},
            id="an oversell and a lost ticket are two findings",
        ),
        pytest.param(
            {"duplicate_rows": 2, "false_sold_out": 9},
            {"duplicate_students": 2, "false_sold_out": 7},
            id="a second ticket for the same student, while places are left",
        ),
        pytest.param(
            {"repeated_rows": 2},
            {"duplicate_students": 2},
            id="the same ticket twice is a duplicate but takes no second place",
        ),
        pytest.param(
            {"missing_rows": 4}, {"acked_but_missing": 4}, id="told of a ticket no store holds"
        ),
        pytest.param({"unacked": 3}, {"held_without_ack": 3}, id="holds one and was told 503"),
        pytest.param({"unknown": 5}, {}, id="who got no answer may or may not hold one"),
        pytest.param({"ineligible": 2}, {"ineligible": 2}, id="outsiders bought"),
        pytest.param({"strangers": 2}, {"ineligible": 2}, id="holders not on the roster at all"),
        pytest.param({"false_sold_out": 6}, {"false_sold_out": 6}, id="sold out, but 6 left"),
        pytest.param({"drift": 3}, {"store_drift": 3}, id="PostgreSQL and Redis disagree"),
        pytest.param({"stuck": 2}, {"stuck_students": 2}, id="pending for ever, row committed"),
        pytest.param({"lost_views": 4}, {"lost_views": 4}, id="views that were not counted"),
        pytest.param({"lost_views": -4}, {"lost_views": 4}, id="views counted twice"),
        pytest.param({"early": 3}, {"sold_early": 3}, id="granted before T-0"),
        pytest.param({"visitors": 5}, {}, id="everybody entered once"),
        pytest.param(
            {"visitors": 5, "entries_lost": 2}, {"lost_entries": 2}, id="entries never written"
        ),
        pytest.param(
            {"visitors": 5, "entered_twice": 2}, {"double_entry": 2}, id="a code that admits again"
        ),
        pytest.param({"rows_dropped": 2}, {"acked_but_missing": 2, "store_drift": 2}, id="dropped"),
        pytest.param({"interrupted": True}, {}, id="who was under way is not wronged"),
        pytest.param({"worker_lost": True}, {}, id="a lost worker alone wrongs nobody"),
    ],
)
def test_each_wrong_is_counted_for_itself(evidence_of, defects, expected):
    evidence = evidence_of(**SMALL, **defects)
    finding = audited(evidence)
    assert counted(finding) == expected
    order = [name for name in COUNTERS if name in expected]
    # No store holds more than there are places: what was sold beyond them had been lost before.
    both = {"oversold", "acked_but_missing"} <= set(order)
    assert list(finding.wrongs) == (order[::-1] if both else order)


WRONGS = {
    "oversell": "oversold",
    "repeated_rows": "duplicate_students",
    "missing_rows": "acked_but_missing",
    "unacked": "held_without_ack",
    "strangers": "ineligible",
    "early": "sold_early",
    "false_sold_out": "false_sold_out",
    "drift": "store_drift",
    "stuck": "stuck_students",
    "entered_twice": "double_entry",
    "entries_lost": "lost_entries",
    "lost_views": "lost_views",
}


def test_no_two_wrongs_cancel_each_other(evidence_of):
    """All happen at once, but for another one each time.

    A place cannot be sold twice and be left over at once, so one of those two is left out as well.
    """
    for number, left_out in enumerate(WRONGS):
        absent = {left_out, ("oversell", "false_sold_out")[number % 2]}
        wrongs = [defect for defect in WRONGS if defect not in absent]
        evidence = evidence_of(students=60, tickets=20, visitors=4, **dict.fromkeys(wrongs, 2))
        assert found(evidence) == {WRONGS[defect]: 2 for defect in wrongs}, absent


def test_a_purchase_nobody_answered_accuses_nobody_whatever_else_is_wrong(evidence_of):
    # Four got no answer, of whom two hold nothing: so many more must be sold to be two too many.
    for defect, counter in WRONGS.items():
        wrong = {defect: 4 if defect == "oversell" else 2}
        evidence = evidence_of(students=60, tickets=20, visitors=4, unknown=4, **wrong)
        assert found(evidence) == {counter: 2}, defect


def test_a_place_resold_after_its_ticket_was_lost_was_promised_to_two(evidence_of):
    evidence = evidence_of(students=60, tickets=20)
    ledger = evidence.ledger.copy()
    loser = int(
        evidence.students.loc[evidence.students["outcome"] == "sold_out", "student"].iloc[0]
    )
    resold = ledger["number"] == 7
    ledger.loc[resold, ["ticket", "student"]] = ["resold", loser]
    students = evidence.students.copy()
    students.loc[students["student"] == loser, "ticket"] = "resold"
    changed = dataclasses.replace(evidence, ledger=ledger, students=students)
    assert found(changed) == {"oversold": 1, "acked_but_missing": 1}


@pytest.mark.parametrize("witness", ["store", "student"])
def test_either_witness_of_an_early_sale_is_believed(evidence_of, witness):
    evidence = evidence_of(**SMALL, early=2)
    ledger, students = evidence.ledger.copy(), evidence.students.copy()
    if witness == "student":
        ledger["granted_ns"] = ledger["granted_ns"].clip(lower=evidence.t0_ns)
    else:
        students["acked_ns"] = students["acked_ns"].clip(lower=evidence.t0_ns)
    changed = dataclasses.replace(evidence, ledger=ledger, students=students)
    assert found(changed) == {"sold_early": 2}


def test_a_ticket_granted_at_t0_is_not_early_and_without_t0_nobody_knows(evidence_of):
    evidence = evidence_of(**SMALL, early=2)
    opened = int(evidence.students["acked_ns"].min())
    ledger = evidence.ledger.assign(granted_ns=evidence.ledger["granted_ns"].clip(lower=opened))
    early = (evidence.requests["error"] == "too_early").to_numpy(dtype=bool)
    changed = {"t0_ns": opened, "ledger": ledger, "requests": evidence.requests[~early]}
    assert audited(dataclasses.replace(evidence, **changed)).audit.sold_early == 0
    assert audited(dataclasses.replace(evidence, t0_ns=None)).audit.sold_early is None


@pytest.mark.parametrize("witness", ["gate", "scanners"])
def test_either_witness_of_a_double_entry_is_believed(evidence_of, witness):
    evidence = evidence_of(**SMALL, visitors=5, entered_twice=2)
    if witness == "gate":
        requests = evidence.requests[~(evidence.requests["step"] == SCAN).to_numpy(dtype=bool)]
        changed = dataclasses.replace(evidence, requests=requests)
    else:
        kept = evidence.ledger.drop_duplicates(["source", "ticket"])
        changed = dataclasses.replace(evidence, ledger=kept)
    assert audited(changed).audit.double_entry == 2


def test_where_nobody_went_to_the_gate_double_entry_is_no_question(evidence_of):
    finding = audited(evidence_of(**SMALL))
    assert finding.audit.double_entry is None
    assert "double_entry" not in finding.applicable


def test_a_gate_that_could_not_be_read_is_said(evidence_of):
    evidence = evidence_of(**SMALL, visitors=3, store_unreadable="gate")
    finding = audited(evidence)
    assert "double_entry" in finding.applicable
    assert finding.problems == (
        "The entrance's admissions could not be audited: gate did not answer: connection refused.",
    )


def test_the_sentence_of_an_oversell_has_both_figures(evidence_of):
    said = audited(evidence_of(allocation="naive", students=2000, tickets=1000, oversell=212))
    assert said.wrongs["oversold"] == "Oversold: 1,212 tickets were granted for 1,000 places."


def test_a_place_that_was_sold_to_two_is_an_oversell(evidence_of):
    evidence = evidence_of(**SMALL)
    ledger = evidence.ledger.copy()
    ledger["number"] = ledger["number"].replace({7: 8})
    shared = dataclasses.replace(evidence, ledger=ledger)
    assert found(shared) == {"oversold": 1, "false_number": 1}
    assert audited(shared).wrongs["oversold"] == (
        "Oversold: 1 ticket has a place that was sold already (the same number); in all 60 tickets "
        "were granted for 60 places."
    )


def test_sold_out_counts_no_more_wronged_students_than_were_sent_away(evidence_of):
    # Nobody was told `sold out`: places left over are no wrong.
    assert found(evidence_of(students=40, tickets=60)) == {}


def test_an_undecided_purchase_may_be_the_place_that_seems_left(evidence_of):
    assert found(evidence_of(**SMALL, unknown=4)) == {}


def test_a_promise_that_was_never_kept_is_lost_and_stuck(evidence_of):
    evidence = evidence_of(**SMALL, missing_rows=2)
    lost = ~evidence.students["ticket"].isin(evidence.ledger["ticket"])
    students = evidence.students.copy()
    students.loc[lost & students["ticket"].notna(), "issued_ns"] = pd.NA
    unkept = dataclasses.replace(evidence, students=students)
    assert found(unkept) == {"acked_but_missing": 2, "stuck_students": 2}


@pytest.mark.parametrize(
    ("error", "undecided"),
    [
        pytest.param("connect_timeout", False, id="the target never saw it"),
        pytest.param("timeout", True, id="it may have been taken in"),
    ],
)
def test_a_purchase_whose_connection_was_never_made_decides_nothing(evidence_of, error, undecided):
    evidence = evidence_of(**SMALL, unacked=1)
    requests = evidence.requests.copy()
    for column in ("error", "outcome"):
        requests[column] = requests[column].astype("object")
    tried = (requests["status"] == 503).to_numpy(dtype=bool)
    requests.loc[tried, ["status", "error"]] = [0, error]
    changed = dataclasses.replace(evidence, requests=requests)
    assert ("held_without_ack" not in found(changed)) == undecided


def test_without_records_of_students_no_promise_can_be_checked(evidence_of):
    finding = audited(evidence_of(**SMALL, without=["students"]))
    assert finding.audit.acked_but_missing is None
    assert finding.audit.ineligible is None
    assert finding.audit.oversold == 0
    assert any("students.parquet" in problem for problem in finding.problems)


def test_an_absent_view_counter_is_said(evidence_of):
    finding = audited(evidence_of(**SMALL, without_metrics=["event_views"]))
    assert finding.audit.lost_views is None
    assert any("event_views_total" in problem for problem in finding.problems)


@pytest.mark.parametrize("lost", ["requests", "half"])
def test_views_whose_requests_were_not_recorded_are_not_invented(evidence_of, lost):
    evidence = evidence_of(**SMALL)
    kept = evidence.requests.head(0 if lost == "requests" else 50)
    assert "lost_views" not in audited(dataclasses.replace(evidence, requests=kept)).wrongs


def test_settling_is_from_the_last_promise_to_the_last_row(evidence_of):
    evidence = evidence_of(**SMALL, writeback_slow=True)
    last_row = evidence.ledger["committed_ns"].max()
    last_promise = evidence.students["acked_ns"].max()
    expected_ms = (last_row - last_promise) / 1e6
    assert audited(evidence).audit.settle_ms == pytest.approx(expected_ms, abs=0.001)
    assert 2900 < expected_ms < 3100
    assert audited(evidence_of(**SMALL, allocation="naive")).audit.settle_ms == 0


def test_a_row_nobody_was_promised_settles_nothing_where_one_store_decides(evidence_of):
    for allocation, settled in (("naive", 0.0), ("redis_writeback", 9000.0)):
        evidence = evidence_of(**SMALL, unacked=1, allocation=allocation)
        ledger = evidence.ledger.copy()
        promised = set(evidence.students["ticket"].dropna())
        late = ~ledger["ticket"].isin(promised) & (ledger["source"] == "postgres")
        assert late.sum() == 1
        ledger.loc[late, "committed_ns"] = evidence.students["acked_ns"].max() + 9_000_000_000
        changed = dataclasses.replace(evidence, ledger=ledger)
        assert audited(changed).audit.settle_ms == settled


def test_stores_that_never_agreed_never_settled(evidence_of):
    assert audited(evidence_of(**SMALL, missing_rows=1)).audit.settle_ms is None
    assert audited(evidence_of(**SMALL, rows_dropped=1)).audit.settle_ms is None


def test_a_counter_that_applies_and_was_not_measured_has_a_sentence(healthy, monkeypatch):
    monkeypatch.setattr(audit, "sold_early", lambda evidence: None)
    finding = audited(healthy)
    assert finding.problems == (
        "Not known, so nobody can say that nobody was wronged: sold early.",
    )
    assert judge(healthy).verdict == "inconclusive"


def told_the_same(evidence, students):
    """Have the target give its first ticket to so many students, and no store tell anything."""
    rows = evidence.students.copy()
    acked = rows.index[rows["ticket"].notna()]
    rows["ticket"] = rows["ticket"].astype("object")
    rows.loc[acked[:students], "ticket"] = rows.loc[acked[0], "ticket"]
    return dataclasses.replace(evidence, students=rows, ledger=evidence.ledger.iloc[:0])


@pytest.mark.parametrize(("students", "oversold"), [(1, None), (2, 1), (5, 4)])
def test_one_ticket_given_to_several_is_an_oversell_by_the_answers_alone(
    evidence_of, students, oversold
):
    finding = audited(told_the_same(evidence_of(**SMALL), students))
    assert finding.audit.oversold == oversold
    assert ("oversold" in finding.wrongs) == (oversold is not None)
