"""Sold out: who was told so though there was a ticket, and how the sale stood in the end.

false_sold_out  students sent away as sold out though places were left in the end, or (unless lots
                were drawn) though somebody who clicked after that still got one

Of a target of somebody else's nobody knows how it keeps places for clicks that are under way, so
there a student was wronged only where fewer places can have been taken at that moment than there
were (`reports.audit.taken`): by those who had clicked and got a ticket, may have got one, were
still waiting or held one that they did not get in the end.
"""

from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from dress_rehearsal.records.steps import JOIN, PURCHASE, QUEUE, STREAM, TICKET
from dress_rehearsal.reports.audit.said import Said
from dress_rehearsal.reports.audit.taken import most_taken
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.stores import coded
from dress_rehearsal.reports.numbers import distinct, least_by
from dress_rehearsal.reports.words import counted, written

Wrong = tuple[int | None, str]

TELLING: Final = (PURCHASE, TICKET, JOIN, QUEUE, STREAM)
"""What is asked for by requests whose answer may tell a student that all is sold."""


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
    places = evidence.plan.event.tickets
    return Stock(places, held + stores.before_of(places), undecided)


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
    left = surely_left(said)
    if left is None:
        return None
    wrong = _told(said) & (left > 0)
    count, most = len(said.students(wrong)), written(int(left[wrong].max(initial=0)))
    places = f"{most} of {counted(evidence.plan.event.tickets, 'place')}"
    if not _counted(evidence):
        places = f"{most} of the {counted(_got(evidence), 'place')} that students got in the end"
    unsure = evidence.timeline.record_cut or evidence.timeline.rows_pending
    return count or (None if unsure else 0), (
        f"False sold out: {counted(count, 'student was', 'students were')} told that all is sold "
        f"while up to {places} cannot have been taken."
    )


def sold_out_problems(said: Said) -> tuple[str, ...]:
    """Return why it is not known whether "sold out" was true where no ledger says what was sold."""
    evidence = said.evidence
    places = evidence.plan.event.tickets
    asked = not evidence.plan.target.ours and evidence.plan.event.order != "lottery"
    if not asked or _counted(evidence) or evidence.requests.empty or evidence.clock_steps:
        return ()
    left = places - most_taken(said, said.sent_ns, said.done_ns)
    told = _told(said)
    if (told & (left > places - _got(evidence))).any():
        return ()  # the answers prove it
    count = len(said.students(told & (left > 0)))
    if not count:
        return ()
    students = counted(count, "student was", "students were")
    most = f"{written(int(left[told].max()))} of {counted(places, 'place')}"
    return (
        f'Whether "sold out" was true is not known: {students} told so while up to {most} cannot '
        f"have been taken by this rush, and no ledger says what was sold before it or to others. "
        f"Add [[ledgers]] to the plan, or set event.tickets to what is left.",
    )


def surely_left(said: Said, *, age_ns: int = 0) -> Any | None:
    """Return how many places were left for certain while each request was under way.

    Of somebody else's shop. Without a ledger, nobody knows what was sold before or to others: there
    only as many places are known of as students were told of tickets in the end.

    Args:
        age_ns: how old what was answered may be.

    Returns:
        An entry a request; None where nobody can know.
    """
    evidence = said.evidence
    unread = _counted(evidence) and not evidence.stores.complete
    if evidence.requests.empty or evidence.clock_steps or unread:
        return None  # what others took a ledger would say
    places = evidence.plan.event.tickets if _counted(evidence) else _got(evidence)
    return places - most_taken(said, said.sent_ns - age_ns, said.done_ns)


def _told(said: Said) -> Any:
    timed = (said.sent_ns >= 0) & (said.done_ns >= 0)
    return said.which("sold_out", roles=TELLING) & timed


def _counted(evidence: Evidence) -> bool:
    """Return whether any ledger says, or should have said, how many tickets were sold."""
    return "count" in evidence.stores.known


def _got(evidence: Evidence) -> int:
    """Return how many places students were told in the end that they have."""
    names = evidence.promises.tickets["ticket"]
    return min(int(names.nunique()) + int(names.isna().sum()), evidence.plan.event.tickets)


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
    early = said.which("sold_out", roles=TELLING) & (said.done_ns < last_ns)
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
