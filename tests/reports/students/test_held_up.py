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


def came_at_once(evidence, *, answered, pause_s=None):
    """The same run in which all of the late came 50 ms after T-0 and clicked no sooner for it.

    Args:
        answered: whether their pages were answered at once, so that they paused themselves.
        pause_s: how long before they clicked their logins were answered; None: as it was.
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
    if pause_s is not None:
        login = rows["student"].isin(students.loc[late, "student"]) & (rows["role"] == "login")
        clicks = students.set_index("student")["clicked_ns"]
        over_ns = rows["student"].map(clicks) - round(pause_s * SECOND)
        columns["done_ns"] = rows["done_ns"].mask(login, over_ns)
        begun = rows["student"].map(rows[login].groupby("student")["intended_ns"].min())
        columns["done_ns"] = columns["done_ns"].mask(own, begun)
    return dataclasses.replace(evidence, students=students, requests=rows.assign(**columns))


def test_who_would_have_been_in_time_and_waited_for_a_page_is_told_of(healthy):
    """They click at T-0 + 0.7 s and later; with their own 0.2 s alone it were T-0 + 0.25 s."""
    evidence = came_at_once(healthy, answered=False, pause_s=0.2)
    way, late = way_of(evidence, crowd_of(evidence)), late_of(evidence)
    held = late & (way.took_s - way.pauses_s >= 0.4)
    note = note_on(evidence)
    assert note.startswith("None of 120 late students got a ticket: the last one went at T-0 + 1 s")
    assert held.sum() == 120
    took, paused = (
        seconds(round(float(np.median(each[held])), 1)) for each in (way.took_s, way.pauses_s)
    )
    assert note.endswith(
        f"; the plan has them come after T-0, but {held.sum()} of them would have been in time had "
        f"pages and logins been answered at once (200 students who may buy would have asked by "
        f"T-0 + 0.25 s): from coming to a first click it took them {took} in the median, "
        f"{paused} of it by the plan."
    )


def test_who_paused_as_the_plan_has_it_or_came_later_is_no_wrong(healthy):
    assert note_on(healthy).endswith(NO_WRONG), "their own pauses account for it"
    assert note_on(came_at_once(healthy, answered=True)).endswith(NO_WRONG)
    assert note_on(came_at_once(healthy, answered=False), sold_out_s=0.04).endswith(NO_WRONG)


def test_who_would_have_come_too_late_all_the_same_is_no_wrong_however_late_the_last_one_went(
    healthy,
):
    """They waited for a page while tickets were left, and yet others would have had them all."""
    note = note_on(came_at_once(healthy, answered=False))
    assert note.endswith(
        "; the plan has them come after T-0, and had pages and logins been answered at once they "
        "would have come too late as well (200 students who may buy would have asked by "
        "T-0 + 0.36 s), so this is no wrong."
    )


def test_who_never_got_to_click_is_counted_apart(healthy):
    evidence = came_at_once(healthy, answered=False, pause_s=0.2)
    never = np.flatnonzero(late_of(evidence))[:7]
    clicked = evidence.students["clicked_ns"].mask(
        np.isin(np.arange(len(evidence.students)), never)
    )
    students = evidence.students.assign(clicked_ns=clicked)
    note = note_on(dataclasses.replace(evidence, students=students))
    assert note.endswith(" of it by the plan, and 7 of them never got that far.")


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
        done_ns=rows["done_ns"].mask(mine, click_ns - SECOND // 8),
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
    assert f" but {len(who)} of them would have been in time had" in note
    assert ": from coming or asking to log in to a first click it took them 3 s in the" in note
    way = way_of(evidence, crowd_of(evidence))
    assert way.took_s[own] == pytest.approx(3.0, abs=1e-4)
    assert way.pauses_s[own] == pytest.approx(0.125, abs=1e-4)
