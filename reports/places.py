"""A student's place in the line, which is when the click was sent that the service decided.

What the service does with a click from then on, the wait in its own queues too, is its doing.

- Without a waiting room: the first purchase sent that was decided (a ticket, sold out, or "already
  holds one"); of one in several requests, the first of those that led there. Too early, not
  admitted and errors decide nothing: who is told to come again takes a new place. A ticket cannot
  be granted before its request came, so a holder's place is never later than the grant.
- With a waiting room: the first join sent, from which follows when a fair room with the plan's rate
  would have let the student in (one after another, from T-0 on, 1 / admission_rate apart).
  Comparing these moments instead of the joins makes the tolerance one of waiting time.

What is not known of a place, and so accuses nobody, is measured: how long a packet takes to arrive
(the connections' round trips), and behind a waiting room besides how long a student needed to learn
of being let in (the pauses between two questions) and to click.

Left out, since nobody can know their place: students of whom a purchase or a join was never
answered, behind a waiting room those whose purchase failed, and holders whom no answer told of
their ticket where a target of somebody else's says when it was granted.
"""

import numpy as np
import pandas as pd

from dress_rehearsal.records.steps import JOIN, PURCHASE, QUEUE, STREAM
from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.reconciliation import may_have_arrived
from dress_rehearsal.reports.numbers import integers, percentile

LEAST_UNCERTAINTY_S = 0.001
"""Packets that leave so close to each other may arrive in either order."""

_DECIDING = ("sold_out", "already_holds_ticket")
_BOT = "bot"


def places_in_line(evidence: Evidence) -> pd.DataFrame | None:
    """Return one row a student with a known place: student, place_ns, number (null: sold out).

    None when no number is known or nobody's place.
    """
    told = evidence.promises.students
    grants = _grants(evidence)
    if evidence.plan.app.waiting_room == "off":
        places = _by_purchase(evidence)
    else:
        places = _by_join(evidence)
    undecided = told.loc[told["undecided"], "student"]
    line = places[~places.index.isin(undecided)].to_frame("place_ns").join(grants)
    if evidence.plan.app.waiting_room == "off":
        apart_ns = 0 if evidence.plan.target.ours else evidence.clock_ns
        granted_ns = line["granted_ns"] + apart_ns
        if not evidence.trusts_times_in(evidence.stores.durable):
            granted_ns = granted_ns.mask(granted_ns.notna())
        came = line["place_ns"].where(line["granted_ns"].isna(), granted_ns)
        line["place_ns"] = line["place_ns"].where(line["place_ns"] <= came, came)
        if not evidence.plan.target.ours:  # by which click they got it, nobody knows
            told_of_it = line.index.isin(told.loc[told["acked"], "student"])
            line = line[line["number"].isna() | told_of_it]
    turned_away = told.loc[told["outcome"] == "sold_out", "student"]
    line = line[line["number"].notna() | line.index.isin(turned_away)]
    return None if line["number"].isna().all() else line


def _grants(evidence: Evidence) -> pd.DataFrame:
    """Return when each holder was served, by student: number (1 is first) and granted_ns.

    By the durable store's numbers. A ledger of somebody else's may have only times: their order is
    the numbers'. With neither, every holder was served before whoever was sent away, and of each
    other nothing is known.
    """
    if not is_ordered(evidence) and not evidence.plan.target.ours:
        told = evidence.promises.students
        holders = told.loc[told["acked"], "student"].unique()
        none = pd.array([pd.NA] * len(holders), dtype="Int64")
        served = pd.DataFrame({"number": 1, "granted_ns": none}, index=holders)
        return served.astype({"number": "Int64"})
    name = evidence.stores.durable
    durable = evidence.ledger[evidence.ledger["source"].astype("object") == name]
    if not evidence.plan.target.ours and durable["number"].isna().all():
        rank = durable["granted_ns"].rank(method="min").astype("Int64")
        durable = durable.assign(number=rank)
    durable = durable[durable["number"].notna() & (durable["student"] >= 0)]
    return durable.groupby("student")[["number", "granted_ns"]].min()


def is_ordered(evidence: Evidence) -> bool:
    """Return whether a store says in which order it granted tickets, and to whom."""
    said = evidence.stores.said.get(evidence.stores.durable, frozenset())
    held = evidence.stores.durable in evidence.stores.holdings
    return held and "owners" in said and bool({"numbers", "times"} & said)


def _by_purchase(evidence: Evidence) -> pd.Series:
    """Return the place of each student by the first purchase sent that was decided."""
    requests, buying = evidence.requests, evidence.buying
    came_to = requests[["outcome", "error"]].iloc[buying.last]
    decided = (came_to["outcome"] == "ok") | came_to["error"].isin(_DECIDING)
    tries = requests[["student", "sent_ns"]].iloc[buying.rows[decided.to_numpy(dtype=bool)]]
    return first_sent(tries)


def _by_join(evidence: Evidence) -> pd.Series:
    """Return when a fair room would have let each student in."""
    requests = evidence.requests
    joins = requests[(requests["role"] == JOIN).astype(bool)]
    first = first_sent(joins[(joins["outcome"] == "ok").astype(bool)]).sort_values()
    apart_ns = NS_PER_S / evidence.plan.app.admission_rate
    turn = np.arange(len(first))
    came = np.maximum(integers(first), evidence.t0_ns or 0)
    # Each is let in when it has come and the one before is apart_ns ago.
    wait = np.maximum.accumulate(came - (turn * apart_ns).astype(np.int64))
    fair = pd.Series(wait + (turn * apart_ns).astype(np.int64), first.index, dtype="Int64")

    unheard = joins[(joins["outcome"] == "unknown").astype(bool) & may_have_arrived(joins)]
    buying = (requests["role"] == PURCHASE) & (requests["outcome"] == "failed")
    lost = {*unheard["student"], *requests.loc[buying.astype(bool), "student"]}
    return fair[~fair.index.isin(lost)]


def first_sent(rows: pd.DataFrame) -> pd.Series:
    """Return the earliest moment each student's requests were sent, by student."""
    known = rows["sent_ns"].notna()
    sent = rows.loc[known, "sent_ns"].astype("Int64")
    return sent.groupby(integers(rows.loc[known, "student"])).min()


def uncertainty_s(evidence: Evidence) -> float:
    """Return by how much two places may be the other way round without anybody's doing."""
    if evidence.plan.app.waiting_room == "off":
        return trip_s(evidence)
    return trip_s(evidence) + _learning_s(evidence)


def trip_s(evidence: Evidence) -> float:
    """Return by how much two requests may arrive the other way round."""
    requests = evidence.requests
    opened = requests["new_connection"].fillna(False).astype(bool)
    trips_us = requests.loc[opened, "connect_us"].dropna().to_numpy(dtype="float64")
    unknown_s = float(np.median(trips_us)) / 1e6 if len(trips_us) else 0.0
    return max(unknown_s, LEAST_UNCERTAINTY_S)


def _learning_s(evidence: Evidence) -> float:
    """Return what 99% of students needed at most to learn that it was their turn, and to click.

    That is the pause between two questions for one's place, and from the last one's answer to the
    click.
    """
    asked = evidence.requests["role"].isin([JOIN, QUEUE, STREAM, PURCHASE])
    asked &= (evidence.requests["journey"] != _BOT).to_numpy(dtype=bool)  # which pause for nobody
    columns = ["student", "role", "sent_ns", "done_ns"]
    rows = evidence.requests.loc[asked.to_numpy(dtype=bool), columns].dropna()
    rows = rows.sort_values(["student", "sent_ns"], kind="stable")
    before = rows.groupby("student")[["done_ns", "role"]].shift()
    pause_s = ((rows["sent_ns"] - before["done_ns"]) / NS_PER_S).to_numpy(
        "float64", na_value=np.nan
    )
    told = before["role"].isin([QUEUE, STREAM]).to_numpy(dtype=bool) & (pause_s >= 0)
    clicks = (rows["role"] == PURCHASE).to_numpy(dtype=bool) & told
    asked = (rows["role"] == QUEUE).to_numpy(dtype=bool) & told
    parts = (pause_s[which] for which in (clicks, asked))
    return sum(percentile(part, 99) for part in parts if len(part))
