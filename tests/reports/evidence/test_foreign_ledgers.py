"""How the rows of somebody else's ledger are taken: defects caught, oddities not."""

import dataclasses
import re

import pandas as pd
import pytest

from dress_rehearsal.records.steps import PURCHASE
from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.reports.verdict import judge
from tests.reports.audit.test_refusals import told
from tests.reports.auditing import audited, counted
from tests.reports.evidence.foreign_ledgers import (
    SHOP,
    Change,
    called,
    holders,
    unheard,
    with_rows,
)
from tests.reports.foreign import foreign
from tests.steps import TICKET as FOLLOW_UP

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("level", ["tickets", "owners", "everything"])
def test_tickets_that_a_ledger_writes_otherwise_are_not_lost(evidence_of, level):
    shop = foreign(evidence_of(**SHOP), level)
    verdict = judge(with_rows(shop, called(lambda name: f"{name.upper()}   ")))
    assert verdict.verdict == "pass", verdict.reasons
    assert any("writes 60 tickets otherwise" in note for note in verdict.notes)


def test_two_ledgers_that_write_tickets_otherwise_agree(evidence_of):
    shop = foreign(evidence_of(**SHOP), "everything", names=("orders", "payments"))

    def padded(rows: pd.DataFrame) -> pd.DataFrame:
        second = rows["source"] == "payments"
        return rows.assign(ticket=rows["ticket"].mask(second, rows["ticket"] + "  "))

    assert audited(with_rows(shop, padded)).audit.store_drift == 0


@pytest.mark.parametrize("level", ["tickets", "owners", "everything"])
def test_a_ledger_that_names_something_else_accuses_nobody(evidence_of, level):
    shop = foreign(evidence_of(**SHOP), level)
    verdict = judge(with_rows(shop, called(lambda name: f"row {name}")))
    assert verdict.verdict == "inconclusive"
    assert "orders names none of the 60 tickets that students were told of" in verdict.reasons[0]
    theirs = re.search(r"it says 'row (.*?)', say, and .* told '(.*?)'", verdict.reasons[0])
    assert ("the same student" in verdict.reasons[0]) == (level != "tickets")
    assert level == "tickets" or theirs[1] == theirs[2]


def test_tickets_that_are_gone_are_lost_though_others_were_sold(evidence_of):
    shop = foreign(evidence_of(**SHOP), "everything")
    holders = set(shop.ledger["student"])
    others = [n for n in range(SHOP["students"]) if n not in holders][: len(shop.ledger)]

    def resold(rows: pd.DataFrame) -> pd.DataFrame:
        rows = called(lambda name: f"new {name}")(rows)
        return rows.assign(student=pd.array(others, dtype="Int32"))

    assert audited(with_rows(shop, resold)).audit.acked_but_missing == 60


def test_what_is_beyond_a_page_of_a_ledger_is_lost_and_the_page_is_named(evidence_of):
    shop = foreign(evidence_of(**SHOP), "everything")
    words = "it has 50 rows, as many as a page may have, and these were told of"

    def lost(change: Change) -> str:
        return audited(with_rows(shop, change)).wrongs["acked_but_missing"]

    def in_order(rows: pd.DataFrame) -> pd.DataFrame:
        return rows.sort_values("granted_ns", ignore_index=True)

    assert f"{words} later than those" in lost(lambda rows: in_order(rows)[:50])
    assert f"{words} earlier than those" in lost(lambda rows: in_order(rows)[10:])
    assert "page" not in lost(lambda rows: in_order(rows)[:47])
    every_sixth = lost(lambda rows: in_order(rows)[rows.index % 6 != 0])
    assert "Lost tickets: 10" in every_sixth
    assert "page" not in every_sixth


def test_a_ticket_confirmed_to_two_is_told_from_one_written_down_for_another(evidence_of):
    shop = foreign(evidence_of(**SHOP), "everything")
    one, other = holders(shop, 2)
    students = shop.students.set_index("student", drop=False)
    students.at[other, "ticket"] = students.at[one, "ticket"]
    students = students.reset_index(drop=True)
    both = dataclasses.replace(shop, students=students)
    words = "(1 confirmed to that other one, too)"
    assert words in audited(both).wrongs["wrong_owner"]

    def swapped(rows: pd.DataFrame) -> pd.DataFrame:
        return rows.assign(student=rows["student"].replace({one: other, other: one}))

    finding = audited(with_rows(shop, swapped))
    assert counted(finding) == {"wrong_owner": 2}
    assert "confirmed" not in finding.wrongs["wrong_owner"]


def test_tickets_confirmed_by_another_name_are_lost_and_no_oversell(evidence_of):
    shop = foreign(evidence_of(**SHOP), "everything")

    def seven_otherwise(rows: pd.DataFrame) -> pd.DataFrame:
        return rows.assign(ticket=rows["ticket"].mask(rows.index < 7, "x" + rows["ticket"]))

    finding = audited(with_rows(shop, seven_otherwise))
    assert counted(finding) == {"acked_but_missing": 7}
    words = "(7 of their students have one there of another name)"
    assert words in finding.wrongs["acked_but_missing"]
    others = [n for n in range(SHOP["students"]) if n not in set(shop.ledger["student"])][:7]

    def resold(rows: pd.DataFrame) -> pd.DataFrame:
        first = rows.index < 7
        student = rows["student"].mask(first, pd.Series(others, dtype="Int32"))
        return seven_otherwise(rows).assign(student=student)

    assert counted(audited(with_rows(shop, resold)))["oversold"] == 7


def test_what_a_second_ledger_calls_otherwise_drifts_and_is_no_oversell(evidence_of):
    shop = foreign(evidence_of(**SHOP), "everything", names=("orders", "payments"))

    def misspelt(rows: pd.DataFrame) -> pd.DataFrame:
        few = (rows["source"] == "payments") & (rows.index % 20 == 0)
        return rows.assign(ticket=rows["ticket"].mask(few, "x" + rows["ticket"]))

    finding = audited(with_rows(shop, misspelt))
    assert set(counted(finding)) == {"store_drift"}
    assert "are in orders alone, " in finding.wrongs["store_drift"]

    def five_more(rows: pd.DataFrame) -> pd.DataFrame:
        more = rows[rows["source"] == "payments"].iloc[:5]
        return pd.concat([rows, more.assign(ticket="x" + more["ticket"], student=pd.NA)])

    assert counted(audited(with_rows(shop, five_more)))["oversold"] == 5


def test_one_ticket_of_two_students_is_sold_twice(evidence_of):
    shop = foreign(evidence_of(**SHOP), "everything")
    first = shop.ledger["ticket"].iloc[:2].tolist()
    students = shop.students.copy()
    students["ticket"] = students["ticket"].replace({first[1]: first[0]})
    both = with_rows(
        shop, lambda rows: rows.assign(ticket=rows["ticket"].replace({first[1]: first[0]}))
    )
    assert counted(audited(dataclasses.replace(both, students=students))) == {"oversold": 1}


def test_rows_that_a_query_may_have_repeated_decide_nothing(evidence_of):
    shop = foreign(evidence_of(**SHOP), "everything")

    def twice(rows: pd.DataFrame) -> pd.DataFrame:
        return pd.concat([rows, rows.iloc[:5]])

    def keyed(rows: pd.DataFrame) -> pd.DataFrame:
        return rows.assign(number=pd.array(range(1, len(rows) + 1), dtype="Int32"))

    unsure = judge(with_rows(shop, twice))
    assert unsure.verdict == "inconclusive"
    assert "5 of 65 rows of orders repeat another" in unsure.reasons[0]
    assert judge(with_rows(shop, lambda rows: twice(keyed(rows)))).verdict == "pass"
    written_twice = audited(with_rows(shop, lambda rows: keyed(twice(rows))))
    assert counted(written_twice) == {"duplicate_students": 5}
    two_seats = foreign(evidence_of(**SHOP), "everything", per_student=2)
    assert judge(with_rows(two_seats, twice)).verdict == "pass"


def test_what_was_sold_before_and_is_gone_is_told(evidence_of):
    shop = foreign(evidence_of(**SHOP), "everything", before=5)
    assert judge(shop).verdict == "pass"
    verdict = judge(with_rows(shop, lambda rows: rows, gone=2))
    assert verdict.verdict == "inconclusive"
    assert "2 of 5 tickets that orders held before the rush are gone" in verdict.reasons[0]


def test_without_its_ledger_nobody_knows_what_others_took(evidence_of):
    left = evidence_of(**SHOP, false_sold_out=9)
    unread = audited(foreign(left, "everything", error="there is no such table."))
    assert unread.audit.false_sold_out is None
    assert unread.wrongs == {}


def test_who_was_put_off_to_the_end_and_holds_nothing_is_stuck(evidence_of):
    shop = foreign(evidence_of(**SHOP), "owners")
    three = holders(shop, 3)
    waiting = dataclasses.replace(shop, students=unheard(shop, three, "in_flight"))
    assert counted(audited(waiting)) == {}  # their rows are there: it was only slow
    lost = with_rows(waiting, lambda rows: rows[~rows["student"].isin(three)])
    assert audited(lost).audit.stuck_students == 3


def test_a_ledger_that_names_no_owners_knows_who_was_put_off_by_the_ticket(evidence_of):
    shop = foreign(evidence_of(**SHOP), "tickets")
    three = holders(foreign(evidence_of(**SHOP), "owners"), 3)
    waiting = dataclasses.replace(shop, students=unheard(shop, three, "in_flight"))
    for same in (waiting, with_rows(waiting, called(lambda name: f"{name.upper()} "))):
        assert counted(audited(same)) == {}
    assert any("3 of them have one in orders" in note for note in judge(waiting).notes)
    names = shop.students.loc[shop.students["student"].isin(three), "ticket"]
    lost = with_rows(waiting, lambda rows: rows[~rows["ticket"].isin(names)])
    assert audited(lost).audit.stuck_students == 3
    assert "promised a ticket that was never issued" in judge(lost).reasons[0]


@pytest.mark.parametrize("level", ["answers", "count"])
def test_where_no_ledger_knows_it_who_was_put_off_is_told_of(evidence_of, level):
    shop = foreign(evidence_of(**SHOP), level)
    assert not any("is being issued" in said for said in judge(shop).notes)
    three = holders(foreign(evidence_of(**SHOP), "owners"), 3)
    late = dataclasses.replace(shop, students=unheard(shop, three, "in_flight"))
    assert not any("is being issued" in said for said in audited(late).problems)
    (note,) = (said for said in judge(late).notes if "is being issued" in said)
    assert note.startswith("3 students were told that a ticket is being issued")

    asked = told(late, FOLLOW_UP, three, None, 15, outcome="ok", status=200)
    vain = dataclasses.replace(asked, students=late.students)
    (problem,) = (said for said in audited(vain).problems if "is being issued" in said)
    assert "3 students were told" in problem
    assert "for more than 10s" in problem
    assert not any("is being issued" in said for said in judge(vain).notes)


def test_a_ticket_that_was_granted_by_an_error_takes_a_place_and_overtakes_nobody(evidence_of):
    shop = foreign(evidence_of(**SHOP), "everything", order_within=0.2)
    assert judge(shop).fairness.inversions == 0
    three = holders(shop, 3)
    requests = shop.requests.copy()
    clicks = (requests["role"] == PURCHASE) & requests["student"].isin(three)
    again = requests[clicks].copy()
    for column in ("intended_ns", "sent_ns", "first_byte_ns", "done_ns", "read_ns"):
        again[column] += NS_PER_S * 9 // 10
    again = again.assign(seq=again["seq"] + 1, status=409)
    again = again.assign(outcome="refused", error="already_holds_ticket")
    requests[["outcome", "error"]] = requests[["outcome", "error"]].astype("object")
    requests.loc[clicks, ["outcome", "error"]] = ["failed", "internal_error"]
    requests.loc[clicks, "status"] = 500
    found = dataclasses.replace(
        shop,
        requests=pd.concat([requests, again]).sort_values("sent_ns", ignore_index=True),
        students=unheard(shop, three, "refused"),
    )
    assert counted(audited(found)) == {}
    assert judge(found).fairness.inversions == 0


def test_what_students_hold_by_no_click_of_theirs_took_a_place(evidence_of):
    shop = foreign(evidence_of(**SHOP), "owners")
    three = holders(shop, 3)
    theirs = (shop.requests["role"] == PURCHASE) & shop.requests["student"].isin(three)
    elsewhere = dataclasses.replace(
        shop, requests=shop.requests[~theirs], students=unheard(shop, three, "refused")
    )
    assert audited(elsewhere).audit.false_sold_out == 0
    none = with_rows(elsewhere, lambda rows: rows[~rows["student"].isin(three)])
    assert audited(none).audit.false_sold_out


@pytest.mark.parametrize(("waited_s", "is_told"), [(0.4, False), (2.9, False), (5.2, True)])
def test_who_heard_long_after_that_a_ticket_is_being_issued_is_told_of(
    evidence_of, waited_s, is_told
):
    shop = foreign(evidence_of(**SHOP), "owners")
    some = holders(shop, 20)
    students = unheard(shop, some, "ticket")
    students["ticket"] = shop.students["ticket"]
    for column in ("acked_ns", "issued_ns"):
        heard_ns = students["pending_ns"] + round(waited_s * NS_PER_S)
        students[column] = shop.students[column].where(~students["student"].isin(some), heard_ns)
    notes = judge(dataclasses.replace(shop, students=students)).notes
    told = [note for note in notes if "heard of it 3 s later or more" in note]
    assert bool(told) == is_told
    if is_told:
        assert told[0].startswith("20 of 20 holders")
        assert "the last of them 5.2 s later" in told[0]
