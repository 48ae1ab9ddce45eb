"""A sale that stood still: for seconds no ticket was granted, though some were left and students
had asked for them.

What is told of is no artefact: the times of grants are a store's, a ledger's that can be believed,
or those at which students were told; what is before the first grant or before T-0 is the opening,
and what is after the last one is told of by `reports.gates.unsold`. A sale in which nobody asks
grants nothing, so somebody must have been waiting for an answer in the middle of it who holds no
ticket yet, may buy, and was not sent away for a reason of their own. Where students are put off and
ask again, nothing waits, and nothing is told.
"""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from dress_rehearsal.records.steps import PURCHASE
from dress_rehearsal.records.tables import ABANDONED, NS_PER_S
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.ledger_times import coarseness_ns
from dress_rehearsal.reports.numbers import integers, rounded
from dress_rehearsal.reports.words import counted, fault_words, offset, seconds, written

_LEAST_S: Final = 2.0
"""So long at least: a slow commit, a collection of garbage or a pause between two tries (1.5 s in
the median, `students.retry_delay`) is shorter."""
_TIMES: Final = 10
"""So many times as long as between two grants in the median: else the sale was always so slow."""
_FEWEST: Final = 5
"""So many students waited meanwhile, at least: one slow request is no sale that stands still."""
_MOST: Final = 3
"""So many are told of, the longest."""
_NEVER_NS: Final = np.iinfo("int64").max
_OF_THE_SALE: Final = ("sold_out", "too_early", "not_admitted")
"""Refusals that say something of the sale; every other one is about who asks."""


class _Stall(NamedTuple):
    """When no ticket was granted (s from T-0), how many were left, and how much was under way."""

    since_s: float
    until_s: float
    left: int
    students: int
    requests: int


def stall_notes(evidence: Evidence) -> Iterator[str]:
    """Yield a sentence for each time that the sale stood still, at most three."""
    stalls = sorted(_stalls(evidence), key=lambda stall: stall.since_s - stall.until_s)[:_MOST]
    for stall in sorted(stalls):
        struck_s = (stall.since_s - _LEAST_S, stall.until_s)  # a kill shows a little later
        faults = {span.name: None for span in evidence.timeline.faults if span.touches(struck_s)}
        named = " and ".join(fault_words(name) for name in faults)
        by_plan = f"; a fault of the plan's own struck then: {named}" if named else ""
        since, until = (offset(round(at_s, 1)) for at_s in (stall.since_s, stall.until_s))
        lasted = seconds(rounded(stall.until_s - stall.since_s, 1))
        tickets = counted(evidence.sale.capacity, "ticket")
        requests = counted(stall.requests, "request")
        yield (
            f"The sale stood still from {since} to {until}, for {lasted}: no ticket was granted, "
            f"though {written(stall.left)} of {tickets} were left ({evidence.sale.witness}) and in "
            f"the middle of it {requests} to buy of {counted(stall.students, 'student')} without a "
            f"ticket waited for an answer{by_plan}."
        )


def _stalls(evidence: Evidence) -> Iterator[_Stall]:
    sale, zero_ns = evidence.sale, evidence.timeline.zero_ns
    if evidence.t0_ns is None or evidence.plan.load is not None or evidence.clock_steps:
        return
    at_ns = zero_ns + np.rint(sale.granted_s[: sale.capacity] * NS_PER_S).astype(np.int64)
    apart_ns = np.diff(at_ns)
    if not len(apart_ns):
        return
    least_ns = max(_LEAST_S * NS_PER_S, _TIMES * float(np.median(apart_ns)))
    least_ns += coarseness_ns(pd.Series(at_ns))
    for place in np.flatnonzero((apart_ns > least_ns) & (at_ns[:-1] >= evidence.t0_ns)):
        since_ns, until_ns = int(at_ns[place]), int(at_ns[place + 1])
        if sale.heard and _told_between(evidence, since_ns, until_ns):
            continue  # it was told of later than that: who reads answers was busy
        student = _waiting(evidence, since_ns + (until_ns - since_ns) // 2)
        students = len(np.unique(student))
        if students >= _FEWEST:
            since_s, until_s = ((t_ns - zero_ns) / NS_PER_S for t_ns in (since_ns, until_ns))
            left = sale.capacity - int(place) - 1
            yield _Stall(since_s, until_s, left, students, len(student))


def _waiting(evidence: Evidence, at_ns: int) -> Any:
    """Return whose requests to buy were under way at a moment (a student for each), of those who
    may buy and held no ticket by then."""
    rows = evidence.requests
    rows = rows.loc[
        (rows["role"] == PURCHASE).to_numpy(dtype=bool)
        & (integers(rows["sent_ns"], missing=_NEVER_NS) <= at_ns)
        & (_over_ns(rows) > at_ns),
        ["student", "outcome", "error"],
    ]
    error = rows["error"].astype("object")
    own_reason = (rows["outcome"] == "refused").to_numpy(dtype=bool) & ~error.isin(_OF_THE_SALE)
    student = integers(rows["student"], missing=-1)[~own_reason & (error != ABANDONED)]
    told, ledger = evidence.students, evidence.ledger
    enrolled = integers(told.loc[told["enrolled"].fillna(False).astype(bool), "student"])
    heard = integers(told.loc[integers(told["acked_ns"], missing=_NEVER_NS) <= at_ns, "student"])
    held = integers(
        ledger.loc[integers(ledger["granted_ns"], missing=_NEVER_NS) <= at_ns, "student"]
    )
    return student[np.isin(student, enrolled) & ~np.isin(student, np.union1d(heard, held))]


def _told_between(evidence: Evidence, since_ns: int, until_ns: int) -> bool:
    """Return whether a yes to buying arrived between two moments."""
    rows = evidence.requests[evidence.buying.ends]
    over_ns = _over_ns(rows)
    yes = (rows["outcome"] == "ok").to_numpy(dtype=bool)
    return bool((yes & (over_ns > since_ns) & (over_ns < until_ns)).any())


def _over_ns(rows: pd.DataFrame) -> Any:
    """Return when each request was over."""
    return integers(rows["done_ns"].fillna(rows["read_ns"]), missing=_NEVER_NS)
