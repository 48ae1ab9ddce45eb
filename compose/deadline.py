"""By when a stage has to be ready: later by as long as it had no processor, whoever had them.

What is slow because others take the processors is not stuck. What is late by itself is given up.
"""

import time
from collections.abc import Callable, Iterable
from typing import Final

from dress_rehearsal.records.collectors.processes import longest_cpu_wait_s

KEPT_FROM_RUNNING: Final = 3
"""How many times the time for all waiting is waited for longer, at most: whoever computes without
an end waits for a processor again and again."""
_LOOK_S: Final = 0.5
"""How often it is looked whether who is awaited had a processor: each look asks every process of
the machine, and takes from them what they are short of."""

Pids = Callable[[], Iterable[int]]


class Deadline:
    """The time that all waiting together may take, counted from when it is made.

    Args:
        within_s: that time, in seconds.
        everybody: tells all that may be awaited, now; by default nobody is.
    """

    def __init__(self, within_s: float, everybody: Pids = tuple) -> None:
        self.within_s = within_s
        self._everybody = everybody
        self.restart()

    def restart(self) -> None:
        """Count the time from now again."""
        self.at_s = time.monotonic() + self.within_s
        self.kept_s = 0.0
        """For how long those who were awaited so far had no processor: it is later by that."""
        self._before_s = {pid: _waited_s(pid) for pid in self._everybody()}
        """How long each had waited for a processor when that began to count."""

    def kept_from_running_s(self, pids: Iterable[int]) -> float:
        """Return how long somebody was ready to run, had no processor, and was not waited for
        longer yet."""
        longest_s = max((_waited_s(pid) - self._before_s.get(pid, 0.0) for pid in pids), default=0)
        return min(max(longest_s, 0.0), KEPT_FROM_RUNNING * self.within_s - self.kept_s)

    def put_off(self, kept_s: float, pids: Iterable[int]) -> None:
        """Have it later by what those who were awaited had no processor for.

        Others who had none at the same time were waited for longer by it too: it does not count for
        them once more.
        """
        self.kept_s += kept_s
        known_s = {pid: _waited_s(pid) for pid in (*pids, *self._everybody())}
        self._before_s = {
            pid: min(waited_s, self._before_s.get(pid, 0.0) + kept_s)
            for pid, waited_s in known_s.items()
        }


class Wait:
    """One wait of those that share a deadline.

    Args:
        deadline: theirs.
        awaited: tells whose readiness is waited for, and all that work for it.
    """

    def __init__(self, deadline: Deadline, awaited: Pids) -> None:
        self._deadline, self._awaited = deadline, awaited
        self._by_s, self._kept_s = deadline.at_s + deadline.kept_s, 0.0
        self._look_at_s = min(time.monotonic() + _LOOK_S, self._by_s)
        self._is_short = True

    @property
    def had_s(self) -> float:
        """How long all waiting together could take by now."""
        return self._deadline.within_s + self._deadline.kept_s + self._kept_s

    def is_over(self) -> bool:
        """Return whether there is no time left."""
        now_s = time.monotonic()
        if now_s < self._look_at_s:
            return False
        self._look()
        next_s = now_s + _LOOK_S
        self._look_at_s = min(next_s, self._by_s) if now_s < self._by_s else next_s
        return now_s >= self._by_s + self._kept_s

    def end(self) -> None:
        """Leave to those who are awaited next what this one's was kept from running.

        Nobody looks where it was over before it was looked for the first time.
        """
        if self._is_short:
            return
        self._look()
        if self._kept_s:
            self._deadline.put_off(self._kept_s, self._awaited())

    def _look(self) -> None:
        # Of one that has ended nothing is known any more.
        self._is_short = False
        kept_s = self._deadline.kept_from_running_s(self._awaited())
        self._kept_s = max(self._kept_s, kept_s)


def _waited_s(pid: int) -> float:
    return longest_cpu_wait_s(pid) or 0.0
