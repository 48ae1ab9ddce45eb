"""Who was told of a ticket and never saw it is told of, and so is a ticket that nobody heard of."""

import dataclasses

import pandas as pd
import pytest

from dress_rehearsal.records.steps import CODE, TICKET
from dress_rehearsal.reports.students.errors_met import count_errors, met_errors
from dress_rehearsal.reports.students.retried import retried_notes
from dress_rehearsal.reports.students.unseen import never_saw, unseen_notes
from dress_rehearsal.reports.verdict import judge

SMALL = {"students": 200, "tickets": 60}


def unanswered(evidence, number=None):
    """The same run in which nobody, or so many holders not, had an answer about their ticket."""
    holders = evidence.students.loc[evidence.students["outcome"] == "ticket", "student"]
    who = holders.tolist()[:number]
    rows = evidence.requests.copy()
    mine = rows["role"].isin([TICKET, CODE]) & rows["student"].isin(who)
    rows["outcome"] = rows["outcome"].astype("object").mask(mine, "unknown")
    rows["error"] = rows["error"].astype("object").mask(mine, "timeout")
    rows["status"] = rows["status"].mask(mine, 0)
    return dataclasses.replace(evidence, requests=rows), len(who)


def test_who_never_saw_the_ticket_did_not_get_over_it(evidence_of):
    evidence, holders = unanswered(evidence_of(**SMALL))
    assert len(never_saw(evidence)) == holders == 60
    (note,) = (each for each in judge(evidence).notes if "never saw it" in each)
    assert note.startswith("60 students were told of a ticket and never saw it: no request")
    assert retried_notes(evidence) == []
    assert all(each.got_over == 0 for each in count_errors(evidence, met_errors(evidence)))


def test_one_answer_is_enough_to_have_seen_it(evidence_of):
    evidence, _ = unanswered(evidence_of(**SMALL), 3)
    assert len(never_saw(evidence)) == 3
    assert unseen_notes(evidence)[0].startswith("3 students were told")


@pytest.mark.parametrize("word", ["cut", "abandoned", "no_free_port"])
def test_what_is_not_the_targets_doing_is_nobodys_unseen_ticket(evidence_of, word):
    evidence, _ = unanswered(evidence_of(**SMALL))
    rows = evidence.requests.copy()
    rows["error"] = rows["error"].mask(rows["error"] == "timeout", word)
    assert len(never_saw(dataclasses.replace(evidence, requests=rows))) == 0


def test_a_code_that_nobody_had_asked_for_by_the_end_is_told(evidence_of):
    """Three students with a ticket were under way to its code, and nobody was in flight."""
    evidence = evidence_of(**SMALL)
    rows, holders = evidence.requests, evidence.students["outcome"] == "ticket"
    who = evidence.students.loc[holders, "student"].tolist()
    codes = (rows["role"] == CODE) & rows["student"].isin(who[:3])
    kept = dataclasses.replace(evidence, requests=rows[~codes])
    assert unseen_notes(kept) == [
        "3 of 60 students with a ticket had not asked for its code when the run ended. They are "
        "counted as with a ticket, and not as in flight."
    ]
    none = dataclasses.replace(evidence, requests=rows[rows["role"] != CODE])
    assert unseen_notes(none) == [], "a scenario without codes has nobody who lacks one"


def test_a_healthy_run_tells_of_neither(healthy):
    assert never_saw(healthy).tolist() == []
    assert unseen_notes(healthy) == []


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        ("in_flight", "were still under way at the end"),
        ("unknown", "had no answer to a try to buy"),
    ],
)
def test_tickets_that_nobody_heard_of_are_accounted_for_in_a_line(evidence_of, outcome, words):
    evidence = evidence_of(**SMALL)
    students = evidence.students.copy()
    mine = students["student"].isin(
        students.loc[students["outcome"] == "ticket", "student"].tolist()[:4]
    )
    students["outcome"] = students["outcome"].astype("object").mask(mine, outcome)
    for column in ("ticket", "acked_ns", "issued_ns"):
        students[column] = students[column].mask(mine, pd.NA)
    rows = evidence.requests.copy()
    bought = rows["student"].isin(students.loc[mine, "student"]) & (rows["role"] == "purchase")
    rows["outcome"] = rows["outcome"].astype("object").mask(bought, "unknown")
    rows["error"] = rows["error"].astype("object").mask(bought, "timeout")
    changed = dataclasses.replace(evidence, students=students, requests=rows)
    (note,) = (each for each in unseen_notes(changed) if "heard of it" in each)
    assert note.startswith("60 students hold a ticket in postgres, and 56 of them heard of it: the")
    assert f"heard of it: the other 4 {words}." in note


def test_who_heard_only_that_they_hold_one_already_is_told_apart(evidence_of):
    """Two had no answer to their first try, and were told so at a second one."""
    evidence = evidence_of(**SMALL)
    students = evidence.students.copy()
    holders = students.loc[students["outcome"] == "ticket", "student"].tolist()[:3]
    mine = students["student"].isin(holders)
    students["outcome"] = students["outcome"].astype("object").mask(mine, "unknown")
    for column in ("ticket", "acked_ns", "issued_ns"):
        students[column] = students[column].mask(mine, pd.NA)
    rows = evidence.requests.copy()
    bought = rows["student"].isin(holders) & (rows["role"] == "purchase")
    rows["outcome"] = rows["outcome"].astype("object").mask(bought, "unknown")
    rows["error"] = rows["error"].astype("object").mask(bought, "timeout")
    again = rows[bought & rows["student"].isin(holders[:2])].drop_duplicates("student", keep="last")
    again = again.assign(outcome="refused", error="already_holds_ticket", seq=again["seq"] + 50)
    rows = pd.concat([rows, again], ignore_index=True)
    changed = dataclasses.replace(evidence, students=students, requests=rows)
    (note,) = (each for each in unseen_notes(changed) if "heard of it" in each)
    assert note == (
        "60 students hold a ticket in postgres, and 59 of them heard of it (2 only that they "
        "hold one already, whom the census counts as unknown): the other 1 had no answer to a try "
        "to buy."
    )
