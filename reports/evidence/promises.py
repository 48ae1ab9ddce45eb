"""What students were told of tickets: the promises that the stores are held against."""

from functools import cached_property
from typing import Any

import pandas as pd

from dress_rehearsal.records.steps import PURCHASE
from dress_rehearsal.reports.evidence.reconciliation import may_have_arrived
from dress_rehearsal.reports.numbers import integers

_CLAIM = "already_holds_ticket"
"""The answer that says a ticket is held without naming it."""


class Promises:
    """What every student was told.

    Attributes:
        students: one row a student, with the columns student, outcome, ticket (text, the first
            told of, None without), more (a list of other tickets told of, None without), acked
            (was told of a ticket), claimed (was told to hold one already), undecided, enrolled,
            acked_ns, issued_ns, pending and open (lists of tickets that are being issued, and of
            those that the student heard no more of, None without), pending_ns.
    """

    def __init__(self, students: pd.DataFrame) -> None:
        self.students = students

    @cached_property
    def tickets(self) -> pd.DataFrame:
        """One row a ticket that a student was told of: student, ticket, acked_ns, issued_ns.

        `ticket` is None where one was acknowledged without its name being recorded; `acked_ns` is
        when the student heard of the first, `issued_ns` when the first was called issued.
        """
        columns = ["student", "ticket", "acked_ns", "issued_ns"]
        told = self.students
        if not told["more"].notna().any():
            return told.loc[told["acked"], columns]
        more = told[told["more"].notna()].drop(columns="ticket").rename(columns={"more": "ticket"})
        more = more.assign(issued_ns=pd.NA).astype({"issued_ns": told["issued_ns"].dtype})
        return pd.concat([told.loc[told["acked"], columns], more.explode("ticket")[columns]])

    @cached_property
    def named(self) -> pd.DataFrame:
        """Those of `tickets` whose name was recorded."""
        return self.tickets[self.tickets["ticket"].notna()]


def read_promises(students: pd.DataFrame, requests: pd.DataFrame, *, record_cut: bool) -> Promises:
    """Return what every student was told.

    Undecided is who may or may not hold a ticket: a purchase was never answered, or the student
    was still under way. Whoever got an answer to each and heard "already holds a ticket" is not:
    that is the target's word, whether it is true or not.

    Args:
        record_cut: what the generator recorded last is missing.
    """
    rows = students.drop_duplicates("student")
    rows = rows[rows["student"].notna()]
    outcome, ticket = rows["outcome"].astype("object"), rows["ticket"].astype("object")
    student = pd.Series(integers(rows["student"]), rows.index)
    hanging = (
        (requests["role"] == PURCHASE)
        & ((requests["outcome"] == "unknown") | (requests["status"].fillna(0) == 0))
        & may_have_arrived(requests)
    )
    unanswered = student.isin(_students(requests, hanging))
    claimed = student.isin(_students(requests, requests["error"] == _CLAIM))
    under_way = ["in_flight"]
    heard_all = claimed & ~unanswered
    if record_cut:
        under_way.append("never_started")
        heard_all &= False
    undecided = outcome.isin(under_way) | unanswered | ((outcome == "unknown") & ~heard_all)
    told = pd.DataFrame(
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
            "pending": rows["pending_tickets"].astype("object").to_numpy(),
            "open": rows["open_tickets"].astype("object").to_numpy(),
            "pending_ns": rows["pending_ns"].array,
        }
    )
    return Promises(told)


def _students(requests: pd.DataFrame, which: "pd.Series[bool]") -> Any:
    return integers(requests.loc[which.astype(bool), "student"])
