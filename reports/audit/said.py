"""What was said: the requests of a run as arrays, for the questions that the checks ask of them.

It is made once for an audit, and every check asks it.
"""

from functools import cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import numpy as np
import pandas as pd

from dress_rehearsal.plans.hosts import is_loopback
from dress_rehearsal.records.steps import PURCHASE
from dress_rehearsal.records.tables import NS_PER_MS
from dress_rehearsal.reports.audit.claims import checked_words
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.clocks import FOREIGN_CLOCK_NS
from dress_rehearsal.reports.evidence.reconciliation import may_have_arrived
from dress_rehearsal.reports.numbers import distinct, integers, least_of, words_of

NEVER_NS = np.iinfo(np.int64).max
"""Stands for a moment that did not come."""
_TIMER_NS: Final = 10 * NS_PER_MS
"""A timer that is set for T-0 may go off so much before it, by the clock of the same machine."""
_FORWARDING: Final = frozenset({"kubectl", "oc", "ssh", "autossh", "socat"})
"""Programs that only lead to an app elsewhere, which has a clock of its own."""


def clock_ns(evidence: Evidence) -> int:
    """Return by how many ns the target's clock and the generator's may differ."""
    return evidence.clock_ns


def ahead_ns(evidence: Evidence) -> int:
    """Return by how much the target's clock may be ahead of the generator's."""
    if evidence.plan.target.ours:
        return clock_ns(evidence)
    if shares_clock(evidence):
        return _TIMER_NS
    bounds = [each.ahead_ns for each in evidence.ledger_times]
    return max(min([clock_ns(evidence), *bounds]), _TIMER_NS)


def shares_clock(evidence: Evidence) -> bool:
    """Return whether the target has the generator's own clock: it was started here, and is here."""
    target = evidence.plan.target
    if target.command is None:
        return target.ours
    here = is_loopback(urlsplit(target.url or "").hostname or "")
    return here and Path(target.command[0]).name not in _FORWARDING


class Told(NamedTuple):
    """Whole numbers that answers told; `known` says of which, the rest are 0."""

    value: Any
    known: Any


class Said:
    """The requests of a run as arrays, for the questions that the checks ask of them.

    Attributes:
        sent_ns, done_ns: -1 where unknown; done is when the answer was read where the kernel gave
            no time.
        word: the problem code, or the client's own; an empty text on success.
        reached: whether the target may have seen the request.
    """

    def __init__(self, evidence: Evidence) -> None:
        rows = evidence.requests
        self.evidence = evidence
        asked_by = rows["student"]
        self.student = integers(asked_by, missing=-1) if asked_by.hasnans else asked_by.to_numpy()
        self.sent_ns = integers(rows["sent_ns"], missing=-1)
        done = rows["done_ns"]
        done = done.fillna(rows["read_ns"]) if done.hasnans else done
        self.done_ns = integers(done, missing=-1)
        self.word = words_of(rows["error"], "")
        self.role = pd.Categorical(rows["role"])
        self.outcome = pd.Categorical(rows["outcome"])
        self.reached = may_have_arrived(rows).to_numpy(dtype=bool)
        self.answered = (rows["status"] > 0).to_numpy(dtype=bool, na_value=False)

    @property
    def device(self) -> Any:
        """Which of its student's connections each was sent by."""
        return integers(self.evidence.requests["device"])

    @property
    def seq(self) -> Any:
        """Which of its student's requests each was, from 0."""
        return integers(self.evidence.requests["seq"])

    def at(self, *roles: str) -> Any:
        """Return which requests were for one of these things (`records.steps.ROLES`)."""
        of_these = np.append(self.role.categories.isin(roles), False)  # of none, -1, the last
        return of_these[self.role.codes]

    def which(self, *words: str, roles: tuple[str, ...] = ()) -> Any:
        """Return which answers said one of these words, for one of these things if any is named.

        Words that this scenario may mean otherwise are said by none.
        """
        meant = checked_words(self.evidence.plan, self.evidence.steps)
        chosen = self.word.isin([word for word in words if word in meant]) & self.answered
        return chosen & self.at(*roles) if roles else chosen

    def told(self, column: str, part: slice = slice(None)) -> Told:
        """Return what answers told in a column of whole numbers of `records.tables.CLAIMS`.

        Args:
            part: of which requests.
        """
        rows = self.evidence.requests[column].iloc[part]
        return Told(integers(rows), rows.notna().to_numpy(dtype=bool))

    def told_words(self, column: str) -> Any:
        """Return what they told in one of words, as codes; an empty text where nothing."""
        return words_of(self.evidence.requests[column], "")

    def known(self, column: str) -> Any:
        """Return which answers told something in a column of `records.tables.CLAIMS`."""
        return self.evidence.requests[column].notna().to_numpy(dtype=bool)

    def told_by(self, column: str, which: Any) -> "pd.Series[Any]":
        """Return what some answers told in a column, as objects.

        Args:
            which: a bool array.
        """
        told: pd.Series[Any] = self.evidence.requests.loc[which, column].astype("object")
        return told

    def tickets_by(self, which: Any) -> Any:
        """Return which ticket some answers named, an empty text where none."""
        return self.told_by("told_ticket", which).fillna("").to_numpy()

    def told_flags(self, column: str) -> Any:
        """Return which told that it is so, in one of yes and no."""
        return self.evidence.requests[column].fillna(False).to_numpy(dtype=bool)

    def students(self, which: Any) -> Any:
        """Return the different students of some requests."""
        return distinct(self.student[which])

    def after_first(self, chosen: Any, which: Any, times_ns: Any) -> Any:
        """Return which of the chosen requests were sent after their student had got so far.

        Args:
            which: the requests that get a student so far.
            times_ns: of all requests, when each does.
        """
        rows = np.flatnonzero(chosen)
        first_ns = least_of(
            self.student[which], times_ns[which], self.student[rows], missing=NEVER_NS
        )
        after = np.zeros(len(chosen), dtype=bool)
        after[rows[first_ns < self.sent_ns[rows]]] = True
        return after

    def first_ns(self, which: Any, times_ns: Any) -> Any:
        """Return for each request the least of `times_ns` among its student's chosen requests.

        `NEVER_NS` where the student has none.
        """
        return least_of(self.student[which], times_ns[which], self.student, missing=NEVER_NS)

    def last_before_ns(self, which: Any) -> Any:
        """Return for each request when its student's last chosen one before it was done; 0: none.

        The requests must stand in the order of their times, as `Evidence` has them.
        """
        done = pd.Series(np.where(which, self.done_ns, 0))
        return done.groupby(self.student).cummax().to_numpy(dtype="int64")

    @cached_property
    def may_have_granted(self) -> Any:
        """Which clicks may have got their student a ticket: granted, failed or never answered."""
        return self.at(PURCHASE) & self.reached & (self.outcome != "refused")

    @cached_property
    def granting(self) -> Any:
        """Which answers ended a try to buy with a ticket, or with the promise of one."""
        told = self.evidence.promises.students
        holders = told.loc[told["acked"] | told["pending_ns"].notna(), "student"]
        ended = self.evidence.buying.ends & (self.outcome == "ok")
        return ended & np.isin(self.student, holders.to_numpy())

    def may_hold_by_then(self, chosen: Any) -> Any:
        """Return of which of some requests the student may have held a ticket when it was answered.

        Args:
            chosen: which requests, as a bool array; so is what is returned.
        """
        rows, clicks = np.flatnonzero(chosen), self.may_have_granted & ~self.evidence.buying.steps
        student, done_ns = self.student[rows], self.done_ns[rows]
        clicked_ns = least_of(self.student[clicks], self.sent_ns[clicks], student, missing=NEVER_NS)
        hold = clicked_ns < done_ns
        stores = self.evidence.stores
        holdings = stores.holdings.values()
        if holdings:
            held_ns = least_of(
                np.concatenate([each["student"].to_numpy(dtype="int64") for each in holdings]),
                np.concatenate([integers(each["granted_ns"]) for each in holdings]),
                student,
                missing=NEVER_NS - FOREIGN_CLOCK_NS,
            )
            hold |= held_ns <= done_ns + clock_ns(self.evidence)
            hold |= np.isin(student, list(stores.earlier))
        found = np.zeros(len(self.student), dtype=bool)
        found[rows[hold]] = True
        return found
