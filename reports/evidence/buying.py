"""Tries to buy: of a purchase in several requests only the last says whether it got a ticket.

A shop may have one reserve first and pay then. A yes to the first is a step of the purchase and no
ticket: what buying came to is what its method returned, which its last request is recorded with.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from dress_rehearsal.records.steps import PURCHASE
from dress_rehearsal.reports.numbers import integers


@dataclass(frozen=True, eq=False)
class Buying:
    """The tries to buy of a run.

    Whoever is told of a ticket, or that there is none, asks for none any more on that device. So a
    yes after which the same device asked on was a step, and a try is such steps with what followed.

    Attributes:
        number: how many requests the run has.
        rows: those to buy, as places among all, in the order in which each device sent them.
        first, last: the first and the last request of the try that each of `rows` is part of.
    """

    number: int
    rows: Any
    first: Any
    last: Any

    @cached_property
    def steps(self) -> Any:
        """Which of all requests were a yes to a step, and the try went on (bool array)."""
        return self._among_all(self.rows[self.rows != self.last])

    @cached_property
    def ends(self) -> Any:
        """Which of all requests ended a try (bool array)."""
        return self._among_all(self.rows[self.rows == self.last])

    @cached_property
    def begins(self) -> Any:
        """Which of all requests began a try (bool array)."""
        return self._among_all(self.rows[self.rows == self.first])

    def _among_all(self, places: Any) -> Any:
        found = np.zeros(self.number, dtype=bool)
        found[places] = True
        return found


def read_buying(requests: pd.DataFrame) -> Buying:
    """Return the tries to buy.

    Args:
        requests: with the columns role, student, device, seq and outcome.
    """
    rows = np.flatnonzero((requests["role"] == PURCHASE).to_numpy(dtype=bool))
    own = requests[["student", "device", "seq", "outcome"]].iloc[rows]
    student, device = integers(own["student"], missing=-1), integers(own["device"])
    order = np.lexsort((integers(own["seq"]), device, student))
    rows, student, device = rows[order], student[order], device[order]
    yes = (own["outcome"] == "ok").to_numpy(dtype=bool)[order]
    goes_on = np.zeros(len(rows), dtype=bool)
    goes_on[:-1] = yes[:-1] & (student[1:] == student[:-1]) & (device[1:] == device[:-1])
    follows = np.zeros(len(rows), dtype=bool)
    follows[1:] = goes_on[:-1]
    place = np.arange(len(rows))
    first = np.maximum.accumulate(np.where(follows, 0, place))
    beyond = np.where(goes_on, len(rows), place)
    last = np.minimum.accumulate(beyond[::-1])[::-1]
    return Buying(len(requests), rows, rows[first], rows[last])
