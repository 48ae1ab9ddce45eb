"""What students were told: the promises that the stores are held against, one row a student."""

from typing import Any

import pandas as pd

from dress_rehearsal.reports.evidence import PURCHASE, Evidence
from dress_rehearsal.reports.numbers import integers
from dress_rehearsal.reports.reconciliation import may_have_arrived
from dress_rehearsal.reports.timeline import course_of

_CLAIM = "already_holds_ticket"
"""The answer that says a ticket is held without naming it."""


def read_told(evidence: Evidence) -> pd.DataFrame:
    """Return one row a student.

    Undecided is who may or may not hold a ticket: a purchase was never answered, or the student
    was still under way. Whoever got an answer to each and heard "already holds a ticket" is not:
    that is the target's word, whether it is true or not.

    Returns:
        Columns student, outcome, ticket (text, the first told of, None without), more (a list of
        other tickets told of, None without), acked (was told of a ticket), claimed (was told to
        hold one already), undecided, enrolled, acked_ns, issued_ns.
    """
    rows = evidence.students.drop_duplicates("student")
    rows = rows[rows["student"].notna()]
    outcome, ticket = rows["outcome"].astype("object"), rows["ticket"].astype("object")
    student = pd.Series(integers(rows["student"]), rows.index)
    requests = evidence.requests
    hanging = (
        (requests["step"] == PURCHASE)
        & ((requests["outcome"] == "unknown") | (requests["status"].fillna(0) == 0))
        & may_have_arrived(requests)
    )
    unanswered = student.isin(_students(requests, hanging))
    claimed = student.isin(_students(requests, requests["error"] == _CLAIM))
    under_way = ["in_flight"]
    heard_all = claimed & ~unanswered
    if course_of(evidence).record_cut:
        under_way.append("never_started")
        heard_all &= False
    undecided = outcome.isin(under_way) | unanswered | ((outcome == "unknown") & ~heard_all)
    return pd.DataFrame(
        {
            "student": student.to_numpy(),
            "outcome": outcome.to_numpy(),
            "ticket": ticket.to_numpy(),
            "more": rows["more_tickets"].astype("object").to_numpy(),
            "acked": (ticket.notna() | (outcome == "ticket")).to_numpy(dtype=bool),
            "claimed": claimed.to_numpy(dtype=bool),
            "undecided": undecided.to_numpy(dtype=bool),
            "enrolled": rows["enrolled"].fillna(False).to_numpy(dtype=bool),
            "acked_ns": rows["acked_ns"].array,
            "issued_ns": rows["issued_ns"].array,
        }
    )


def promises(told: pd.DataFrame) -> pd.DataFrame:
    """Return one row a ticket that a student was told of: student, ticket, acked_ns, issued_ns.

    `ticket` is None where one was acknowledged without its name being recorded; `acked_ns` is
    when the student heard of the first, `issued_ns` when the first was called issued.
    """
    columns = ["student", "ticket", "acked_ns", "issued_ns"]
    more = told[told["more"].notna()].drop(columns="ticket").rename(columns={"more": "ticket"})
    more = more.assign(issued_ns=pd.NA).astype({"issued_ns": told["issued_ns"].dtype})
    return pd.concat([told.loc[told["acked"], columns], more.explode("ticket")[columns]])


def _students(requests: pd.DataFrame, which: "pd.Series[bool]") -> Any:
    return integers(requests.loc[which.astype(bool), "student"])
