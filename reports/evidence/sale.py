"""The sale itself: which tickets went when, by the best witness the run has."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from dress_rehearsal.records.steps import JOIN, PURCHASE, QUEUE, STREAM
from dress_rehearsal.records.tables import NS_PER_MS
from dress_rehearsal.reports.evidence.stores import DURABLE
from dress_rehearsal.reports.evidence.timeline import Floats, Timeline
from dress_rehearsal.reports.numbers import integers

_WITNESSES = {"redis": "as Redis granted them", "postgres": "as PostgreSQL granted them"}


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
        return Sale(capacity, heard, "as students heard of them")
    return Sale(capacity, _first_yes(requests, timeline), "as the answers said")


def _first_yes(requests: pd.DataFrame, timeline: Timeline) -> Floats:
    """Return when each student was first told of a ticket, by the recorded answers alone."""
    yes = requests[(requests["role"] == PURCHASE) & (requests["outcome"] == "ok")]
    yes = yes.assign(done_ns=yes["done_ns"].fillna(yes["read_ns"]))
    return _known(timeline.seconds(yes.groupby("student")["done_ns"].min()))


def _known(times_s: Floats) -> Floats:
    known: Floats = np.sort(times_s[~np.isnan(times_s)])
    return known


_TELLING = (PURCHASE, JOIN, QUEUE, STREAM)
"""What a request is for whose answer can be that all is sold; the countdown's is not asked."""


def time_to_know_ms(
    places: int, ledger: pd.DataFrame, requests: pd.DataFrame, durable: str = DURABLE
) -> Any:
    """Return for each student who was told `sold_out` how long that came after the last grant.

    Told: the first answer with the error `sold_out`, of a purchase, of a place in the waiting room
    or of its event stream. Only those count who were there when the last ticket went (their first
    request had been sent by then): who comes later learns it with the first answer. Told before
    the last grant (wrongly, or while the last ones were being granted) counts as 0.

    Args:
        durable: the store whose word counts.

    Returns:
        An array of ms, ascending; empty when not everything was sold or nobody was told.
    """
    last_ns = _last_grant_ns(places, ledger, durable)
    if last_ns is None or requests.empty:
        return np.empty(0)
    sold_out = (requests["error"].astype("object") == "sold_out").to_numpy(dtype=bool)
    heard = requests[sold_out & requests["role"].isin(_TELLING).to_numpy(dtype=bool)]
    heard_ns = heard["done_ns"].fillna(heard["read_ns"])
    first = pd.Series(integers(heard_ns), integers(heard["student"])).groupby(level=0).min()
    there = requests.groupby("student")["sent_ns"].min().reindex(first.index)
    waiting = (there <= last_ns).fillna(False).to_numpy(dtype=bool)
    late_ns = np.maximum(first.to_numpy()[waiting] - last_ns, 0)
    return np.sort(late_ns / NS_PER_MS)


def _last_grant_ns(places: int, ledger: pd.DataFrame, durable: str) -> int | None:
    """Return when the last ticket went by the durable ledger; None when some were left."""
    rows = ledger[ledger["source"].astype("object") == durable]
    granted = rows.drop_duplicates(["student", "ticket"])["granted_ns"].dropna()
    if not places or len(granted) < places:
        return None
    return int(granted.sort_values().iloc[places - 1])
