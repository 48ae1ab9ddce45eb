"""Learning: how long after the last ticket went did those who got none know of it?"""

from typing import Any

import numpy as np
import pandas as pd

from reports.evidence import Evidence
from reports.quantities import NS_PER_MS, integers
from reports.steps import JOIN, PURCHASE, QUEUE, STREAM
from reports.stores import DURABLE

_TELLING = (PURCHASE, JOIN, QUEUE, STREAM)
"""Steps whose answer can be that everything is sold; the countdown's is not looked into."""


def time_to_know_ms(evidence: Evidence) -> Any:
    """Give for each student who was told `sold_out` how long that came after the last grant.

    Told: the first answer with the error `sold_out`, of a purchase, of a place in the waiting room
    or of its event stream. Only those count who were there when the last ticket went (their first
    request had been sent by then): who comes later learns it with the first answer. Told before
    the last grant (wrongly, or while the last ones were being granted) counts as 0.

    Returns:
        An array of ms, ascending; empty when not everything was sold or nobody was told.
    """
    last_ns = _last_grant_ns(evidence)
    requests = evidence.requests
    if last_ns is None or requests.empty:
        return np.empty(0)
    sold_out = (requests["error"].astype("object") == "sold_out").to_numpy(dtype=bool)
    heard = requests[sold_out & requests["step"].isin(_TELLING).to_numpy(dtype=bool)]
    heard_ns = heard["done_ns"].fillna(heard["read_ns"])
    first = pd.Series(integers(heard_ns), integers(heard["student"])).groupby(level=0).min()
    there = requests.groupby("student")["sent_ns"].min().reindex(first.index)
    waiting = (there <= last_ns).fillna(False).to_numpy(dtype=bool)
    late_ns = np.maximum(first.to_numpy()[waiting] - last_ns, 0)
    return np.sort(late_ns / NS_PER_MS)


def _last_grant_ns(evidence: Evidence) -> int | None:
    """Give when the last ticket went by the durable ledger; None when some were left."""
    rows = evidence.ledger[evidence.ledger["source"].astype("object") == DURABLE]
    granted = rows.drop_duplicates(["student", "ticket"])["granted_ns"].dropna()
    places = evidence.plan.event.tickets
    if not places or len(granted) < places:
        return None
    return int(granted.sort_values().iloc[places - 1])
