"""Sold out: who was told so though there was a ticket, and how the sale stood in the end.

false_sold_out  students sent away as sold out though places were left in the end, or (unless lots
                were drawn) though somebody who clicked after that still got one

Of a target of somebody else's nobody knows how it keeps places for clicks that are under way, so
there a student was wronged only where fewer places can have been taken at that moment than there
were: by those who had clicked and got a ticket, may have got one, or were still waiting.
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from dress_rehearsal.records.steps import JOIN, OTHER, PURCHASE, QUEUE, STREAM, TICKET
from dress_rehearsal.reports.audit.said import NEVER_NS, Said
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.stores import coded, different
from dress_rehearsal.reports.numbers import distinct, least_by
from dress_rehearsal.reports.words import counted, written

Wrong = tuple[int | None, str]

_TELLING = (PURCHASE, TICKET, JOIN, QUEUE, STREAM)


class Stock(NamedTuple):
    """How the sale stood in the end: places held, and how many more nobody can be sure of."""

    places: int
    held: int
    undecided: int

    @property
    def least_left(self) -> int:
        """How many places were left for certain; below zero where there were none."""
        return self.places - self.held - self.undecided


def stock(evidence: Evidence) -> Stock | None:
    """Return how the sale stood in the end; None where not every store was read."""
    stores, told = evidence.stores, evidence.promises.students
    if not stores.complete or told.empty:
        return None
    # A promised ticket took a place even if a store lost it: that wrong is counted elsewhere.
    promised, *rows = coded(evidence.promises.named, *stores.holdings.values())
    held = max(
        len(distinct(promised)),
        *(len(distinct(np.concatenate([each, promised]))) for each in rows),
        *stores.counts.values(),
    )
    holders = [rows["student"] for rows in stores.holdings.values()]
    named = pd.concat(holders) if holders else pd.Series(dtype="int64")
    undecided = int((told["undecided"] & ~told["student"].isin(named)).sum())
    return Stock(evidence.plan.event.tickets, held, undecided)


def false_sold_out(said: Said) -> Wrong | None:
    """Count the students sent away as sold out though there was a ticket."""
    evidence = said.evidence
    if evidence.promises.students.empty:
        return None
    if not evidence.plan.target.ours and evidence.plan.event.order != "lottery":
        return _of_somebody_else(said)
    return _of_our_own(said)


def _of_our_own(said: Said) -> Wrong | None:
    evidence = said.evidence
    set_clock = bool(evidence.clock_steps)
    overtaken = 0 if set_clock else told_before_the_last_buyer(said)
    sentence = (
        f"False sold out: {counted(overtaken, 'student was', 'students were')} turned away before "
        f"somebody clicked who still got a ticket."
    )
    end = stock(evidence)
    if end is None:
        return (overtaken, sentence) if overtaken else None
    turned_away = int((evidence.promises.students["outcome"] == "sold_out").sum())
    left = min(turned_away, max(0, end.least_left))
    if left >= overtaken:
        sentence = (
            f"False sold out: {counted(left, 'student was', 'students were')} turned away while "
            f"{written(end.places - end.held)} of {counted(end.places, 'place')} remained."
        )
    count = max(left, overtaken)
    return count or None if set_clock else count, sentence


def _of_somebody_else(said: Said) -> Wrong | None:
    evidence = said.evidence
    unread = bool(evidence.plan.ledgers) and not evidence.stores.complete
    if evidence.requests.empty or evidence.clock_steps or unread:
        return None  # what others took a ledger would say
    places = evidence.plan.event.tickets
    told = said.which("sold_out", roles=_TELLING) & (said.sent_ns >= 0) & (said.done_ns >= 0)
    taken = _may_be_taken(said)(said.sent_ns, said.done_ns) + _taken_by_others(said)
    wrong = told & (taken < places)
    who = said.students(wrong)
    left = places - int(taken[wrong].min(initial=places))
    count = len(who)
    unsure = evidence.timeline.record_cut or evidence.timeline.rows_pending
    return count or (None if unsure else 0), (
        f"False sold out: {counted(count, 'student was', 'students were')} told that all is sold "
        f"while up to {written(left)} of {counted(places, 'place')} cannot have been taken."
    )


def _may_be_taken(said: Said) -> Any:
    """Return a function that gives for spans of time how many places may be taken at most.

    A click takes a place from its sending on: for ever where it got a ticket or nobody knows, else
    until it failed. It may have got one all the same, which the stores know. What buying is made of
    besides, a basket say, may take it from then on, and keep it though the rest failed. Of a
    student who may have one ticket, all clicks take one.
    """
    clicks = said.may_have_granted
    begun_ns = _begun_ns(said)
    sent_ns, student = begun_ns[clicks], said.student[clicks]
    at_once = begun_ns[clicks] == said.sent_ns[clicks]
    failed = (said.outcome[clicks] == "failed") & said.answered[clicks] & at_once
    holders = [rows["student"] for rows in said.evidence.stores.holdings.values()]
    failed &= ~np.isin(student, pd.concat(holders) if holders else [])
    until_ns = np.where(failed, said.done_ns[clicks], NEVER_NS)
    if said.evidence.plan.event.per_student == 1:
        who, sent_ns = least_by(student, sent_ns)
        latest = pd.Series(until_ns).groupby(student).max()
        until_ns = latest.reindex(who).to_numpy(dtype="int64")
    begun, over = np.sort(sent_ns), np.sort(until_ns)

    def within(since_ns: Any, by_ns: Any) -> Any:
        return np.searchsorted(begun, by_ns, side="right") - np.searchsorted(over, since_ns)

    return within


def _begun_ns(said: Said) -> Any:
    """Return for each request when the first was sent of those without a role right before it.

    Right before it: by the same device of the same student, one after the other. Its own sending
    where there is none.
    """
    order = np.lexsort((said.seq, said.device, said.student))
    devices = int(said.device.max(initial=0)) + 1
    key = said.student[order].astype(np.int64) * devices + said.device[order]
    other, sent_ns = said.at(OTHER)[order], said.sent_ns[order]
    follows = np.concatenate([[False], (key[1:] == key[:-1]) & other[:-1]])
    place = np.arange(len(order))
    first = np.maximum.accumulate(np.where(follows, 0, place))
    begun_ns = np.empty_like(sent_ns)
    begun_ns[order] = np.where(follows & (sent_ns[first] >= 0), sent_ns[first], sent_ns)
    return begun_ns


def _taken_by_others(said: Said) -> int:
    """Return how many places people took by no click of this rush, or had taken before it.

    Those of before it count only where they fit beside what was sold now: more than there are
    places were of another sale.
    """
    stores, places = said.evidence.stores, said.evidence.plan.event.tickets
    buyers = said.students(said.may_have_granted)
    strangers = max(
        (int((~rows["student"].isin(buyers)).sum()) for rows in stores.holdings.values()), default=0
    )
    beyond = max((count - len(buyers) for count in stores.counts.values()), default=0)
    before = stores.before if stores.before + stores.most <= places else 0
    return max(strangers, beyond, 0) + before + _seconds(said.evidence)


def _seconds(evidence: Evidence) -> int:
    """Return how many tickets students have beyond their first, of whom each is counted once."""
    if evidence.plan.event.per_student != 1:
        return 0  # there each click is counted
    held = [*evidence.stores.holdings.values(), evidence.promises.named]
    named = [rows[rows["student"] >= 0] for rows in held]
    return max(different(rows) - int(rows["student"].nunique()) for rows in named)


def told_before_the_last_buyer(said: Said) -> int:
    """Count the students told `sold_out` before somebody sent the click that got the last ticket.

    This compares what the generator saw with its own clock, and accuses nobody of what crossed.
    None is counted where lots are drawn: there the word tells students that they drew none, not
    that none is left. Where no order is promised at all it still says that all had gone.
    """
    if said.evidence.plan.event.order == "lottery":
        return 0
    last_ns = last_buyer_ns(said)
    if last_ns is None:
        return 0
    early = said.which("sold_out", roles=_TELLING) & (said.done_ns < last_ns)
    return len(said.students(early))


def last_buyer_ns(said: Said) -> int | None:
    """Return when the click was sent that got the last ticket; None where nobody got one.

    The last of as many as there are places: who was sold one beyond them was not to get it. A click
    got its student a ticket no earlier than the first that can have done so was sent.
    """
    evidence = said.evidence
    told = evidence.promises.students
    if evidence.requests.empty:
        return None
    holders = [rows["student"] for rows in evidence.stores.holdings.values()]
    holding = pd.concat([told.loc[told["acked"], "student"], *holders]).unique()
    clicks = np.flatnonzero(said.may_have_granted)
    clicks = clicks[np.isin(said.student[clicks], holding)]
    _, bought_ns = least_by(said.student[clicks], said.sent_ns[clicks])
    bought_ns = np.sort(bought_ns)[: evidence.plan.event.tickets]
    return int(bought_ns[-1]) if len(bought_ns) else None
