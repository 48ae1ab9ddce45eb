"""What students were told: the promises that the stores are held against, one row a student."""

import pandas as pd

from reports.course import course_of
from reports.evidence import Evidence
from reports.quantities import integers
from reports.reconciliation import may_have_arrived
from reports.steps import PURCHASE


def read_told(evidence: Evidence) -> pd.DataFrame:
    """Give one row a student.

    Returns:
        Columns student, outcome, ticket (text, None without), acked (was told of a ticket),
        undecided (may or may not hold one: a purchase was never answered), enrolled, acked_ns,
        issued_ns.
    """
    rows = evidence.students.drop_duplicates("student")
    rows = rows[rows["student"].notna()]
    outcome, ticket = rows["outcome"].astype("object"), rows["ticket"].astype("object")
    student = integers(rows["student"])
    requests = evidence.requests
    hanging = (
        (requests["step"] == PURCHASE)
        & ((requests["outcome"] == "unknown") | (requests["status"].fillna(0) == 0))
        & may_have_arrived(requests)
    )
    lost_answers = integers(requests.loc[hanging.astype(bool), "student"])
    open_ends = ["unknown", "in_flight"]
    if course_of(evidence).record_cut:
        open_ends.append("never_started")
    return pd.DataFrame(
        {
            "student": student,
            "outcome": outcome.to_numpy(),
            "ticket": ticket.to_numpy(),
            "acked": (ticket.notna() | (outcome == "ticket")).to_numpy(dtype=bool),
            "undecided": outcome.isin(open_ends).to_numpy(dtype=bool)
            | pd.Series(student).isin(lost_answers).to_numpy(),
            "enrolled": rows["enrolled"].fillna(False).to_numpy(dtype=bool),
            "acked_ns": rows["acked_ns"].array,
            "issued_ns": rows["issued_ns"].array,
        }
    )
