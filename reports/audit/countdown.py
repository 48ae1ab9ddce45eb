"""The wrongs of the page and its countdown: how long until T-0, whether it is open, what is left.

false_countdown  students told another time until T-0 than there was: the moment told, or that less
                 the target's own time against what was left while the question was under way
false_state      students told that the sale was not open once it was, open or sold out before, sold
                 out before the last ticket was clicked for, or open long after it had gone
false_remaining  students told of more tickets left than there can have been, or of fewer

Each counts students. What an answer tells was so at some moment between its question's sending and
its arrival. How many are left may besides be a while old: a service keeps that for `STATUS_AGE_NS`,
and one that is slow renews it in two turns, each as late as it answers at its slowest: while one
waits, what the one before it has read is still shown.
"""

from typing import Any, Final

import numpy as np
import pandas as pd

from dress_rehearsal.records.steps import COUNTDOWN, JOIN, PAGE, QUEUE, STREAM
from dress_rehearsal.records.tables import ABANDONED, NS_PER_S
from dress_rehearsal.reports.audit.refusals import Wrong
from dress_rehearsal.reports.audit.said import NEVER_NS, Said, clock_ns
from dress_rehearsal.reports.audit.sold_out import last_buyer_ns, stock, surely_left
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.numbers import integers
from dress_rehearsal.reports.words import counted, seconds, written

STATUS_AGE_NS: Final = NS_PER_S
"""How old a status may be that a service keeps in its workers; the reference app's is 250 ms."""

_AT_ONCE: Final = 1 << 18
"""Answers that are looked at together: what is reckoned of millions takes memory meanwhile."""

_PAGES: Final = (PAGE, COUNTDOWN)
_WITH_STATE: Final = (*_PAGES, JOIN, QUEUE)


def page_wrongs(said: Said) -> dict[str, Wrong]:
    """Return the counters of this module; those of which nothing was told are left out."""
    t0_ns = said.evidence.t0_ns
    if said.evidence.requests.empty or t0_ns is None:
        return {}
    return {
        **_countdown(said, t0_ns),
        **_state(said, t0_ns),
        **_remaining(said),
    }


def status_age_ns(said: Said) -> int:
    """Return how old what a service keeps may be: its usual age, and twice its slowest answer."""
    waited = (said.sent_ns >= 0) & (said.done_ns >= 0) & (said.role != STREAM)
    waited &= said.word != ABANDONED
    slowest_ns = 0
    for first in range(0, len(waited), _AT_ONCE):
        part = slice(first, first + _AT_ONCE)
        took_ns = said.done_ns[part] - said.sent_ns[part]
        slowest_ns = int(took_ns.max(initial=slowest_ns, where=waited[part]))
    return STATUS_AGE_NS + 2 * slowest_ns


def by_worker(said: Said, wrong: Any) -> str:
    """Return that all of some answers were one worker's, where others answered too; else ""."""
    if not wrong.any():
        return ""
    worker = said.evidence.requests["worker"].astype("object")
    liars = worker[wrong].dropna().unique()
    if len(liars) != 1 or worker[wrong].isna().any() or worker.dropna().nunique() < 2:
        return ""
    return f", each by the worker {liars[0]}"


def _countdown(said: Said, t0_ns: int) -> dict[str, Wrong]:
    timed = said.at(*_PAGES) & (said.sent_ns >= 0) & (said.done_ns >= 0)
    told = timed & said.known("told_opens_ns")
    if not told.any():
        return {}
    wrong, most_off_ns = np.zeros(len(told), dtype=bool), 0
    for first in range(0, len(told), _AT_ONCE):
        part = slice(first, first + _AT_ONCE)
        opens, now = said.told("told_opens_ns", part), said.told("told_now_ns", part)
        left_ns = opens.value - now.value
        # Between sending and arrival so much was left: from … to.
        least_ns, most_ns = t0_ns - said.done_ns[part], t0_ns - said.sent_ns[part]
        beyond_ns = np.maximum(np.maximum(left_ns - most_ns, least_ns - left_ns), 0)
        moment_ns = np.abs(opens.value - t0_ns)
        off_ns = np.maximum(moment_ns, np.where(now.known, beyond_ns, 0))
        wrong[part] = told[part] & (off_ns > clock_ns(said.evidence))
        most_off_ns = max(most_off_ns, int(off_ns[wrong[part]].max(initial=0)))
    who = said.students(wrong)
    by_s = most_off_ns / NS_PER_S
    return {
        "false_countdown": (
            len(who),
            f"Wrong countdown: {counted(len(who), 'student was', 'students were')} told another "
            f"time until the sale opens than there was, by up to {seconds(by_s)} wrong"
            f"{by_worker(said, wrong)}.",
        )
    }


def _state(said: Said, t0_ns: int) -> dict[str, Wrong]:
    state = said.told_words("told_state")
    told = said.at(*_WITH_STATE) & state.isin(("waiting", "open", "sold_out"))
    if not told.any():
        return {}
    clock = clock_ns(said.evidence)
    sent, done = said.sent_ns >= 0, said.done_ns >= 0
    closed = told & sent & (state == "waiting") & (said.sent_ns >= t0_ns + clock)
    early = told & done & (state != "waiting") & (said.done_ns < t0_ns - clock)
    # What the waiting room says of it is `false_sold_out`'s.
    gone = told & done & (state == "sold_out") & said.at(*_PAGES)
    gone &= _still_to_be_had(said, gone)
    stale_ns = _sold_by_ns(said.evidence) + status_age_ns(said)
    stale = told & sent & (state == "open") & (said.sent_ns >= stale_ns)
    wrong = closed | early | gone | stale
    who = said.students(wrong)
    parts = (
        (closed, "that it was not open yet when it was"),
        (early, "that it was open or over before it was"),
        (gone, "that all was sold when it was not"),
        (stale, "that it was open long after the last ticket had gone"),
    )
    reasons = ", ".join(
        f"{written(len(said.students(which)))} {words}" for which, words in parts if which.any()
    )
    return {
        "false_state": (
            len(who),
            f"Wrong state of the sale: {counted(len(who), 'student was', 'students were')} told "
            f"what was not so ({reasons}{by_worker(said, wrong)}).",
        )
    }


def _still_to_be_had(said: Said, told: Any) -> Any:
    """Return which of the answers that told that all is sold came while there were tickets.

    Somebody else's shop may hold places that go back, and tell what was so a while ago.
    """
    if not said.evidence.plan.target.ours:
        left = surely_left(said, age_ns=status_age_ns(said)) if told.any() else None
        return np.zeros_like(told) if left is None else left > 0
    held = stock(said.evidence)
    if held is not None and held.least_left > 0:
        return told
    return said.done_ns < (last_buyer_ns(said) or 0)


def _remaining(said: Said) -> dict[str, Wrong]:
    evidence, places = said.evidence, said.evidence.plan.event.tickets
    told = said.known("told_remaining") & (said.sent_ns >= 0) & (said.done_ns >= 0)
    in_all = said.known("told_tickets")
    if not (told.any() or in_all.any()):
        return {}
    age_ns = status_age_ns(said)
    ours = evidence.plan.target.ours  # elsewhere others may buy too
    heard_ns, clicks_ns = _heard_ns(evidence), np.sort(said.sent_ns[said.may_have_granted])
    wrong = in_all & ours
    for first in range(0, len(told), _AT_ONCE):
        part = slice(first, first + _AT_ONCE)
        wrong[part] &= said.told("told_tickets", part).value != places
        own = np.flatnonzero(told[part])
        rows, said_left = first + own, said.told("told_remaining", part).value[own]
        gone = np.searchsorted(heard_ns, said.sent_ns[rows] - age_ns, side="right")
        amiss = said_left > np.maximum(places - gone, 0)
        if ours:
            taken = np.searchsorted(clicks_ns, said.done_ns[rows], side="right")
            amiss |= said_left < np.maximum(places - taken, 0)
        wrong[rows[amiss]] = True
    who = said.students(wrong)
    return {
        "false_remaining": (
            len(who),
            f"Wrong number left: {counted(len(who), 'student was', 'students were')} told of more "
            f"or fewer tickets than there can have been{by_worker(said, wrong)}.",
        )
    }


def _heard_ns(evidence: Evidence) -> Any:
    """Return when students had heard of each ticket, ascending: it was gone by then."""
    heard = evidence.promises.tickets.dropna(subset=["ticket", "acked_ns"])
    return integers(heard.sort_values("acked_ns").drop_duplicates("ticket")["acked_ns"])


def _sold_by_ns(evidence: Evidence) -> int:
    """Return by when all tickets had gone for certain; far in the future where that is not known.

    A ticket had gone when its student heard of it, or when its row was committed.
    """
    seen = [
        (evidence.promises.tickets, "acked_ns"),
        *((holding, "committed_ns") for holding in evidence.stores.holdings.values()),
    ]
    known = [
        pd.DataFrame({"ticket": rows["ticket"].astype("object"), "by_ns": rows[column]}).dropna()
        for rows, column in seen
    ]
    every = pd.concat([each.astype({"by_ns": "int64"}) for each in known])
    gone_ns = every["by_ns"].groupby(every["ticket"].to_numpy(), sort=False).min()
    places = evidence.plan.event.tickets
    if not places or len(gone_ns) < places:
        return NEVER_NS // 2
    return int(np.partition(gone_ns.to_numpy(), places - 1)[places - 1])
