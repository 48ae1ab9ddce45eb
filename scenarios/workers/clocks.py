"""How far the clocks of workers are from the master's, and how far they run apart.

Students click by the former, and T-0 is by the latter. Clocks are compared before a rush and at its
end; what lies between the two is by how much one runs faster.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

import gevent
from gevent.event import Event

from dress_rehearsal.records.tables import NS_PER_MS, NS_PER_S
from dress_rehearsal.scenarios.last_words import CLOCKS_S

_LEAST: Final = 8
_MOST: Final = 24
_EXACT_MS: Final = 2.0
"""Once all are known as exactly as this, nobody is asked any more."""
_ANSWER_S: Final = 0.25
_PAUSE_S: Final = 0.01
_PPM: Final = 1e6


class ClockApart(NamedTuple):
    """How far a clock is ahead of the master's (negative: behind), in ms, and how exact that is."""

    offset_ms: float
    within_ms: float
    """The true value is at most so far from it: half of what asking and answering took."""
    at_ns: int
    """When that was, by the master's clock that nobody sets."""


class Skew(NamedTuple):
    """By how much faster a clock runs than the master's (negative: slower), in millionths."""

    ppm: float
    within_ppm: float


def skew_of(before: ClockApart, after: ClockApart) -> Skew:
    """Return how far a clock ran apart between two comparisons."""
    passed_ms = max(after.at_ns - before.at_ns, 1) / NS_PER_MS
    within = (before.within_ms + after.within_ms) / passed_ms
    return Skew((after.offset_ms - before.offset_ms) / passed_ms * _PPM, within * _PPM)


class Clocks:
    """Asks workers what time it is, and how long the answer took tells how exact it can be.

    Of several answers the quickest counts.

    Args:
        ask: sends a worker the question, which its answer holds again.
    """

    def __init__(self, ask: Callable[[str, dict[str, int]], None]) -> None:
        self._ask = ask
        self._found: dict[str, ClockApart] = {}
        self._answered: set[str] = set()
        self._all_answered = Event()
        self._asked: frozenset[str] = frozenset()

    def compare(self, workers: Iterable[str]) -> dict[str, ClockApart]:
        """Return what each worker's clock came to; one that does not answer is left out.

        Takes some tenths of a second, and 3 s where somebody does not answer or is slow to.
        """
        self._asked, self._found = frozenset(workers), {}
        deadline_s, times = time.monotonic() + CLOCKS_S, 0
        while self._asked and (times < _LEAST or not self._exact):
            if times >= _MOST or time.monotonic() > deadline_s:
                break
            times += 1
            self._answered.clear()
            self._all_answered.clear()
            for worker in self._asked:
                # The wall clock may be set meanwhile; how long the answer took is by the other.
                self._ask(worker, {"asked_ns": time.time_ns(), "since_ns": time.monotonic_ns()})
            self._all_answered.wait(_ANSWER_S)
            gevent.sleep(_PAUSE_S)
        self._asked = frozenset()
        return self._found

    @property
    def _exact(self) -> bool:
        return self._found.keys() >= self._asked and all(
            each.within_ms <= _EXACT_MS for each in self._found.values()
        )

    def take(self, worker: str, answer: Mapping[str, Any]) -> None:
        """Take in a worker's answer."""
        now_ns = time.monotonic_ns()
        took_ns = now_ns - int(answer["since_ns"])
        if worker not in self._asked or not 0 <= took_ns < CLOCKS_S * NS_PER_S:
            return
        offset_ns = int(answer["now_ns"]) - int(answer["asked_ns"]) - took_ns / 2
        apart = ClockApart(offset_ns / NS_PER_MS, took_ns / 2 / NS_PER_MS, now_ns)
        best = self._found.get(worker, apart)
        self._found[worker] = min(best, apart, key=lambda each: each.within_ms)
        self._answered.add(worker)
        if self._answered >= self._asked:
            self._all_answered.set()


def now(question: Mapping[str, Any]) -> dict[str, Any]:
    """Return a worker's answer to the master's question."""
    return {**question, "now_ns": time.time_ns()}
