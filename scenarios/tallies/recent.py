"""Recent: how late requests were sent, and how long answers took, since the last status."""

from collections import deque
from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dress_rehearsal.records import tables
from dress_rehearsal.records.tables import NS_PER_S

_ANSWERED_WELL = tuple(map(tables.OUTCOMES.index, ("ok", "refused")))
_MOST_BATCHES: Final = 60
"""One comes with each hand-over, about once a second: where nobody asks for a status, as under
Locust's own command, only those of the last minute are kept."""


class Recent:
    """Taken in by batches, and taken out once."""

    __slots__ = ("_late_ns", "felt_ns", "good_ns")

    def __init__(self) -> None:
        self._late_ns: deque[NDArray[np.int64]] = deque(maxlen=_MOST_BATCHES)
        self.felt_ns: deque[NDArray[np.int64]] = deque(maxlen=_MOST_BATCHES)
        """What was felt of requests that have ended."""
        self.good_ns: deque[NDArray[np.int64]] = deque(maxlen=_MOST_BATCHES)
        """… of those that were answered well."""

    def sent(self, late_ns: NDArray[np.int64]) -> None:
        """Take in `sent - intended` of requests that have been sent."""
        self._late_ns.append(late_ns)

    def ended(self, rows: Mapping[str, NDArray[np.int64]], waited: NDArray[np.bool_]) -> None:
        """Take in requests that have ended.

        Args:
            rows: `intended_ns`, `done_ns` and `outcome` of `records.tables.REQUESTS`, -1 for null.
            waited: for which of them a student has waited to the end.
        """
        waited = waited & (rows["done_ns"] >= 0)
        felt_ns = rows["done_ns"] - rows["intended_ns"]
        self.felt_ns.append(felt_ns[waited])
        self.good_ns.append(felt_ns[waited & np.isin(rows["outcome"], _ANSWERED_WELL)])

    def percentiles_s(self) -> tuple[float | None, float | None, float | None]:
        """Take out the 99th percentiles in seconds: of lateness, of what was felt, of what was felt
        of requests that were answered well; None where there was none."""
        return _taken_p99_s(self._late_ns), _taken_p99_s(self.felt_ns), _taken_p99_s(self.good_ns)


def _taken_p99_s(parts: deque[NDArray[np.int64]]) -> float | None:
    values = np.concatenate(tuple(parts)) if parts else np.empty(0, dtype=np.int64)
    parts.clear()
    return float(np.percentile(values, 99)) / NS_PER_S if len(values) else None
