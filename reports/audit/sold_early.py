"""Sold early: whether anybody got a ticket before T-0.

What was early is held against T-0 by how far clocks can be apart, as far as that was measured: not
at all where the app was started here, else as far as a ledger's times let them, a second at most.

A row of somebody else's ledger that is dated before its student's first click proves no grant by
that click (`reports.evidence.ledger_times`), so it decides nothing.
"""

import pandas as pd

from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.reports.audit.said import ahead_ns, clock_ns
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.clocks import OWN_CLOCK_NS
from dress_rehearsal.reports.evidence.ledger_times import coarseness_ns
from dress_rehearsal.reports.evidence.stores import different
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
    heard = _before(told["acked_ns"], t0_ns - ahead_ns(evidence))
    early = int((told["acked"] & heard).sum())
    ours = evidence.plan.target.ours
    times = {each.store: each for each in evidence.ledger_times}
    doubtful = False
    for store, rows in stores.holdings.items():
        known_ns = rows["granted_ns"]
        off_ns = clock_ns(evidence) if store not in times else times[store].behind_ns
        off_ns += 0 if ours else coarseness_ns(known_ns)
        before = _before(known_ns, t0_ns - max(off_ns, OWN_CLOCK_NS))
        if store in times:
            impossible = times[store].impossible
            doubtful |= bool(impossible.any())
            before &= ~impossible & (not times[store].behind)
        early = max(early, different(rows[before]))
    if not early and (doubtful or not stores.complete or told.empty):
        return None
    return early, f"Sold early: {counted(early, 'ticket was', 'tickets were')} granted before T-0."


def early_notes(evidence: Evidence) -> list[str]:
    """Return a sentence where students heard of a ticket before T-0, by less than clocks differ."""
    told, t0_ns = evidence.promises.students, evidence.t0_ns
    if t0_ns is None or not evidence.plan.opens_at_t0 or evidence.clock_steps:
        return []
    since_ns = t0_ns - told.loc[told["acked"], "acked_ns"].dropna()
    apart_ns = ahead_ns(evidence)
    close = since_ns[(since_ns > OWN_CLOCK_NS) & (since_ns <= apart_ns)]
    if close.empty:
        return []
    by_s, apart_s = (rounded(float(span) / NS_PER_S, 3) for span in (close.max(), apart_ns))
    return [
        f"{counted(len(close), 'student was', 'students were')} told of a ticket before T-0, by up "
        f"to {seconds(by_s)}. The target's clock may be ahead of the generator's by as much as "
        f"{seconds(apart_s)}, so that proves no early sale; with one clock for both it does."
    ]


def _before(times_ns: pd.Series, from_ns: int) -> "pd.Series[bool]":
    return (times_ns < from_ns).fillna(False).astype(bool)
