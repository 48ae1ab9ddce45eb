"""Sold early: whether anybody got a ticket before T-0.

What was early is held against T-0 by how far clocks can be apart, as far as that was measured. What
students heard: by what a timer takes where the app was started here. A row of somebody else's
ledger: by as much as its times leave open, a second at most, for nobody knows whose clock dates it.

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
    times = {each.store: each for each in evidence.ledger_times}
    doubtful = False
    for store, rows in stores.holdings.items():
        before = _before(rows["granted_ns"], t0_ns - _behind_ns(evidence, store))
        if store in times:
            doubtful |= bool(times[store].impossible.any())
            before &= times[store].possible
        early = max(early, different(rows[before]))
    if not early and (doubtful or not stores.complete or told.empty):
        return None
    return early, f"Sold early: {counted(early, 'ticket was', 'tickets were')} granted before T-0."


def early_notes(evidence: Evidence) -> list[str]:
    """Return sentences on what seems to have been early, by less than clocks may differ."""
    if evidence.t0_ns is None or not evidence.plan.opens_at_t0 or evidence.clock_steps:
        return []
    return [*_heard_early(evidence, evidence.t0_ns), *_dated_early(evidence, evidence.t0_ns)]


def _heard_early(evidence: Evidence, t0_ns: int) -> list[str]:
    told = evidence.promises.students
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


def _dated_early(evidence: Evidence, t0_ns: int) -> list[str]:
    """Return sentences on rows of somebody else's ledgers; a time that is cut makes none early."""
    notes = []
    for times in evidence.ledger_times:
        granted_ns = evidence.stores.holdings[times.store]["granted_ns"]
        behind_ns = _behind_ns(evidence, times.store)
        since_ns = (t0_ns - granted_ns[times.possible]).dropna()
        least_ns = OWN_CLOCK_NS + coarseness_ns(granted_ns)
        close = since_ns[(since_ns > least_ns) & (since_ns <= behind_ns)]
        if not close.empty:
            by_s, apart_s = (rounded(float(s) / NS_PER_S, 3) for s in (close.max(), behind_ns))
            notes.append(
                f"{counted(len(close), 'ticket is', 'tickets are')} dated before T-0 in "
                f"{times.store}, by up to {seconds(by_s)}. By its times the ledger's clock may be "
                f"behind the generator's by as much as {seconds(apart_s)}, so that proves no early "
                f"sale and is not counted as one."
            )
    return notes


def _behind_ns(evidence: Evidence, store: str) -> int:
    """Return by how much a store's times may be earlier than the generator's clock."""
    behind_ns = clock_ns(evidence)
    for times in evidence.ledger_times:
        behind_ns = times.behind_ns if times.store == store else behind_ns
    if not evidence.plan.target.ours:
        behind_ns += coarseness_ns(evidence.stores.holdings[store]["granted_ns"])
    return max(behind_ns, OWN_CLOCK_NS)


def _before(times_ns: pd.Series, from_ns: int) -> "pd.Series[bool]":
    return (times_ns < from_ns).fillna(False).astype(bool)
