"""Whom page and login kept from clicking while tickets were left is not told of as no wrong."""

import dataclasses

import numpy as np
import pytest

from dress_rehearsal.reports.students.errors_met import met_errors
from dress_rehearsal.reports.students.held_up import way_of
from dress_rehearsal.reports.students.suffered import crowd_of
from dress_rehearsal.reports.students.worse_off import group_notes
from dress_rehearsal.reports.throughput import measure_sale
from dress_rehearsal.reports.words import seconds

SECOND = 1_000_000_000
NO_WRONG = "the plan has them come after T-0, so this is no wrong."


def note_on(evidence, sold_out_s=1.0, place=0):
    """Return what is said of the late, had the last ticket gone at another moment."""
    sale = measure_sale(evidence).model_copy(update={"sold_out_after_s": sold_out_s})
    return list(group_notes(evidence, met_errors(evidence), sale))[place]


def late_of(evidence):
    return (evidence.students["journey"] == "late").to_numpy(dtype=bool)


def came_at_once(evidence, *, answered):
    """The same run in which all of the late came 50 ms after T-0 and clicked no sooner for it.

    Args:
        answered: whether their pages were answered at once, so that they paused themselves.
    """
    early_ns = evidence.t0_ns + SECOND // 20
    late = late_of(evidence)
    students = evidence.students.assign(
        arrival_ns=evidence.students["arrival_ns"].mask(late, early_ns)
    )
    rows = evidence.requests
    own = rows["student"].isin(students.loc[late, "student"]) & (rows["role"] == "page")
    moved = {"intended_ns": early_ns, "sent_ns": early_ns + 1_000}
    if answered:
        moved |= {"done_ns": early_ns + 9_000, "read_ns": early_ns + 9_500}
    columns = {name: rows[name].mask(own, ns) for name, ns in moved.items()}
    return dataclasses.replace(evidence, students=students, requests=rows.assign(**columns))


def test_who_came_while_tickets_were_left_and_waited_for_a_page_is_told_of(healthy):
    evidence = came_at_once(healthy, answered=False)
    late = late_of(evidence)
    took_s = (evidence.students.loc[late, "clicked_ns"] - evidence.t0_ns) / SECOND - 0.05
    page, login = (evidence.requests["role"] == role for role in ("page", "login"))
    answered_s = sum(
        (rows["done_ns"] - rows[since]).groupby(rows["student"]).max() / SECOND
        for rows, since in (
            (healthy.requests[page], "intended_ns"),
            (evidence.requests[login], "sent_ns"),
        )
    )
    held = took_s[(took_s - 0.7 + answered_s[late].to_numpy() >= 0.4).to_numpy()]
    note = note_on(evidence)
    assert note.startswith("None of 120 late students got a ticket: the last one went at T-0 + 1 s")
    median = seconds(round(float(np.median(held)), 1))
    assert note.endswith(
        f"; the plan has them come after T-0, but 120 of them came before the last one went, "
        f"{len(held)} of these early enough for the plan's own pauses (0.7 s in the median): "
        f"from coming to a "
        f"first click it took them {median} in the median. For the other {120 - len(held)} "
        f"alone it is no wrong."
    )


def test_who_paused_as_the_plan_has_it_or_came_later_is_no_wrong(healthy):
    assert note_on(healthy).endswith(NO_WRONG), "their own pauses account for it"
    assert note_on(came_at_once(healthy, answered=True)).endswith(NO_WRONG)
    assert note_on(came_at_once(healthy, answered=False), sold_out_s=0.04).endswith(NO_WRONG)


def test_where_very_few_were_held_up_it_is_neither_told_nor_called_no_wrong(healthy):
    """One of 120, which is less than a hundredth."""
    late = np.flatnonzero(late_of(healthy))
    one = np.isin(np.arange(len(healthy.students)), late[:1])
    early_ns = healthy.t0_ns + SECOND // 20
    students = healthy.students.assign(
        arrival_ns=healthy.students["arrival_ns"].mask(one, early_ns),
        clicked_ns=healthy.students["clicked_ns"].mask(one),
    )
    note = note_on(dataclasses.replace(healthy, students=students))
    assert note.endswith("; the plan has them come after T-0.")


def test_who_never_got_to_click_is_counted_apart(healthy):
    evidence = came_at_once(healthy, answered=False)
    never = np.flatnonzero(late_of(evidence))[:7]
    clicked = evidence.students["clicked_ns"].mask(
        np.isin(np.arange(len(evidence.students)), never)
    )
    students = evidence.students.assign(clicked_ns=clicked)
    note = note_on(dataclasses.replace(evidence, students=students))
    assert " in the median, and 7 of them never got that far. For the other " in note


def test_who_was_to_log_in_after_t0_and_waited_for_the_login_is_told_of(healthy):
    """All who log in only then do so at T-0, and have no answer until just before they click."""
    rows, students = healthy.requests, healthy.students
    logins = (rows["role"] == "login") & (rows["intended_ns"] >= healthy.t0_ns)
    own = students["student"].isin(rows.loc[logins, "student"]).to_numpy(dtype=bool)
    own &= (students["journey"] == "eager").to_numpy(dtype=bool)
    who = students.loc[own, "student"]
    click_ns = healthy.t0_ns + 3 * SECOND
    mine = logins & rows["student"].isin(who)
    requests = rows.assign(
        intended_ns=rows["intended_ns"].mask(mine, healthy.t0_ns + 1_000),
        done_ns=rows["done_ns"].mask(mine, click_ns - SECOND // 4),
    )
    evidence = dataclasses.replace(
        healthy,
        requests=requests,
        students=students.assign(
            clicked_ns=students["clicked_ns"].mask(own, click_ns),
            outcome=students["outcome"].astype("object").mask(own, "sold_out"),
            ticket=students["ticket"].astype("object").mask(own),
        ),
    )
    note = note_on(evidence, place=1)
    assert "the plan has them log in only then (students.login_before), but " in note
    assert f"{len(who)} of these early enough" in note or f" but {len(who)} of them" in note
    assert "(0.2 s in the median): from then to a first click it took them 3 s in the" in note
    way = way_of(evidence, crowd_of(evidence))
    assert way.took_s[own] == pytest.approx(3.0, abs=1e-4)
    assert way.pauses_s[own] == pytest.approx(0.25, abs=1e-4)
