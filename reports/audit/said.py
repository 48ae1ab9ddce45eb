"""What was said: the requests of a run as arrays, for the questions that the checks ask of them.

It is made once for an audit, and every check asks it.
"""

from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from dress_rehearsal.records.tables import NS_PER_MS, NS_PER_S, PURCHASE
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.reconciliation import may_have_arrived
from dress_rehearsal.reports.numbers import integers

OWN_CLOCK_NS: Final = NS_PER_MS
"""How far two readings of one machine's clock may be apart."""
FOREIGN_CLOCK_NS: Final = NS_PER_S
"""How far a foreign target's clock may be from the generator's."""

NEVER_NS = np.iinfo(np.int64).max
"""Stands for a moment that did not come."""


def clock_ns(evidence: Evidence) -> int:
    """Return by how many ns the target's clock and the generator's may differ."""
    return OWN_CLOCK_NS if evidence.plan.target.stage == "embedded" else FOREIGN_CLOCK_NS


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
        self.student = integers(rows["student"], missing=-1)
        self.sent_ns = integers(rows["sent_ns"], missing=-1)
        self.done_ns = integers(rows["done_ns"].fillna(rows["read_ns"]), missing=-1)
        self.device = integers(rows["device"])
        self.word = rows["error"].astype("object").fillna("").to_numpy()
        self.step = rows["step"].astype("object").to_numpy()
        self.outcome = rows["outcome"].astype("object").to_numpy()
        self.reached = may_have_arrived(rows).to_numpy(dtype=bool)
        self.answered = integers(rows["status"]) > 0

    def which(self, *words: str, steps: tuple[str, ...] = ()) -> Any:
        """Return which answers said one of these words, at one of these steps if any are named."""
        chosen = np.isin(self.word, words) & self.answered
        return chosen & np.isin(self.step, steps) if steps else chosen

    def told(self, column: str) -> Told:
        """Return what answers told in a column of whole numbers of `records.tables.CLAIMS`."""
        rows = self.evidence.requests[column]
        return Told(integers(rows), rows.notna().to_numpy(dtype=bool))

    def told_words(self, column: str) -> Any:
        """Return what they told in one of words, an empty text where nothing."""
        return self.evidence.requests[column].astype("object").fillna("").to_numpy()

    def told_flags(self, column: str) -> Any:
        """Return which told that it is so, in one of yes and no."""
        return self.evidence.requests[column].fillna(False).to_numpy(dtype=bool)

    def students(self, which: Any) -> Any:
        """Return the different students of some requests."""
        return np.unique(self.student[which])

    def first_ns(self, which: Any, times_ns: Any) -> Any:
        """Return for each request the least of `times_ns` among its student's chosen requests.

        `NEVER_NS` where the student has none.
        """
        return earliest(self.student, which, times_ns)

    def last_before_ns(self, which: Any) -> Any:
        """Return for each request when its student's last chosen one before it was done; 0: none.

        The requests must stand in the order of their times, as `Evidence` has them.
        """
        done = pd.Series(np.where(which, self.done_ns, 0))
        return done.groupby(self.student).cummax().to_numpy(dtype="int64")

    @property
    def may_have_granted(self) -> Any:
        """Which clicks may have got their student a ticket: granted, failed or never answered."""
        return (self.step == PURCHASE) & self.reached & (self.outcome != "refused")

    @property
    def may_hold_by_then(self) -> Any:
        """Whether each request's student may have held a ticket when it was answered."""
        clicked_ns = self.first_ns(self.may_have_granted, self.sent_ns)
        holdings = self.evidence.stores.holdings.values()
        rows = pd.concat([each[["student", "granted_ns"]] for each in holdings])
        granted_ns = rows["granted_ns"].fillna(0).groupby(rows["student"]).min()
        held_ns = integers(granted_ns.reindex(self.student), missing=NEVER_NS - FOREIGN_CLOCK_NS)
        by_then_ns = self.done_ns + clock_ns(self.evidence)
        return (clicked_ns < self.done_ns) | (held_ns <= by_then_ns)


def earliest(keys: Any, which: Any, times_ns: Any) -> Any:
    """Return for each place the least time among the chosen ones of its key, else `NEVER_NS`."""
    first = pd.Series(times_ns[which], dtype="Int64").groupby(keys[which]).min()
    return integers(first.reindex(keys), missing=NEVER_NS)
