"""Sold early: whether anybody got a ticket before T-0."""

import pandas as pd

from dress_rehearsal.records.tables import NS_PER_MS, NS_PER_S
from dress_rehearsal.reports.audit.said import clock_ns
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.stores import DURABLE, owned
from dress_rehearsal.reports.numbers import integers
from dress_rehearsal.reports.words import counted


def sold_early(evidence: Evidence) -> tuple[int, str] | None:
    """Count tickets granted before T-0, by a store's word or by when the student heard of it.

    Whichever witness saw more is believed. None when there was no T-0, or when nothing early was
    seen and not every witness was heard.
    """
    stores, told = evidence.stores, evidence.promises.students
    t0_ns = evidence.t0_ns
    if t0_ns is None:
        return None
    from_ns = t0_ns - clock_ns(evidence)
    early = int((told["acked"] & _before(told["acked_ns"], from_ns)).sum())
    for rows in stores.holdings.values():
        known_ns = rows["granted_ns"]
        since_ns = from_ns - (0 if stores.durable == DURABLE else _coarseness_ns(known_ns))
        early = max(early, len(owned(rows[_before(known_ns, since_ns)])))
    if not early and (not stores.complete or told.empty):
        return None
    return early, f"Sold early: {counted(early, 'ticket was', 'tickets were')} granted before T-0."


def _coarseness_ns(times_ns: pd.Series) -> int:
    """Return the unit that times are kept in: one that was cut to the second may be late in it."""
    known = integers(times_ns.dropna())
    units = (NS_PER_S, NS_PER_MS)
    return next((unit for unit in units if len(known) and not (known % unit).any()), 0)


def _before(times_ns: pd.Series, from_ns: int) -> "pd.Series[bool]":
    return (times_ns < from_ns).fillna(False).astype(bool)
