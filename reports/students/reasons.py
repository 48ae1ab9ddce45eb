"""Reasons why students got no ticket: they clicked after the last one had gone, or met an error."""

from typing import Any

import numpy as np

from dress_rehearsal.plans.names import ENDS
from dress_rehearsal.records.steps import PURCHASE
from dress_rehearsal.reports.audit.tickets import granted_tickets
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.schema import Sale
from dress_rehearsal.reports.students.errors_met import ErrorsMet
from dress_rehearsal.reports.students.held_up import held_up_words
from dress_rehearsal.reports.students.suffered import TOO_EARLY, Crowd
from dress_rehearsal.reports.words import agreeing, counted, offset, percent, written


def late_words(
    evidence: Evidence,
    crowd: Crowd,
    own: Any,
    rest: Any,
    sale: Sale,
    plan: str,
    explains: bool,
) -> str:
    """Return when the last ticket went and when some students clicked, as a clause.

    Empty where tickets were left, or nobody knows when they went.

    Args:
        own: who they are (a bool a student of the crowd); rest: whom they are held against.
        plan: what the plan has to do with it, as a clause, or nothing.
        explains: whether it is by the plan that they clicked late. Where they also got tickets as
            often as the others who clicked in time, it is no wrong, but for those who were held up.
    """
    if sale.sold_out_after_s is None or evidence.t0_ns is None:
        return ""
    went = f": the last one went at {offset(sale.sold_out_after_s)}"
    clicked_s = crowd.clicked_s[own]
    clicked_s = clicked_s[~np.isnan(clicked_s)]
    if not len(clicked_s):
        return f"{went}, and none of them ever clicked to buy"
    by_plan = f"; {plan}" if plan else ""
    no_wrong = ""
    if plan and explains:
        no_wrong = held_up_words(evidence, crowd, own, sale.sold_out_after_s)
    first = f"and the first click of theirs was at {offset(round(float(clicked_s.min()), 2))}"
    in_time = crowd.clicked_s < sale.sold_out_after_s
    ticket = crowd.outcome == "ticket"
    if not in_time[own].any():
        return f"{went}, {first}{by_plan}{no_wrong}"
    latest_s = float(np.nanmax(crowd.clicked_s[ticket], initial=-np.inf))
    if -np.inf < latest_s < clicked_s.min():
        latest = f"nobody whose first click came later than {offset(round(latest_s, 2))} got one"
        return f"{went}, {latest}, {first}{by_plan}{no_wrong}"
    mine, others = (int((in_time & which).sum()) for which in (own, rest))
    got, theirs = (int((ticket & in_time & which).sum()) for which in (own, rest))
    as_often = 2 * got * others > theirs * mine
    return (
        f"{went}, and {percent(mine, int(own.sum()))} of them had clicked by then, of the others "
        f"{percent(others, int(rest.sum()))}{by_plan}{no_wrong if as_often else ''}"
    )


def left_words(evidence: Evidence, crowd: Crowd, own: Any, sale: Sale, met: ErrorsMet) -> str:
    """Return that tickets were left, how those of some students ended who have none, and what error
    most of these met, as a clause; empty where none were left, or nobody knows."""
    tickets = evidence.plan.event.tickets
    if sale.granted is None:
        return ""
    left = tickets - max(sale.granted, granted_tickets(evidence))
    if left <= 0:
        return ""
    without = own & (crowd.outcome != "ticket")
    words, numbers = np.unique(crowd.outcome[without].astype(str), return_counts=True)
    ends = ", ".join(
        f"{written(int(numbers[place]))} {ENDS[words[place]].words}"
        for place in np.argsort(-numbers, kind="stable")
        if words[place] in ENDS
    )
    were = agreeing(left, "was", "were")
    they = "they" if without.sum() == own.sum() else "the others of them"
    ended = f"; {they} ended: {ends}" if ends else ""
    though = f", though {written(left)} of {counted(tickets, 'ticket')} {were} left"
    return f"{though}{ended}{error_words(crowd, without, met)}"


def again_words(evidence: Evidence, students: Any) -> str:
    """Return when some students, who were told that they clicked too early, clicked again, as a
    clause; empty where none of them did."""
    rows = evidence.requests
    own = (rows["role"] == PURCHASE) & rows["student"].isin(students)
    clicks = rows.loc[own, ["student", "seq", "error", "intended_ns", "sent_ns"]]
    clicks = clicks.sort_values(["student", "seq"])
    before = clicks[["student", "error"]].shift()
    again = clicks[(before["student"] == clicks["student"]) & (before["error"] == TOO_EARLY)]
    again = again.dropna(subset=["intended_ns", "sent_ns"])
    if again.empty:
        return ""
    meant, left = (
        offset(round(float(np.median(evidence.timeline.seconds(again[name]))), 2))
        for name in ("intended_ns", "sent_ns")
    )
    return f"in the median their next clicks were meant for {meant} and left at {left}"


def error_words(crowd: Crowd, own: Any, met: ErrorsMet) -> str:
    """Return the error that most of some students met, as a clause; empty where they met none."""
    mine = np.isin(met.student, crowd.student[own])
    if not mine.any():
        return ""
    kinds = np.stack([met.code[mine], met.step[mine], met.student[mine]])
    pairs = np.unique(kinds, axis=1)[:2]
    errors, students = np.unique(pairs, axis=1, return_counts=True)
    most = int(students.argmax())
    code, step = errors[:, most]
    where = f" at {met.steps[step]}" if met.steps[step] else ""
    return f"; {written(int(students[most]))} met the error {met.codes[code]}{where}"
