"""Who was there while tickets were left, and how long it took them to ask for one.

Whoever came after the last ticket had gone missed it by the plan. Whoever came before may have been
kept from clicking: by a page that hung, a login that failed, or a generator that sent late. What of
that time are pauses that the plan itself has them make (typing) is on record too: they lie between
an answer and the next request.
"""

from typing import Any, Final, NamedTuple

import numpy as np

from dress_rehearsal.records.steps import JOIN, LOGIN, PAGE
from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.reports.cause.slowest import SLOW_MS
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.numbers import integers, least_of, rounded
from dress_rehearsal.reports.students.suffered import NEVER_NS, Crowd
from dress_rehearsal.reports.words import counted, offset, seconds, written

_LATE: Final = "late"
_OUTSIDER: Final = "outsider"
_SLOW_S: Final = SLOW_MS / 1_000
"""What takes less, beyond the plan's own pauses, is no delay: as of a request in `cause`."""


class Way(NamedTuple):
    """How each student of a crowd came to ask for a ticket (s; NaN: not known, or never).

    Attributes:
        came_s: when the late came, and when all others first asked to log in, from zero.
        took_s: from then until they first asked to buy, or to join the line.
        pauses_s: what of that the plan has them pause, or wait for T-0.
        ready_s: when the last answer had come that they needed before, from zero.
    """

    came_s: Any
    took_s: Any
    pauses_s: Any
    ready_s: Any


def held_up_words(evidence: Evidence, crowd: Crowd, own: Any, sold_out_s: float) -> str:
    """Return how many of some students were kept from asking in time, as a clause, or that it is no
    wrong that they got no ticket.

    In time is who would have been among as many as there were tickets, had everybody's pages and
    logins been answered at once: in a crowd that is held up as a whole the last ticket goes late,
    and others would have had it long before.

    Args:
        own: who they are (a bool a student of the crowd), who the plan has come or log in late.
        sold_out_s: when the last ticket went.
    """
    way = way_of(evidence, crowd)
    without = own & (crowd.outcome != "ticket")
    usual_s = float(np.median(known)) if len(known := _known(way.pauses_s[without])) else 0.0
    pauses_s = np.where(np.isnan(way.pauses_s), usual_s, way.pauses_s)
    slow = np.isnan(way.took_s) | (way.took_s - pauses_s >= _SLOW_S)
    kept = without & slow & (way.came_s < sold_out_s)
    if not kept.any():
        return ", so this is no wrong"
    unhindered_s = _unhindered_s(way, pauses_s)
    tickets = int((crowd.outcome == "ticket").sum())
    may_buy = np.sort(_known(unhindered_s[crowd.journey != _OUTSIDER]))
    in_time_s = float(may_buy[min(tickets, len(may_buy)) - 1])
    others = f"{counted(tickets, 'student')} who may buy would have asked by {_at(in_time_s)}"
    held = kept & (unhindered_s <= in_time_s)
    number, everybody = int(held.sum()), int(without.sum())
    if not number:
        return (
            f", and had pages and logins been answered at once they would have come too late as "
            f"well ({others}), so this is no wrong"
        )
    words = [
        f", but {written(number)} of them would have been in time had pages and logins been "
        f"answered at once ({others})"
    ]
    if len(took_s := _known(way.took_s[held])):
        joins = bool((evidence.requests["role"] == JOIN).any())
        to = "joining the line" if joins else "a first click"
        late = bool((crowd.journey == _LATE)[held].all())
        since = "coming" if late else "coming or asking to log in"
        took, paused = (
            seconds(rounded(float(np.median(values)), 1)) for values in (took_s, pauses_s[held])
        )
        words.append(f": from {since} to {to} it took them {took} in the median")
        words.append(f", {paused} of it by the plan" if pauses_s[held].any() else "")
    if never := int(np.isnan(way.took_s[held]).sum()):
        words.append(f", and {written(never)} of them never got that far")
    if number < everybody:
        words.append(f". For the other {written(everybody - number)} it is no wrong")
    return "".join(words)


def _unhindered_s(way: Way, pauses_s: Any) -> Any:
    """Return when each would have asked had pages and logins been answered at once (s from zero):
    as they did where all of that had come by T-0, for which they then waited."""
    asked_s = way.came_s + way.took_s
    at_once_s = np.maximum(way.came_s + pauses_s, 0.0)
    return np.where(way.ready_s <= 0, asked_s, np.fmin(asked_s, at_once_s))


def _at(value_s: float) -> str:
    return offset(round(value_s, 2))


def way_of(evidence: Evidence, crowd: Crowd) -> Way:
    """Return how each student came to ask for a ticket."""
    rows, zero_ns = evidence.requests, evidence.timeline.zero_ns
    student = integers(rows["student"], missing=-1)
    meant_ns = integers(rows["intended_ns"], missing=NEVER_NS)
    over_ns = integers(rows["done_ns"].fillna(rows["read_ns"]), missing=NEVER_NS)

    def first_ns(role: str) -> Any:
        which = (rows["role"] == role).to_numpy(dtype=bool) & (meant_ns < NEVER_NS)
        return least_of(student[which], meant_ns[which], crowd.student, missing=NEVER_NS)

    def answered_ns(role: str, before_ns: Any) -> Any:
        """Return when the last answer came that each had got by then; -1: none."""
        places = np.minimum(np.searchsorted(crowd.student, student), len(crowd.student) - 1)
        which = (rows["role"] == role).to_numpy(dtype=bool) & (crowd.student[places] == student)
        which &= over_ns <= before_ns[places]
        last = np.full(len(crowd.student), -1, dtype=np.int64)
        np.maximum.at(last, places[which], over_ns[which])
        return last

    login_ns = first_ns(LOGIN)
    clicked_ns = np.where(
        np.isnan(crowd.clicked_s),
        NEVER_NS,
        zero_ns + (np.nan_to_num(crowd.clicked_s) * NS_PER_S).astype(np.int64),
    )
    asked_ns = np.minimum(first_ns(JOIN), clicked_ns)
    late = crowd.journey == _LATE
    came_ns = np.where(late | (login_ns == NEVER_NS), crowd.arrival_ns, login_ns)
    typed_ns = np.minimum(login_ns, asked_ns)  # the first thing done once the page was there
    page_ns = np.maximum(answered_ns(PAGE, typed_ns), came_ns)
    before_login_ns = np.where(late, typed_ns - page_ns, 0)
    logged_in_ns = np.maximum(answered_ns(LOGIN, asked_ns), login_ns)
    after_ns = np.where(login_ns < asked_ns, asked_ns - logged_in_ns, 0)
    ready_ns = np.where(login_ns < asked_ns, logged_in_ns, page_ns)
    asked = asked_ns < NEVER_NS
    return Way(
        np.where(came_ns < NEVER_NS, (came_ns - zero_ns) / NS_PER_S, np.nan),
        np.where(asked, (asked_ns - came_ns) / NS_PER_S, np.nan),
        np.where(asked, (before_login_ns + after_ns) / NS_PER_S, np.nan),
        np.where(asked, (ready_ns - zero_ns) / NS_PER_S, np.nan),
    )


def _known(values: Any) -> Any:
    return values[~np.isnan(values)]
