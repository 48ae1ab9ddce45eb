"""Counters of somebody else's app, each followed by itself: what falls has begun anew, at 0.

Series are added up afterwards, as by `sum(increase(…))`: of a sum nobody can tell any more that one
part of it began anew, or went with the process whose it was. So each series is made to grow on and
on here, and one that is there no more keeps what it had come to.

A process says by `process_start_time_seconds` which one it is. Its series are its own, so that
several processes that answer at one address in turn are not taken for one that begins anew.
"""

import math
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from dress_rehearsal.records.collectors.exposition import Exposed

STARTED: Final = "process_start_time_seconds"
"""When a process began (Unix seconds), as most client libraries tell of themselves."""

_MOST_SERIES: Final = 20_000
"""Followed of one address; what comes on top is taken as it is."""

Key = tuple[float, str, tuple[tuple[str, str], ...]]
"""The process that a series is of, its name and its labels."""


@dataclass(slots=True)
class _Series:
    labels: dict[str, str]
    total: float
    """What it has come to, were it never begun anew."""
    last: float


class Counters:
    """Follows the counters of one address from reading to reading.

    Args:
        names: of the counters; other samples are handed on as they are.
    """

    def __init__(self, names: Collection[str]) -> None:
        self._names = frozenset(names)
        self._series: dict[Key, _Series] = {}
        self._processes: set[float] = set()
        self._heard_s: float | None = None
        self.restarts = 0
        """In how many readings counters had begun anew, without another process to explain it."""
        self._fell = False

    def read(self, samples: Iterable[Exposed], now_s: float) -> list[Exposed]:
        """Return the samples of a reading, with each counter as if it had never begun anew.

        Counters that were there before and are not any more are among them.

        Args:
            now_s: when it was read, Unix seconds.
        """
        samples = list(samples)
        told = [each.value for each in samples if each.name == STARTED]
        process = told[0] if len(told) == 1 and math.isfinite(told[0]) else 0.0
        older = self._heard_s is not None and 0.0 < process <= self._heard_s
        # What a process had counted before it was first heard of is not known to be of this run.
        before = self._heard_s is None or (older and process not in self._processes)
        others, self._fell = [], False
        for sample in samples:
            counts = sample.name in self._names and math.isfinite(sample.value)
            if not counts or not self._follow(process, sample, before=before):
                others.append(sample)
        self.restarts += self._fell
        if self._heard_s is None:
            self._heard_s = now_s
        self._processes.add(process)
        return [*others, *self._followed()]

    def _follow(self, process: float, sample: Exposed, *, before: bool) -> bool:
        """Take in a counter's value; return whether there is room to follow it."""
        key = process, sample.name, tuple(sorted(sample.labels.items()))
        series = self._series.get(key)
        if series is None:
            if len(self._series) >= _MOST_SERIES:
                return False
            first = self._heard_s is None
            total = sample.value if first or not before else 0.0
            self._series[key] = _Series(sample.labels, total, sample.value)
            return True
        fell = sample.value < series.last
        series.total += sample.value if fell else sample.value - series.last
        series.last = sample.value
        self._fell = self._fell or fell
        return True

    def _followed(self) -> Iterator[Exposed]:
        for (_, name, _), series in self._series.items():
            yield Exposed(name, series.labels, series.total)
