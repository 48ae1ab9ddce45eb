"""Throughput: how fast the tickets went, and how many requests came at once."""

from typing import Any, Final

import numpy as np
import pandas as pd

from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.numbers import rounded
from dress_rehearsal.reports.schema import Load, Sale


def measure_sale(evidence: Evidence) -> Sale:
    """Return how many tickets were granted and how fast, by the best witness the run has.

    Nothing is known of a run that neither a store nor a request is recorded of, and when tickets
    went is known of none without a T-0.
    """
    sale = evidence.sale
    if evidence.ledger.empty and evidence.requests.empty:
        return Sale(granted=None, tickets_per_s=None, sold_out_after_s=None)
    span_s = float(sale.granted_s[-1] - sale.granted_s[0]) if sale.granted > 1 else 0.0
    sold_out_s = sale.sold_out_s if evidence.timeline.has_t0 else None
    return Sale(
        granted=sale.granted,
        tickets_per_s=rounded(sale.granted / span_s) if span_s > 0 else None,
        sold_out_after_s=None if sold_out_s is None else rounded(sold_out_s),
    )


_AT_ONCE: Final = 1 << 18
"""Requests that are looked at together: of millions it would take as much room again."""


def measure_load(evidence: Evidence) -> Load:
    """Return how hard the rush was."""
    wanted = ~evidence.latency["abandoned"]
    requests, failed = int(wanted.sum()), int((wanted & ~evidence.latency["answered"]).sum())
    return Load(
        busiest_second=busiest_second(evidence.requests["sent_ns"]),
        requests=requests,
        failed=failed,
        failed_share=rounded(failed / requests, 6) if requests else None,
    )


def busiest_second(sent_ns: "pd.Series[Any]") -> int | None:
    """Return the most requests sent within any one second; None when none was sent."""
    times = sent_ns.to_numpy(dtype="int64", na_value=-1, copy=True)
    times.sort(kind="stable")  # they nearly are: it makes use of that
    times = times[np.searchsorted(times, 0) :]
    if not len(times):
        return None
    most = 0
    for first in range(0, len(times), _AT_ONCE):
        own = times[first : first + _AT_ONCE]
        until = np.searchsorted(times, own + NS_PER_S, side="left")
        most = max(most, int((until - np.arange(first, first + len(own))).max()))
    return most
