"""Sold early: whether anybody got a ticket before T-0.

A row of somebody else's ledger that is dated before its student's first click proves no grant by
that click (`reports.evidence.ledger_times`), so it decides nothing.
"""

import pandas as pd

from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.reports.audit.said import clock_ns
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.clocks import OWN_CLOCK_NS
from dress_rehearsal.reports.evidence.ledger_times import coarseness_ns
from dress_rehearsal.reports.evidence.stores import owned
from dress_rehearsal.reports.numbers import rounded
from dress_rehearsal.reports.words import counted, seconds


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
    ours = evidence.plan.target.stage == "embedded"
    times = {each.store: each for each in evidence.ledger_times}
    doubtful = False
    for store, rows in stores.holdings.items():
        known_ns = rows["granted_ns"]
        before = _before(known_ns, from_ns - (0 if ours else coarseness_ns(known_ns)))
        if store in times:
            impossible = times[store].impossible
            doubtful |= bool(impossible.any())
            before &= ~impossible & (not times[store].behind)
        early = max(early, len(owned(rows[before])))
    if not early and (doubtful or not stores.complete or told.empty):
        return None
    return early, f"Sold early: {counted(early, 'ticket was', 'tickets were')} granted before T-0."


def early_notes(evidence: Evidence) -> list[str]:
    """Return a sentence where students heard of a ticket before T-0, by less than clocks differ."""
    told, t0_ns = evidence.promises.students, evidence.t0_ns
    if t0_ns is None or not evidence.plan.opens_at_t0 or evidence.clock_steps:
        return []
    since_ns = t0_ns - told.loc[told["acked"], "acked_ns"].dropna()
    close = since_ns[(since_ns > OWN_CLOCK_NS) & (since_ns <= clock_ns(evidence))]
    if close.empty:
        return []
    by_s = rounded(float(close.max()) / NS_PER_S, 2)
    return [
        f"{counted(len(close), 'student was', 'students were')} told of a ticket before T-0, by up "
        f"to {seconds(by_s)}. The target's clock and the generator's may be a second apart, so "
        f"that proves no early sale; with one clock for both it does."
    ]


def _before(times_ns: pd.Series, from_ns: int) -> "pd.Series[bool]":
    return (times_ns < from_ns).fillna(False).astype(bool)
