"""What several generator processes tell, as one: for whoever watches the rush as a whole."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

from dress_rehearsal.records.tables import NS_PER_S

Line = dict[str, Any]
"""A line that a generator says."""

_SUMS: Final = ("in_flight", "connections", "requests", "unwritten_rows")
_WORST: Final = ("loop_lag_s", "late_p99_s", "felt_p99_ms", "good_p99_ms")
_WAITED_NS: Final = NS_PER_S // 4
"""After so long nobody waits any more for a process that is silent."""


class Generators:
    """Keeps what each process told last.

    Args:
        number: how many there are.
    """

    def __init__(self, number: int = 1) -> None:
        self._number = number
        self._last: dict[str, Line] = {}
        self._new: set[str] = set()
        self._told_ns = 0

    def together(self, status: Line) -> Line | None:
        """Return the sum of what all told last, None while some have yet to tell anew.

        Counts are added up. Of percentiles and delays it is the worst process's, which that of all
        is no more than.
        """
        self._last[status["generator"]] = status
        self._new.add(status["generator"])
        if len(self._last) < self._number:
            return None
        if self._new < self._last.keys() and status["t_ns"] - self._told_ns < _WAITED_NS:
            return None
        self._new.clear()
        self._told_ns = status["t_ns"]
        lines = list(self._last.values())
        if len(lines) == 1:
            return status
        return {
            **status,
            **{name: _sum(line[name] for line in lines) for name in _SUMS},
            **{name: _worst(line[name] for line in lines) for name in _WORST},
            **{name: _added(line[name] for line in lines) for name in ("students", "outcomes")},
        }

    @property
    def on_the_way(self) -> int:
        """Students who were in the middle of their story when they were last told of."""
        return sum(line["students"]["in_flight"] for line in self._last.values())


def _sum(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _worst(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _added(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return dict(total)
