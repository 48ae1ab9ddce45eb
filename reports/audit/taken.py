"""Places taken: which tries to buy may have held a place in somebody else's shop, and how long.

Nobody knows how such a shop keeps places for clicks that are under way. So a try takes a place from
its first request's sending on, a basket's say, and until

for ever           it got a ticket, or nobody knows what became of it: never answered, or an error
                   after a step that was answered with a yes, as a basket or a reservation is
it was answered    an error to a click by itself, if the student holds no ticket in the end that no
                   other try of theirs was granted; or a refusal, by which the shop says that the
                   try is over: a card that was declined, or whatever was told after a step with a
                   yes

A click by itself that was refused with a word that says why there was nothing for that student
(`reports.audit.claims`: sold out, too early, not eligible …) held none.
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from dress_rehearsal.records.steps import OTHER
from dress_rehearsal.reports.audit.claims import CLAIMS
from dress_rehearsal.reports.audit.said import NEVER_NS, Said
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.numbers import least_by


class Takings(NamedTuple):
    """Tries that may have held a place (an entry a try).

    Attributes:
        begun_ns, until_ns: from when until when; `NEVER_NS`: for ever.
        refused: it ended with a refusal.
        given_back: the place may have gone to somebody else afterwards.
    """

    student: Any
    begun_ns: Any
    until_ns: Any
    refused: Any
    given_back: Any


def takings(said: Said) -> Takings:
    """Return the tries that may have held a place."""
    buying = said.evidence.buying
    ends = buying.rows == buying.last
    first, last = buying.first[ends], buying.last[ends]
    begun_ns, student = _begun_ns(said)[first], said.student[last]
    outcome = np.asarray(said.outcome[last], dtype=object)
    refused, several = outcome == "refused", first != last
    empty = refused & ~several & said.which(*CLAIMS)[last]
    held = _held(said.evidence)
    holds = np.isin(student, held.index)
    granted = pd.Series(student[outcome == "ok"]).value_counts()
    unexplained = held.sub(granted, fill_value=0)
    bought = np.isin(student, unexplained.index[unexplained > 0])
    at_once = ~several & (begun_ns == said.sent_ns[last])
    over = refused | ((outcome == "failed") & said.answered[last] & at_once & ~bought)
    done_ns = said.done_ns[last]
    until_ns = np.where(over & (done_ns >= begun_ns), done_ns, NEVER_NS)  # else nobody knows when
    given_back = refused | ((outcome != "ok") & ~holds)
    every = (student, begun_ns, until_ns, refused, given_back)
    may = (said.reached[last] | several) & ~empty
    return Takings(*(each[may] for each in every))


def most_taken(said: Said, since_ns: Any, by_ns: Any) -> Any:
    """Return how many places may have been taken at most in spans of time, by anybody.

    Of a student who may have one ticket, all tries take one; what was refused is counted by itself,
    so that who tries on after a pause takes none meanwhile.
    """
    tries = takings(said)
    begun_ns, until_ns = tries.begun_ns, tries.until_ns
    if said.evidence.plan.event.per_student == 1:
        kept = ~tries.refused
        who, first_ns = least_by(tries.student[kept], begun_ns[kept])
        latest = pd.Series(until_ns[kept]).groupby(tries.student[kept]).max()
        begun_ns = np.concatenate([first_ns, begun_ns[~kept]])
        until_ns = np.concatenate([latest.reindex(who).to_numpy("int64"), until_ns[~kept]])
    return _within(begun_ns, until_ns, since_ns, by_ns) + _taken_otherwise(said.evidence, tries)


def given_back(said: Said, since_ns: Any, by_ns: Any) -> Any:
    """Return how many of the places taken in spans of time may have been given back since."""
    tries = takings(said)
    began_ns, until_ns = tries.begun_ns[tries.given_back], tries.until_ns[tries.given_back]
    return _within(began_ns, until_ns, since_ns, by_ns)


def _held(evidence: Evidence) -> "pd.Series[int]":
    """Return how many tickets each holder has, in the store where it is most."""
    stores = [
        rows[["student", "ticket"]].drop_duplicates().groupby("student").size()
        for rows in evidence.stores.holdings.values()
    ]
    return pd.concat(stores).groupby(level=0).max() if stores else pd.Series(dtype="int64")


def _within(begun_ns: Any, until_ns: Any, since_ns: Any, by_ns: Any) -> Any:
    begun, over = np.sort(begun_ns), np.sort(until_ns)
    return np.searchsorted(begun, by_ns, side="right") - np.searchsorted(over, since_ns)


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


def _taken_otherwise(evidence: Evidence, tries: Takings) -> int:
    """Return how many places were taken by no try of this rush that is counted, or before it.

    People who bought otherwise, tickets beyond as many as their students' tries that are counted
    for ever (an order may be for several), and what a store that only counts has beyond all these.
    What was sold before counts only where it fits beside what was sold now: more than there are
    places were of another sale.
    """
    event, stores = evidence.plan.event, evidence.stores
    buyers = pd.Series(tries.student[tries.until_ns == NEVER_NS]).value_counts()
    if event.per_student == 1:
        buyers = buyers.clip(upper=1)
    holdings = [*stores.holdings.values()]
    others = max((int((~rows["student"].isin(buyers.index)).sum()) for rows in holdings), default=0)
    beyond = max(stores.counts.values(), default=0) - int(buyers.sum())
    more = 0
    for rows in (*holdings, evidence.promises.named):
        held = rows[["student", "ticket"]].drop_duplicates().groupby("student").size()
        more = max(more, int((held - buyers).clip(lower=0).sum()))
    return max(others, beyond, 0) + more + stores.before_of(event.tickets)
