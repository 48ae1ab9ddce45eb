"""Whether the times in a ledger of somebody else's can be when its tickets were granted.

Nobody is granted a ticket before the click that got it. Where most rows say so, the ledger's clock
is another than the generator's, or its column means something else: then nothing is judged by it.
A row that is dated after its student was told was written later than that, or by a clock ahead.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from dress_rehearsal.records.steps import OTHER, PURCHASE
from dress_rehearsal.records.tables import NS_PER_MS, NS_PER_S
from dress_rehearsal.reports.evidence.clocks import FOREIGN_CLOCK_NS
from dress_rehearsal.reports.evidence.promises import Promises
from dress_rehearsal.reports.evidence.stores import Stores
from dress_rehearsal.reports.numbers import integers, least_of, rounded
from dress_rehearsal.reports.words import counted, seconds, written

_UNITS_NS: Final = (60 * NS_PER_S, NS_PER_S, NS_PER_MS)
_NEVER_NS: Final = np.iinfo(np.int64).max
_ENOUGH: Final = 20
"""Of so many rows, how far a clock may be off is measured."""
_MANY: Final = 0.5
"""From this share of the rows on it is the ledger, and no single ticket."""


@dataclass(frozen=True, slots=True)
class LedgerTimes:
    """What one ledger's times came to, of the tickets that students were told of.

    Attributes:
        rows: how many have a time, and a click that got them.
        before_ns: by how much each of those lies before its student's first click that does.
        after_ns: by how much each of those lies after its student was told that does.
        impossible: of the store's rows, which lie before that click.
        ahead_ns: by how much its clock may be ahead at most: nothing is granted before its click,
            so rows that were granted fast show it.
        behind_ns: by how much it may be behind at most: rows lie before their student was told.
    """

    store: str
    rows: int
    before_ns: Any
    after_ns: Any
    impossible: Any
    ahead_ns: int = FOREIGN_CLOCK_NS
    behind_ns: int = FOREIGN_CLOCK_NS

    @property
    def behind(self) -> bool:
        """Whether its clock is behind, or its times are of something else."""
        return self._many(self.before_ns)

    @property
    def possible(self) -> Any:
        """Which of the store's rows can be when tickets were granted (bool array)."""
        return ~self.impossible & (not self.behind)

    @property
    def trusted(self) -> bool:
        """Whether tickets were granted when it says so, as far as can be known."""
        return not (self.behind or self._many(self.after_ns))

    def _many(self, which: Any) -> bool:
        return len(which) > 0 and len(which) >= _MANY * self.rows


def coarseness_ns(times_ns: "pd.Series[Any]") -> int:
    """Return the unit that times are kept in: one cut to the minute may be late by as much."""
    known = integers(times_ns.dropna())
    return next((unit for unit in _UNITS_NS if len(known) and not (known % unit).any()), 0)


def read_ledger_times(
    stores: Stores, promises: Promises, requests: pd.DataFrame
) -> tuple[LedgerTimes, ...]:
    """Return what the times of each store came to that names owners and times."""
    if not {"owners", "times"} <= stores.known:
        return ()
    told = promises.students
    told = told[told["acked"] & told["acked_ns"].notna()]
    trying = requests["role"].isin([PURCHASE, OTHER]) & requests["sent_ns"].notna()
    clicks = requests[trying.to_numpy(dtype=bool)]
    found = []
    for store, rows in stores.holdings.items():
        student, granted_ns = rows["student"].to_numpy("int64"), rows["granted_ns"]
        first_ns = least_of(
            integers(clicks["student"]), integers(clicks["sent_ns"]), student, missing=_NEVER_NS
        )
        told_ns = least_of(
            integers(told["student"]), integers(told["acked_ns"]), student, missing=_NEVER_NS
        )
        known = granted_ns.notna().to_numpy(dtype=bool) & (told_ns < _NEVER_NS)
        known &= first_ns < _NEVER_NS
        at_ns = integers(granted_ns)
        early_ns = np.where(known, first_ns - at_ns - coarseness_ns(granted_ns), 0)
        late_ns = np.where(known & _first_told(rows, told), at_ns - told_ns, 0)
        impossible = early_ns > FOREIGN_CLOCK_NS
        found.append(
            LedgerTimes(
                store,
                int(known.sum()),
                early_ns[impossible],
                late_ns[late_ns > FOREIGN_CLOCK_NS],
                impossible,
                _bound_ns(coarseness_ns(granted_ns) + at_ns[known] - first_ns[known], 5),
                _bound_ns(told_ns[known] - at_ns[known], 95),
            )
        )
    return tuple(found)


def _bound_ns(apart_ns: Any, percent: int) -> int:
    """Return how far a clock may be off by most of some rows, each of which bounds it."""
    if len(apart_ns) < _ENOUGH:
        return FOREIGN_CLOCK_NS
    return int(np.clip(np.percentile(apart_ns, percent), 0, FOREIGN_CLOCK_NS))


def _first_told(rows: pd.DataFrame, told: pd.DataFrame) -> Any:
    """Return for each row whether it is what its student was told of first (bool array).

    When they were told of a further ticket is not recorded.
    """
    first = rows["student"].map(told.set_index("student")["ticket"])
    return (first.isna() | (first == rows["ticket"])).to_numpy(dtype=bool)


def time_problems(times: tuple[LedgerTimes, ...]) -> Iterator[str]:
    """Yield a sentence for each ledger whose times cannot be when tickets were granted."""
    for each in times:
        if len(each.before_ns):
            by_s = rounded(float(np.median(each.before_ns)) / NS_PER_S, 1)
            why = (
                "Its clock is another than the generator's, or the column says something else: set "
                "the clock, name another column, or leave it out."
                if each.behind
                else "They were granted to somebody who had not asked yet, or by a clock that is "
                "behind."
            )
            yield (
                f"In {each.store}, {written(len(each.before_ns))} of {written(each.rows)} times "
                f"lie before the click that got the ticket, in the median by {seconds(by_s)}, so "
                f"whether tickets were sold early is not known. {why}"
            )


def time_notes(times: tuple[LedgerTimes, ...]) -> Iterator[str]:
    """Yield a sentence for each ledger with rows dated after their students had been told."""
    for each in times:
        if len(each.after_ns):
            by_s = rounded(float(each.after_ns.max()) / NS_PER_S, 1)
            yield (
                f"In {each.store}, {counted(len(each.after_ns), 'ticket is', 'tickets are')} dated "
                f"after the student was told of it, by up to {seconds(by_s)}: written only then, "
                f"so that a crash in between would lose it, or by a clock that is ahead."
            )
