"""Recent: how late requests were sent, and how long answers took, since the last status."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dress_rehearsal.records import tables
from dress_rehearsal.records.tables import NS_PER_S

_ANSWERED_WELL = tuple(map(tables.OUTCOMES.index, ("ok", "refused")))


@dataclass(slots=True)
class Recent:
    """Taken in by batches, and taken out once."""

    _late_ns: list[NDArray[np.int64]] = field(default_factory=list)
    ended_ns: tuple[list[NDArray[np.int64]], list[NDArray[np.int64]]] = field(
        default_factory=lambda: ([], [])
    )
    """What was felt of requests that have ended, and of those that were answered well."""

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
        felt, good = self.ended_ns
        felt.append(felt_ns[waited])
        good.append(felt_ns[waited & np.isin(rows["outcome"], _ANSWERED_WELL)])

    def percentiles_s(self) -> tuple[float | None, float | None, float | None]:
        """Take out the 99th percentiles in seconds: of lateness, of what was felt, of what was felt
        of requests that were answered well; None where there was none."""
        late, felt, good = map(_p99_s, (self._late_ns, *self.ended_ns))
        self._late_ns, self.ended_ns = [], ([], [])
        return late, felt, good


def _p99_s(parts: list[NDArray[np.int64]]) -> float | None:
    values = np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)
    return float(np.percentile(values, 99)) / NS_PER_S if len(values) else None
