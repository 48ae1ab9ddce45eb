"""The sale itself: which tickets went when, by the best witness the run has."""

from dataclasses import dataclass

import numpy as np

from reports.evidence import Evidence
from reports.figures.moments import Floats, Moments
from reports.steps import PURCHASE

_WITNESSES = (
    ("redis", "as Redis granted them"),
    ("postgres", "as PostgreSQL granted them"),
)


@dataclass(frozen=True, slots=True)
class Sale:
    """When tickets were granted.

    Attributes:
        capacity: tickets there were.
        granted_s: seconds from T-0 of every grant, ascending.
        witness: who says so, as words that follow "tickets left".
    """

    capacity: int
    granted_s: Floats
    witness: str

    @property
    def granted(self) -> int:
        """How many tickets were granted."""
        return len(self.granted_s)

    @property
    def sold_out_s(self) -> float | None:
        """When the last ticket went; None when some were left, or there were none."""
        if self.capacity == 0 or self.granted < self.capacity:
            return None
        return float(self.granted_s[self.capacity - 1])


def sale_of(evidence: Evidence, moments: Moments) -> Sale:
    """Read the grants from the ledger, or from what students were told where there is no ledger."""
    capacity = evidence.plan.event.tickets
    found: list[Sale] = []
    for source, witness in _WITNESSES:
        rows = evidence.ledger[evidence.ledger["source"] == source]
        rows = rows.drop_duplicates(["student", "ticket"])  # a row delivered twice is one grant
        granted = _known(moments.seconds(rows["granted_ns"]))
        if len(granted):
            found.append(Sale(capacity, granted, witness))
    if found:
        return max(found, key=lambda sale: sale.granted)  # the first of equals
    acked = evidence.students[evidence.students["ticket"].notna()]
    heard = _known(moments.seconds(acked["acked_ns"]))
    if len(heard):
        return Sale(capacity, heard, "as students heard of them")
    return Sale(capacity, _first_yes(evidence, moments), "as the answers said")


def _first_yes(evidence: Evidence, moments: Moments) -> Floats:
    """Give when each student was first told of a ticket, by the recorded answers alone."""
    requests = evidence.requests
    yes = requests[(requests["step"] == PURCHASE) & (requests["outcome"] == "ok")]
    yes = yes.assign(done_ns=yes["done_ns"].fillna(yes["read_ns"]))
    return _known(moments.seconds(yes.groupby("student")["done_ns"].min()))


def _known(times_s: Floats) -> Floats:
    known: Floats = np.sort(times_s[~np.isnan(times_s)])
    return known
