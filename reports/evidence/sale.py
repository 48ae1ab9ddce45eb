"""The sale itself: which tickets went when, by the best witness the run has."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dress_rehearsal.reports.evidence.buying import read_buying
from dress_rehearsal.reports.evidence.timeline import Floats, Timeline

_WITNESSES = {"redis": "as Redis granted them", "postgres": "as PostgreSQL granted them"}


@dataclass(frozen=True, slots=True)
class Sale:
    """When tickets were granted.

    Attributes:
        capacity: tickets there were.
        granted_s: seconds from T-0 of every grant, ascending.
        witness: who says so, as words that follow "tickets left".
        heard: whether these are no grants, but when students were told.
    """

    capacity: int
    granted_s: Floats
    witness: str
    heard: bool = False

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


def read_sale(
    capacity: int,
    ledger: pd.DataFrame,
    students: pd.DataFrame,
    requests: pd.DataFrame,
    timeline: Timeline,
    ledgers: Sequence[str] = (),
) -> Sale:
    """Return the grants by the ledger, or by what students were told where there is no ledger.

    Args:
        ledgers: names of those that somebody else's target has.
    """
    found: list[Sale] = []
    witnesses = {name: f"as the ledger {name} has them" for name in ledgers} or _WITNESSES
    for source, witness in witnesses.items():
        rows = ledger[ledger["source"] == source]
        rows = rows.drop_duplicates(["student", "ticket"])  # a row delivered twice is one grant
        granted = _known(timeline.seconds(rows["granted_ns"]))
        if len(granted):
            found.append(Sale(capacity, granted, witness))
    if found:
        return max(found, key=lambda sale: sale.granted)  # the first of equals
    acked = students[students["ticket"].notna()]
    heard = _known(timeline.seconds(acked["acked_ns"]))
    if len(heard):
        return Sale(capacity, heard, "as students heard of them", heard=True)
    return Sale(capacity, _first_yes(requests, timeline), "as the answers said", heard=True)


def _first_yes(requests: pd.DataFrame, timeline: Timeline) -> Floats:
    """Return when each student was first told of a ticket, by the recorded answers alone."""
    yes = requests[read_buying(requests).ends & (requests["outcome"] == "ok").to_numpy(dtype=bool)]
    yes = yes.assign(done_ns=yes["done_ns"].fillna(yes["read_ns"]))
    return _known(timeline.seconds(yes.groupby("student")["done_ns"].min()))


def _known(times_s: Floats) -> Floats:
    known: Floats = np.sort(times_s[~np.isnan(times_s)])
    return known
