"""Who fared plainly worse is told of with the reason, once, and never where it may be chance."""

import dataclasses
import itertools

import numpy as np
import pytest
from scipy.stats import hypergeom

from dress_rehearsal.plans.sections.load import Load
from dress_rehearsal.records.steps import PURCHASE
from dress_rehearsal.reports.students.errors_met import met_errors
from dress_rehearsal.reports.students.suffered import crowd_of, groupings
from dress_rehearsal.reports.students.worse_off import by_luck, group_notes
from dress_rehearsal.reports.throughput import measure_sale
from dress_rehearsal.reports.verdict import judge

SECOND = 1_000_000_000
SOLD_OUT = {"granted": 1_000_000, "sold_out_after_s": 9.0}
AFTER_T0 = "first logged in after T-0"


def notes_on(evidence, **sale):
    """Return what is said of groups, with other numbers of the sale."""
    measured = measure_sale(evidence).model_copy(update=sale)
    return list(group_notes(evidence, met_errors(evidence), measured))


def with_ends(evidence, outcome, students, *, ticket=None):
    """The same run in which these students (a bool each) ended otherwise."""
    rows = evidence.students
    ends = rows["outcome"].astype("object").mask(students, outcome)
    tickets = rows["ticket"].astype("object").mask(students, ticket)
    return dataclasses.replace(evidence, students=rows.assign(outcome=ends, ticket=tickets))


def members(evidence, by, *names):
    """Return who of the students is in these groups (a bool each)."""
    grouping = next(each for each in groupings(evidence, crowd_of(evidence)) if each.by == by)
    places = [place for place, name in enumerate(grouping.names) if name.startswith(names)]
    assert places
    return np.isin(grouping.places, places)


def buyers(evidence):
    return (evidence.students["journey"] != "outsider").to_numpy(dtype=bool)


@pytest.fixture(scope="module")
def roomy(evidence_of):
    """A run in which everybody who may buy got a ticket: nobody fared worse."""
    return evidence_of(tickets=590)


def half(evidence, seed=1):
    """The same run in which half of those who may buy, by lot, found everything sold out."""
    lot = np.random.default_rng(seed).random(len(evidence.students)) < 0.5
    return with_ends(evidence, "sold_out", lot & buyers(evidence))


def test_where_everybody_or_nobody_got_a_ticket_nothing_is_said(roomy, healthy):
    assert notes_on(roomy) == []
    nobody = with_ends(healthy, "sold_out", buyers(healthy))
    assert notes_on(nobody) == []


def test_what_lots_decided_is_not_told_of(roomy):
    """Tickets are dealt by lot two hundred times: that a group fared worse is told once at most."""
    told = [seed for seed in range(200) if notes_on(half(roomy, seed))]
    assert len(told) <= 1, told


def test_a_small_group_that_had_no_luck_is_not_told_of(roomy):
    """None of 20 is bad luck where a third gets one, and none where half do; 19 are too few."""
    several = np.flatnonzero(members(roomy, "journey", "multi-device"))
    assert len(several) == 20
    unlucky = np.isin(np.arange(len(roomy.students)), several)
    rare = np.random.default_rng(3).random(len(unlucky)) < 0.65
    assert notes_on(with_ends(roomy, "sold_out", (rare | unlucky) & buyers(roomy))) == []
    evidence = with_ends(half(roomy), "sold_out", unlucky)
    (note,) = notes_on(evidence)
    assert note.startswith("None of 20 multi-device students got a ticket")
    fewer = dataclasses.replace(evidence, students=evidence.students.drop(index=several[1]))
    assert notes_on(fewer) == []


def test_chance_is_that_of_the_hypergeometric_distribution():
    for good, students, better, rest in itertools.product((0, 3, 9), (20, 40), (5, 300), (400,)):
        chance = hypergeom.logcdf(good, students + rest, good + better, students)
        assert by_luck(good, students, better, rest) == pytest.approx(chance, rel=1e-6)


def test_that_none_of_a_journey_got_a_ticket_is_said_and_judged_a_fact(healthy):
    verdict = judge(healthy)
    note = notes_on(healthy)[0]
    assert note.startswith("None of 120 late students got a ticket: the last one went at T-0")
    assert note.endswith("; the plan has them come after T-0, so this is no wrong.")
    assert note in verdict.notes
    assert verdict.verdict == "pass"


def test_who_logged_in_after_t0_is_told_of_with_the_late_among_them_and_once(healthy):
    logged_in = members(healthy, "login", "T-0", "later")
    evidence = with_ends(healthy, "sold_out", logged_in & buyers(healthy))
    clicked = evidence.students["clicked_ns"].mask(logged_in, healthy.t0_ns + 3 * SECOND)
    evidence = dataclasses.replace(evidence, students=evidence.students.assign(clicked_ns=clicked))
    late, note = notes_on(evidence)
    assert late.startswith("None of 120 late students")
    number = int((logged_in & buyers(evidence)).sum())
    assert note.startswith(
        f"None of {number} students who may buy and {AFTER_T0} got a ticket (120 late students "
        f"among them): the last one went at T-0 + "
    )
    assert note.endswith(
        "; the plan has them log in only then (students.login_before), so this is no wrong."
    )
    assert not any("tenth" in each for each in (late, note)), "the last tenths are the late ones"


def test_whoever_is_nearly_the_same_students_is_not_told_of_again(healthy):
    """All but a few of those who logged in after T-0 are late."""
    only_late = ~members(healthy, "journey", "late") & members(healthy, "login", "T-0", "later")
    rows = healthy.requests
    early = rows["student"].isin(healthy.students.loc[only_late, "student"]) & (
        rows["role"] == "login"
    )
    moved = rows["intended_ns"].mask(early, healthy.t0_ns - 2 * SECOND)
    evidence = dataclasses.replace(healthy, requests=rows.assign(intended_ns=moved))
    assert int(members(evidence, "login", "T-0", "later").sum()) == 120
    (note,) = notes_on(evidence)
    assert note.startswith("None of 120 late students")


def test_more_who_log_in_late_than_the_plan_has_are_no_doing_of_the_plan(healthy):
    punctual = healthy.plan.model_copy(
        update={"students": healthy.plan.students.model_copy(update={"login_before": 0.95})}
    )
    logged_in = members(healthy, "login", "T-0", "later") & buyers(healthy)
    evidence = with_ends(dataclasses.replace(healthy, plan=punctual), "sold_out", logged_in)
    note = notes_on(evidence)[1]
    share = int((logged_in & ~members(healthy, "journey", "late")).sum()) / 480
    assert "the plan has 5% log in only then (students.login_before), and " in note
    assert note.endswith(f"and {100 * share:.3g}% did.")
    assert "no wrong" not in note


def test_one_tenth_that_got_nothing_is_told_of_without_a_plea(roomy):
    tenth = members(roomy, "arrival", "3:") & buyers(roomy)
    number = int(tenth.sum())
    (note,) = notes_on(with_ends(half(roomy), "sold_out", tenth), **SOLD_OUT)
    assert note.startswith(f"None of {number} students who may buy and came in tenth 3 got a")
    assert note.endswith("% of them had clicked by then, of the others 100%.")
    assert "no wrong" not in note


def test_tenths_beside_each_other_are_told_of_together(roomy):
    tenths = members(roomy, "arrival", "6:", "7:", "8:") & buyers(roomy)
    (note,) = notes_on(with_ends(roomy, "sold_out", tenths), **SOLD_OUT)
    assert " came in tenths 6 to 8 got a ticket: " in note


def test_devices_are_told_of_where_the_journey_hides_it(evidence_of):
    """Of those with several devices all who used two got nothing."""
    evidence = evidence_of(students=2400, tickets=2390)
    several = evidence.students["journey"] == "multi-device"
    who = evidence.students.loc[several, "student"].to_numpy()
    assert len(who) >= 60
    pages = evidence.requests[
        (evidence.requests["role"] == "page") & evidence.requests["student"].isin(who)
    ].drop_duplicates("student")
    third = pages[pages["student"].isin(who[: len(who) // 3])]
    more = [pages.assign(device=0), pages.assign(device=1), third.assign(device=2)]
    rows = np.concatenate([np.arange(len(evidence.requests)), *(each.index for each in more)])
    device = np.concatenate([evidence.requests["device"], *(each["device"] for each in more)])
    crowded = evidence.requests.iloc[rows].assign(device=device).reset_index(drop=True)
    evidence = half(dataclasses.replace(evidence, requests=crowded))
    two = members(evidence, "devices", "2 devices")
    (note,) = notes_on(with_ends(evidence, "sold_out", two), **SOLD_OUT)
    assert note.startswith(f"None of {int(two.sum())} students who used 2 devices got a ticket: ")
    assert notes_on(evidence, **SOLD_OUT) == []


def test_plainly_fewer_tickets_are_told_of_with_both_shares(roomy):
    evidence = half(roomy)
    double = members(evidence, "journey", "double-clicker")
    lucky = np.flatnonzero(double)[:6]
    evidence = with_ends(evidence, "sold_out", double)
    evidence = with_ends(evidence, "ticket", np.isin(np.arange(len(double)), lucky), ticket="T")
    (note,) = notes_on(evidence, **SOLD_OUT)
    assert note.startswith("Only 6 of 60 double-clicker students got a ticket (10%, others 4")


def test_who_clicked_too_late_by_the_plan_but_got_as_many_as_the_others_is_no_wrong(healthy):
    """Seven of those who logged in at T-0 clicked in time, and all seven got a ticket."""
    note = notes_on(healthy)[1]
    assert note.startswith("Only 7 of 156 students who are not told of above, may buy and ")
    assert "(4.49%, others 65.6%)" in note
    assert "4.49% of them had clicked by then, of the others 81.3%" in note
    assert note.endswith("so this is no wrong.")


def test_where_they_clicked_in_time_and_got_fewer_the_plan_is_no_excuse(healthy):
    clicked = healthy.students["clicked_ns"].mask(
        members(healthy, "login", "T-0", "later"), healthy.t0_ns + SECOND // 10
    )
    evidence = dataclasses.replace(healthy, students=healthy.students.assign(clicked_ns=clicked))
    note = notes_on(evidence)[1]
    assert "100% of them had clicked by then" in note
    assert note.endswith("; the plan has them log in only then (students.login_before).")


def test_where_all_clicked_after_the_last_click_that_got_one_it_says_so(healthy):
    late = members(healthy, "journey", "late")
    holders = healthy.students.loc[healthy.students["outcome"] == "ticket", "clicked_ns"]
    clicked = healthy.students["clicked_ns"].mask(late, holders.max() + SECOND // 100)
    evidence = dataclasses.replace(healthy, students=healthy.students.assign(clicked_ns=clicked))
    note = notes_on(evidence, sold_out_after_s=5.0)[0]
    assert ", nobody whose first click came later than T-0 + " in note
    assert note.endswith("; the plan has them come after T-0, so this is no wrong.")


def test_where_no_click_of_a_holder_is_on_record_none_is_told_of(healthy):
    late = members(healthy, "journey", "late")
    holders = (healthy.students["outcome"] == "ticket").to_numpy(dtype=bool)
    clicked = healthy.students["clicked_ns"].mask(holders).mask(late, healthy.t0_ns + SECOND)
    evidence = dataclasses.replace(healthy, students=healthy.students.assign(clicked_ns=clicked))
    note = notes_on(evidence, sold_out_after_s=5.0)[0]
    assert "100% of them had clicked by then" in note
    assert "not measured" not in note


def test_where_no_end_of_theirs_is_known_none_is_told(roomy):
    late = members(roomy, "journey", "late")
    note = notes_on(with_ends(roomy, None, late), granted=500, sold_out_after_s=None)[0]
    left = ", though 20 of 590 tickets were left; the plan has them come after T-0."
    assert note.endswith(left), "the ledger has 570 of them"


def test_who_never_clicked_is_told_so(healthy):
    late = members(healthy, "journey", "late")
    clicked = healthy.students["clicked_ns"].mask(late)
    evidence = dataclasses.replace(healthy, students=healthy.students.assign(clicked_ns=clicked))
    assert notes_on(evidence)[0].endswith("and none of them ever clicked to buy.")


def test_where_tickets_were_left_it_says_so_and_how_they_ended(roomy):
    """The stores hold 570, and 70 of the late are not known to have theirs."""
    late = members(roomy, "journey", "late")
    gone = with_ends(roomy, "in_flight", late)
    rows = gone.requests.copy()
    mine = rows["student"].isin(gone.students.loc[late, "student"]) & (rows["role"] == "page")
    rows["outcome"] = rows["outcome"].astype("object").mask(mine, "unknown")
    rows["error"] = rows["error"].astype("object").mask(mine, "timeout")
    changed = dataclasses.replace(gone, requests=rows)
    (note,) = notes_on(changed, granted=500, sold_out_after_s=None)
    assert note == (
        "None of 120 late students got a ticket, though 20 of 590 tickets were left; they ended: "
        "120 in flight; 120 met the error timeout at GET /events/{event}; the plan has them come "
        "after T-0."
    )


def test_a_group_that_came_to_no_good_end_is_told_of_with_its_error(roomy):
    tenth = members(roomy, "arrival", "4:")
    who = roomy.students.loc[tenth, "student"]
    rows = roomy.requests.copy()
    mine = rows["student"].isin(who) & (rows["role"] == "login")
    rows["outcome"] = rows["outcome"].astype("object").mask(mine, "failed")
    rows["error"] = rows["error"].astype("object").mask(mine, "overloaded")
    evidence = with_ends(dataclasses.replace(roomy, requests=rows), "failed", tenth)
    tickets, ends = notes_on(evidence, **SOLD_OUT)
    assert tickets.startswith("None of ")
    assert ends == (
        "60 of 60 students who came in tenth 4 had no good end (100%, others 0%); 60 met the "
        "error overloaded at POST /login."
    )
    few = with_ends(roomy, "failed", np.isin(np.arange(len(tenth)), np.flatnonzero(tenth)[:3]))
    assert notes_on(few) == [], "three of sixty may be chance"


def test_without_students_or_a_t0_nothing_is_said(healthy):
    plan = healthy.plan.model_copy(update={"load": Load()})
    assert notes_on(dataclasses.replace(healthy, plan=plan)) == []
    assert notes_on(dataclasses.replace(healthy, students=healthy.students.head(0))) == []
    untimed = notes_on(dataclasses.replace(healthy, t0_ns=None))
    assert all(" went at " not in note for note in untimed)


def test_who_was_told_of_as_a_group_is_left_out_of_the_next_one(roomy):
    """All who logged in first after T-0 failed, and a few others of the late ones."""
    after = members(roomy, "login", "T-0", "later")
    late = np.flatnonzero(members(roomy, "journey", "late"))
    rows = roomy.requests
    early = rows["student"].isin(roomy.students["student"].iloc[late[:40]]) & (
        rows["role"] == "login"
    )
    moved = rows["intended_ns"].mask(early, roomy.t0_ns - 2 * SECOND)
    evidence = dataclasses.replace(roomy, requests=rows.assign(intended_ns=moved))
    after[late[:40]] = False
    bad = after.copy()
    bad[late[:30]] = True
    evidence = with_ends(evidence, "failed", bad)
    ends = [note for note in notes_on(evidence, **SOLD_OUT) if "no good end" in note]
    assert ends[0].startswith(f"{after.sum()} of {after.sum()} students who {AFTER_T0} had no ")
    assert ends[1].startswith(
        "30 of 40 late students who are not told of above had no good end (75%, others 0%)"
    )


def test_who_clicked_too_early_and_got_no_ticket_for_it_is_told_of(roomy):
    """A hundred of the eager were told too early, and few of these got a ticket."""
    eager = np.flatnonzero(members(roomy, "journey", "eager"))[:100]
    own = np.isin(np.arange(len(roomy.students)), eager)
    rows = roomy.requests
    who = roomy.students.loc[own, "student"]
    clicks = rows[(rows["role"] == PURCHASE) & rows["student"].isin(who)]
    first = rows.index.isin(clicks.groupby("student")["seq"].idxmin())
    error = rows["error"].astype("object")
    early = rows.assign(error=error.mask(error == "too_early").mask(first, "too_early"))
    few = np.isin(np.arange(len(own)), eager[10:])
    evidence = with_ends(dataclasses.replace(roomy, requests=early), "sold_out", few)
    (note,) = notes_on(evidence)
    assert note.startswith(
        "Only 10 of 100 students who were told that they clicked too early got a ticket (10%, "
    )
    assert "; in the median their next clicks were meant for T-0" in note
