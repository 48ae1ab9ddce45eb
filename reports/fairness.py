"""Fairness: was first come first served, by the order in which the server received the students?

Received: when the app took a request up, `first_byte_ns - app_us` (the answer's arrival less all
the time in the app). It agrees with the app's own `queue` time to a few ms, and is not known of a
request without an answer or without Server-Timing. A student's place in the line is

- without a waiting room: the first purchase received that was decided (a ticket, sold out, or
  "already holds one"). Too early, not admitted and errors decide nothing: who is told to come
  again takes a new place. A ticket cannot be granted before its request came, so a holder's place
  is never later than the grant.
- with a waiting room: the first join received, from which follows when a fair room with the
  plan's rate would have let the student in (one after another, from T-0 on, 1 / admission_rate
  apart). Comparing these moments instead of the joins makes the tolerance one of waiting time.

Left out, since nobody can know their place: students of whom a purchase or a join was never
answered, and behind a waiting room those whose purchase failed.

Inversions are a reported number and, from 1% of the holders on, a finding (`reports.findings`),
not a failure: a plan that wants them to be one says so by a gate on `fairness.inversions`.
"""

from typing import Any

import numpy as np
import pandas as pd

from dress_rehearsal.records.tables import JOIN, NS_PER_S, PURCHASE
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.reconciliation import may_have_arrived
from dress_rehearsal.reports.evidence.stores import DURABLE
from dress_rehearsal.reports.numbers import integers, rank_correlation, rounded
from dress_rehearsal.reports.schema import Fairness

TOLERANCE_S = 2.5
"""How much earlier somebody must have come to be wronged by being served later.

Healthy overloaded runs (12,000 students, two workers on two cores, 5 s of waiting for the pools)
show up to 1.1 s: two workers serve their own lines, and those are not equally long. With a waiting
room the pause between two polls and the way to the button come on top.
"""

MANY_INVERSIONS = 0.01
"""The share of the holders from which on inversions are a finding."""

_DECIDING = ("sold_out", "already_holds_ticket")


def judge_fairness(evidence: Evidence) -> Fairness:
    """Return how the order of the line compares with the order of the tickets' numbers.

    inversions: students overtaken, that is those who came more than `TOLERANCE_S` before somebody
    who got a ticket with an earlier number, or who got one while they were sent away sold out.
    kendall_tau: rank correlation (tau-b) of holders' places and numbers.
    multi_device_advantage: the share of students with several devices who got a ticket, less that
    of the other eager ones; None too when nobody at all did.

    Each is None where it was not measured; the first two need the durable store's numbers.
    """
    line = _line(evidence)
    inversions, tau = None, None
    if line is not None:
        inversions = _overtaken(line)
        held = line[line["number"].notna()]
        tau = rank_correlation(integers(held["place_ns"]), integers(held["number"]))
    return Fairness(
        inversions=inversions,
        kendall_tau=None if tau is None else rounded(tau),
        multi_device_advantage=_advantage(evidence),
    )


def received_ns(requests: pd.DataFrame) -> pd.Series:
    """Return when the app took each request up (Int64), null where that is not known."""
    app_ns = requests["app_us"].astype("Int64") * 1_000
    return requests["first_byte_ns"].astype("Int64") - app_ns


def _line(evidence: Evidence) -> pd.DataFrame | None:
    """Return one row a student with a known place: student, place_ns, number (null: sold out).

    None when no number is known or nobody's place.
    """
    told = evidence.promises.students
    durable = evidence.ledger[evidence.ledger["source"].astype("object") == DURABLE]
    durable = durable[durable["number"].notna() & (durable["student"] >= 0)]
    grants = durable.groupby("student")[["number", "granted_ns"]].min()
    if evidence.plan.app.waiting_room == "off":
        places = _by_purchase(evidence)
    else:
        places = _by_join(evidence)
    undecided = told.loc[told["undecided"], "student"]
    line = places[~places.index.isin(undecided)].to_frame("place_ns").join(grants)
    if evidence.plan.app.waiting_room == "off":
        came = line["place_ns"].where(line["granted_ns"].isna(), line["granted_ns"])
        line["place_ns"] = line["place_ns"].where(line["place_ns"] <= came, came)
    turned_away = told.loc[told["outcome"] == "sold_out", "student"]
    line = line[line["number"].notna() | line.index.isin(turned_away)]
    return None if line["number"].isna().all() else line


def _by_purchase(evidence: Evidence) -> pd.Series:
    """Return the place of each student by the first purchase received that was decided."""
    tries = evidence.requests[(evidence.requests["step"] == PURCHASE).astype(bool)]
    decided = (tries["outcome"] == "ok") | tries["error"].astype("object").isin(_DECIDING)
    return _first_received(tries[decided.astype(bool)])


def _by_join(evidence: Evidence) -> pd.Series:
    """Return when a fair room would have let each student in."""
    requests = evidence.requests
    joins = requests[(requests["step"] == JOIN).astype(bool)]
    first = _first_received(joins[(joins["outcome"] == "ok").astype(bool)]).sort_values()
    apart_ns = NS_PER_S / evidence.plan.app.admission_rate
    turn = np.arange(len(first))
    came = np.maximum(integers(first), evidence.t0_ns or 0)
    # Each is let in when it has come and the one before is apart_ns ago.
    wait = np.maximum.accumulate(came - (turn * apart_ns).astype(np.int64))
    fair = pd.Series(wait + (turn * apart_ns).astype(np.int64), first.index, dtype="Int64")

    unheard = joins[(joins["outcome"] == "unknown").astype(bool) & may_have_arrived(joins)]
    buying = (requests["step"] == PURCHASE) & (requests["outcome"] == "failed")
    lost = {*unheard["student"], *requests.loc[buying.astype(bool), "student"]}
    return fair[~fair.index.isin(lost)]


def _first_received(rows: pd.DataFrame) -> pd.Series:
    """Return the earliest moment each student's requests were received, by student."""
    received = received_ns(rows)
    known = received.notna()
    return received[known].groupby(integers(rows.loc[known, "student"])).min()


def _overtaken(line: pd.DataFrame) -> int:
    """Count the students of the line whom somebody overtook by more than the tolerance."""
    place = integers(line["place_ns"])
    sold_out = line["number"].isna().to_numpy(dtype=bool)
    number = integers(line["number"], missing=np.iinfo(np.int32).max)
    order = np.argsort(number, kind="stable")
    place, number, sold_out = place[order], number[order], sold_out[order]
    latest: Any = np.maximum.accumulate(np.where(sold_out, 0, place))
    earlier = np.searchsorted(number, number, side="left")  # how many have a smaller number
    before = np.where(earlier > 0, latest[np.maximum(earlier - 1, 0)], 0)
    return int((before - place > TOLERANCE_S * NS_PER_S).sum())


def _advantage(evidence: Evidence) -> float | None:
    """Return how much larger a share of those with several devices got a ticket; -1 to 1."""
    told = evidence.promises.students
    journey = evidence.students.drop_duplicates("student").set_index("student")["journey"]
    got = pd.Series(told["acked"].to_numpy(dtype=bool), told["student"])
    kind = journey.reindex(got.index).astype("object").to_numpy()
    several, one = got[kind == "multi-device"], got[kind == "eager"]
    if several.empty or one.empty or not got.any():
        return None
    return rounded(float(several.mean()) - float(one.mean()))
