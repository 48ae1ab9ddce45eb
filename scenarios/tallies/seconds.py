"""Seconds: what arrived, was sent and ended in each whole second of the wall clock.

A rate that is made of a counter is an average over at least two scrapes, in which the busiest
second of a rush is lost; so seconds are counted where their requests are. What was sent is counted
when it has been sent, not when it is answered: at T-0 seconds lie between the two.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dress_rehearsal.records import tables
from dress_rehearsal.records.requests.latency import felt_of
from dress_rehearsal.records.steps import Steps
from dress_rehearsal.records.tables import NS_PER_S

COLUMNS: Final = (
    "intended_ns",
    "first_byte_ns",
    "done_ns",
    "step",
    "status",
    "outcome",
    "error",
)
"""What is needed of each request that ended."""
ENDS: Final = (*tables.OUTCOMES, tables.ABANDONED)
_KEPT_S: Final = 15
"""An answer that is read later than this after it came is no longer counted in its second."""


class _Second:
    """One second; `felt` holds (step, latency in ns) of requests that count in percentiles."""

    __slots__ = ("_steps", "arrivals", "ends", "felt", "sent")

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self.arrivals = self.sent = 0
        self.ends = np.zeros(len(ENDS), dtype=np.int64)
        self.felt: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []

    def document(self, at_s: int) -> dict[str, Any]:
        return {
            "at_s": at_s,
            "arrivals": self.arrivals,
            "sent": self.sent,
            "answers": dict(zip(ENDS, self.ends.tolist(), strict=True)),
            "felt_p99_s": self._felt_p99_s(),
            "roles": dict(zip(self._steps.names, self._steps.roles, strict=True)),
        }

    def _felt_p99_s(self) -> dict[str, float]:
        if not self.felt:
            return {}
        steps, felt_ns = (np.concatenate(parts) for parts in zip(*self.felt, strict=True))
        self.felt = [(steps, felt_ns)]
        names = self._steps.names
        return {
            names[step]: float(np.percentile(felt_ns[steps == step], 99, method="higher"))
            / NS_PER_S
            for step in np.unique(steps).tolist()
        }


class Seconds:
    """The last seconds, counted in batches: nothing is done for a single request.

    Args:
        steps: what the column `step` counts in.
    """

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._seconds: dict[int, _Second] = {}
        self._changed: set[int] = set()
        self._newest_s = 0
        self._untold_s: int | None = None
        """The first second that nobody has been told of."""

    def arrived(self, times_ns: Iterable[int]) -> None:
        """Count students who began."""
        for at_s, count in _by_second(np.fromiter(times_ns, dtype=np.int64)):
            self._second(at_s).arrivals += count

    def sent(self, times_ns: NDArray[np.int64]) -> None:
        """Count requests that were sent."""
        for at_s, count in _by_second(times_ns):
            self._second(at_s).sent += count

    def ended(
        self,
        rows: Mapping[str, NDArray[np.int64]],
        streams: NDArray[np.bool_],
        abandoned: NDArray[np.bool_],
    ) -> None:
        """Count requests by when they were answered, or given up.

        Args:
            rows: `COLUMNS` of `records.tables.REQUESTS`, -1 for null, words by their place.
            streams: which are event streams.
            abandoned: whose answer the student needed no more.
        """
        answered_ns, counts = felt_of(rows, streams, abandoned)
        felt_ns = answered_ns - rows["intended_ns"]
        ends = np.where(abandoned, ENDS.index(tables.ABANDONED), rows["outcome"])
        ended_s = rows["done_ns"] // NS_PER_S
        for at_s in np.unique(ended_s[rows["done_ns"] >= 0]).tolist():
            then = ended_s == at_s
            second = self._second(at_s)
            second.ends += np.bincount(ends[then], minlength=len(ENDS))
            if (felt := then & counts).any():
                second.felt.append((rows["step"][felt], felt_ns[felt]))

    def tell(self, now_ns: int) -> list[dict[str, Any]]:
        """Return the whole seconds that are over, or have changed, since this was last asked.

        Each is told once when it is over, also if nothing happened in it, and again when an answer
        that had come in it has been read since. `at_s` is the second since the Unix epoch,
        `felt_p99_s` the p99 of each step of what ended in it, by the report's rule.
        """
        now_s = now_ns // NS_PER_S
        begin_s = now_s if self._untold_s is None else max(self._untold_s, now_s - _KEPT_S)
        told = {at_s for at_s in self._changed if at_s < now_s} | set(range(begin_s, now_s))
        documents = [
            self._seconds.get(at_s, _Second(self._steps)).document(at_s) for at_s in sorted(told)
        ]
        self._changed -= told
        self._untold_s = now_s
        return documents

    def _second(self, at_s: int) -> _Second:
        """Return a second to count in; what is counted in one that is kept no more is lost."""
        if at_s > self._newest_s:
            self._newest_s = at_s
            for old in [old for old in self._seconds if old < at_s - _KEPT_S]:
                del self._seconds[old]
                self._changed.discard(old)
        elif at_s < self._newest_s - _KEPT_S:
            return _Second(self._steps)
        self._changed.add(at_s)
        return self._seconds.setdefault(at_s, _Second(self._steps))


def _by_second(times_ns: NDArray[np.int64]) -> list[tuple[int, int]]:
    seconds, counts = np.unique(times_ns // NS_PER_S, return_counts=True)
    return list(zip(seconds.tolist(), counts.tolist(), strict=True))
