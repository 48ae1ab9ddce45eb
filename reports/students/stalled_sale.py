"""A sale that stood still: for seconds no ticket was granted, though some were left and students
had asked for them.

What is told of is no artefact: the times of grants are a store's, a ledger's that can be believed,
or those at which students were told; what is before the first grant or before T-0 is the opening,
and what is after the last one is told of by `reports.gates.unsold`. A sale in which nobody asks
grants nothing, so somebody must have been waiting for an answer in the middle of it who holds no
ticket yet, may buy, and was not sent away for a reason of their own. Where students are put off and
ask again, nothing waits, and nothing is told.

Nor is it where a yes came meanwhile whose grant is not among those of before: rows that were lost
leave a hole in the ledger and none in the sale. A machine or a generator that stood still, and
others who took the CPU, may be why as well.
"""

from collections.abc import Collection, Iterator
from itertools import islice
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from dress_rehearsal.records.steps import PURCHASE
from dress_rehearsal.records.tables import ABANDONED, NS_PER_S
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.ledger_times import coarseness_ns
from dress_rehearsal.reports.evidence.timeline import MEASURING
from dress_rehearsal.reports.numbers import integers, least_of, rounded
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
_STANDING_STILL: Final = (MEASURING, "kernel")
"""Sources whose silence is one of the generator or of the whole machine."""
_TAKEN: Final = frozenset({"foreign_cpu", "steal"})
"""What is found of others who took the CPU that the sale needed."""


class _Stall(NamedTuple):
    """When no ticket was granted (s from T-0), how many were left, and how much was under way."""

    since_s: float
    until_s: float
    left: int
    students: int
    requests: int


class _Asking(NamedTuple):
    """Requests to buy of those who may: whose, from when until when, and since when that student
    holds a ticket (Unix ns; an entry a request, the first sent first); the longest took so long."""

    student: Any
    sent_ns: Any
    over_ns: Any
    holds_ns: Any
    longest_ns: int

    def at(self, at_ns: int) -> Any:
        """Return whose requests were under way at a moment, of those who held no ticket yet."""
        ends = np.searchsorted(self.sent_ns, [at_ns - self.longest_ns, at_ns], side="right")
        near = slice(*ends)
        return self.student[near][(self.over_ns[near] > at_ns) & (self.holds_ns[near] > at_ns)]


class _Told(NamedTuple):
    """When students were told yes (ascending), and when the first ticket of that one was granted
    (Unix ns; never: no ledger has one)."""

    told_ns: Any
    granted_ns: Any

    def tells_of_grants(self, since_ns: int, until_ns: int) -> bool:
        """Return whether any yes of a while was to a ticket that was not granted before it.

        What is granted after it by the ledger may have been written down a little late.
        """
        near = slice(*np.searchsorted(self.told_ns, [since_ns + 1, until_ns]))
        told_ns, granted_ns = self.told_ns[near], self.granted_ns[near]
        late = (granted_ns >= until_ns) & (granted_ns < _NEVER_NS)
        late &= told_ns >= since_ns + (until_ns - since_ns) // 2
        return bool(((granted_ns > since_ns) & ~late).any())


def stall_notes(evidence: Evidence, findings: Collection[str] = ()) -> Iterator[str]:
    """Yield a sentence for each time that the sale stood still, at most three.

    Args:
        findings: what was found of the measurement (`reports.trust.FINDINGS`).
    """
    if not _TAKEN.isdisjoint(findings):
        return
    for stall in sorted(islice(_stalls(evidence), _MOST)):
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
    """Yield when the sale stood still, the longest first."""
    sale, zero_ns = evidence.sale, evidence.timeline.zero_ns
    if evidence.t0_ns is None or evidence.plan.load is not None or evidence.clock_steps:
        return
    at_ns = zero_ns + np.rint(sale.granted_s[: sale.capacity] * NS_PER_S).astype(np.int64)
    apart_ns = np.diff(at_ns)
    if not len(apart_ns):
        return
    least_ns = max(_LEAST_S * NS_PER_S, _TIMES * float(np.median(apart_ns)))
    least_ns += coarseness_ns(pd.Series(at_ns))
    places = np.flatnonzero((apart_ns > least_ns) & (at_ns[:-1] >= evidence.t0_ns))
    places = places[np.argsort(-apart_ns[places], kind="stable")]
    spans = [(int(at_ns[place]), int(at_ns[place + 1])) for place in places]
    if not spans:
        return
    middles = [since_ns + (until_ns - since_ns) // 2 for since_ns, until_ns in spans]
    asking, told = _asking(evidence, np.sort(middles)), _told(evidence)
    for place, (since_ns, until_ns), middle_ns in zip(places, spans, middles, strict=True):
        if _unwatched(evidence, since_ns, until_ns) or told.tells_of_grants(since_ns, until_ns):
            continue
        student = asking.at(middle_ns)
        students = len(np.unique(student))
        if students >= _FEWEST:
            since_s, until_s = ((t_ns - zero_ns) / NS_PER_S for t_ns in (since_ns, until_ns))
            left = sale.capacity - int(place) - 1
            yield _Stall(since_s, until_s, left, students, len(student))


def _unwatched(evidence: Evidence, since_ns: int, until_ns: int) -> bool:
    """Return whether the generator or the machine was silent for some of a while."""
    return any(
        gap.source.partition(":")[0] in _STANDING_STILL
        and gap.from_ns < until_ns
        and gap.until_ns > since_ns
        for gap in evidence.gaps
    )


def _asking(evidence: Evidence, moments_ns: Any) -> _Asking:
    """Return the requests to buy that were under way at any of some moments (ascending), of those
    who may buy."""
    rows = evidence.requests.loc[
        (evidence.requests["role"] == PURCHASE).to_numpy(dtype=bool),
        ["student", "outcome", "error", "sent_ns", "done_ns", "read_ns"],
    ]
    sent_ns, over_ns = integers(rows["sent_ns"], missing=_NEVER_NS), _over_ns(rows)
    under_way = np.searchsorted(moments_ns, sent_ns) < np.searchsorted(moments_ns, over_ns)
    rows, sent_ns, over_ns = rows[under_way], sent_ns[under_way], over_ns[under_way]
    error = rows["error"].astype("object")
    own_reason = (rows["outcome"] == "refused").to_numpy(dtype=bool) & ~error.isin(_OF_THE_SALE)
    students = evidence.students
    enrolled = students.loc[students["enrolled"].fillna(False).astype(bool), "student"]
    student = integers(rows["student"], missing=-1)
    kept = np.isin(student, integers(enrolled)) & (~own_reason & (error != ABANDONED)).to_numpy()
    order = np.flatnonzero(kept)[np.argsort(sent_ns[kept], kind="stable")]
    student, sent_ns, over_ns = student[order], sent_ns[order], over_ns[order]
    owner, granted_ns = _grants(evidence)
    holds_ns = least_of(
        np.concatenate([integers(students["student"]), owner]),
        np.concatenate([integers(students["acked_ns"], missing=_NEVER_NS), granted_ns]),
        student,
        missing=_NEVER_NS,
    )
    longest_ns = int((over_ns - sent_ns).max(initial=0))
    return _Asking(student, sent_ns, over_ns, holds_ns, longest_ns)


def _told(evidence: Evidence) -> _Told:
    """Return every yes to buying, by what students made of it and by the answers themselves.

    Where there are no grants but what students heard, each is one of which it is not known when it
    was granted: who reads answers was busy where it came earlier than it was told of.
    """
    yes = evidence.buying.ends & (evidence.requests["outcome"] == "ok").to_numpy(dtype=bool)
    rows = evidence.requests.loc[yes, ["student", "done_ns", "read_ns"]]
    if evidence.sale.heard:
        return _Told(np.sort(_over_ns(rows)), np.full(len(rows), _NEVER_NS))
    students = evidence.students
    acked_ns = integers(students["acked_ns"], missing=_NEVER_NS)
    told_ns = np.concatenate([acked_ns, _over_ns(rows)])
    order = np.argsort(told_ns, kind="stable")
    told = np.concatenate([integers(students["student"]), integers(rows["student"], missing=-1)])
    granted_ns = least_of(*_grants(evidence), told, missing=_NEVER_NS)
    return _Told(told_ns[order], granted_ns[order])


def _grants(evidence: Evidence) -> tuple[Any, Any]:
    """Return whose each ledger row is and when it was granted; a ledger that names nobody has the
    tickets of those who were told of them."""
    ledger, told = evidence.ledger, evidence.students.dropna(subset="ticket")
    owners = dict(zip(told["ticket"].astype("object"), told["student"], strict=True))
    by_ticket = ledger["ticket"].astype("object").map(owners).astype("Int64")
    owner = ledger["student"].astype("Int64").fillna(by_ticket)
    return integers(owner, missing=-1), integers(ledger["granted_ns"], missing=_NEVER_NS)


def _over_ns(rows: pd.DataFrame) -> Any:
    """Return when each request was over."""
    return integers(rows["done_ns"].fillna(rows["read_ns"]), missing=_NEVER_NS)
