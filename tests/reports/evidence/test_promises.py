"""What students were told: of tickets that are not there, of two, or of one they do not have."""

import dataclasses

import pandas as pd
import pytest

from tests.reports.auditing import audited, found
from tests.steps import PURCHASE

SMALL = {"students": 200, "tickets": 60}


def changed(evidence, students, **values):
    """The same run with other words in these students' rows."""
    rows = evidence.students.copy()
    for column, value in values.items():
        rows[column] = rows[column].astype("object")
        rows.loc[rows["student"].isin(students), column] = value
    return dataclasses.replace(evidence, students=rows)


def claimed(evidence, students, *, again=False):
    """The same run with these students' purchases, or a further one, refused by a claim."""
    requests = evidence.requests.copy()
    for column in ("error", "outcome"):
        requests[column] = requests[column].astype("object")
    mine = ((requests["step"] == PURCHASE) & requests["student"].isin(students)).astype(bool)
    mine &= (requests["error"] != "too_early").to_numpy(dtype=bool)
    told = requests[mine].assign(outcome="refused", error="already_holds_ticket", status=409)
    rest = requests if again else requests[~mine]
    return dataclasses.replace(evidence, requests=pd.concat([rest, told], ignore_index=True))


def failed(evidence, students):
    """The same run with these students' purchases answered by the server's failure."""
    requests = evidence.requests.copy()
    for column in ("error", "outcome"):
        requests[column] = requests[column].astype("object")
    mine = ((requests["step"] == PURCHASE) & requests["student"].isin(students)).astype(bool)
    mine &= (requests["error"] == "sold_out").to_numpy(dtype=bool)
    requests.loc[mine, ["outcome", "error", "status"]] = ["failed", "internal_error", 500]
    return dataclasses.replace(evidence, requests=requests)


def who_ended(evidence, outcome):
    return evidence.students.loc[evidence.students["outcome"] == outcome, "student"].tolist()


@pytest.mark.parametrize("outcome", ["refused", "unknown"])
def test_a_claim_that_no_store_bears_out_is_a_wrong_and_hides_none(evidence_of, outcome):
    # 40 were sent away while 20 places were left: 20 as sold out, 20 as holders of a ticket.
    evidence = evidence_of(**SMALL, false_sold_out=20)
    students = who_ended(evidence, "sold_out")[:20]
    evidence = changed(evidence, students, outcome=outcome)
    untrue = claimed(evidence, students)
    assert found(untrue) == {"false_already_holds": 20, "false_sold_out": 20}
    lost = claimed(failed(evidence, students), students, again=True)
    assert found(lost) == {"acked_but_missing": 20, "false_sold_out": 20}
    assert audited(lost).wrongs["acked_but_missing"] == (
        "Lost tickets: 20 tickets that students were told of are not in postgres "
        "(20 students who hold none were told that they have one already)."
    )


@pytest.mark.parametrize("outcome", ["refused", "unknown"])
def test_a_claim_that_is_true_wrongs_nobody(evidence_of, outcome):
    evidence = evidence_of(**SMALL)
    students = who_ended(evidence, "ticket")[:3]
    untold = changed(evidence, students, ticket=None, acked_ns=pd.NA, issued_ns=pd.NA)
    assert found(changed(untold, students, outcome="failed")) == {"held_without_ack": 3}
    assert found(claimed(changed(untold, students, outcome=outcome), students)) == {}


def test_whose_purchase_was_never_answered_may_hold_a_ticket_by_a_claim_too(evidence_of):
    evidence = evidence_of(**SMALL, unknown=4)
    holders = set(who_ended(evidence, "unknown")) & set(evidence.ledger["student"])
    evidence = claimed(evidence, holders, again=True)
    told = evidence.promises.students
    assert told.loc[told["undecided"], "student"].tolist() == who_ended(evidence, "unknown")
    assert found(evidence) == {}


def test_an_unread_store_may_hold_what_was_claimed(evidence_of):
    evidence = evidence_of(**SMALL, store_unreadable="redis")
    students = who_ended(evidence, "sold_out")[:2]
    evidence = claimed(changed(evidence, students, outcome="refused"), students)
    assert audited(evidence).audit.acked_but_missing == 0


def test_a_student_told_of_two_tickets_has_one_too_many(evidence_of):
    evidence = evidence_of(**SMALL)
    student = who_ended(evidence, "ticket")[:1]
    told_of = pd.Series([["second"]] * len(evidence.students), evidence.students.index)
    evidence = changed(evidence, student, more_tickets=told_of)
    first = evidence.students.loc[evidence.students["student"] == student[0], "ticket"].item()
    promised = evidence.promises.tickets
    assert promised.loc[promised["student"] == student[0], "ticket"].tolist() == [first, "second"]
    wrong = {"oversold": 1, "duplicate_students": 1, "acked_but_missing": 1}
    assert found(evidence) == wrong
    blind = dataclasses.replace(evidence, ledger=evidence.ledger.head(0))
    assert audited(blind).audit.duplicate_students == 1


@pytest.mark.slow
def test_both_tickets_that_a_student_was_told_of_are_looked_for(evidence_of):
    evidence = evidence_of(**SMALL, false_sold_out=1, duplicate_rows=1)
    (second,) = evidence.ledger.loc[evidence.ledger["ticket"].str.endswith("-again"), "ticket"][:1]
    student = evidence.ledger.loc[evidence.ledger["ticket"] == second, "student"].tolist()
    told_of = pd.Series([[second]] * len(evidence.students), evidence.students.index)
    assert found(changed(evidence, student, more_tickets=told_of)) == {"duplicate_students": 1}
