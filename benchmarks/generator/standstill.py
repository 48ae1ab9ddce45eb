"""A machine that stands still, as a virtual one does while it is moved: nothing measured counts."""

import threading
import time
from collections.abc import Callable
from typing import Final, Self

_TICK_S: Final = 0.1
LONGEST_S: Final = 1.5
"""Longer than this no process waits for its turn among a few."""


class Standstill:
    """Watches, in a thread of its own, for the longest time in which it was not let run.

    Args:
        clocks: what it looks at; by the one or the other a pause of the whole machine shows.
    """

    def __init__(
        self, clocks: tuple[Callable[[], float], ...] = (time.monotonic, time.time)
    ) -> None:
        self.longest_s = 0.0
        self._clocks = clocks
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._over.set()
        self._thread.join()

    @property
    def happened(self) -> bool:
        """Whether there was one."""
        return self.longest_s > LONGEST_S

    def _watch(self) -> None:
        seen = [clock() for clock in self._clocks]
        over = False
        while not over:
            over = self._over.wait(_TICK_S)
            now = [clock() for clock in self._clocks]
            passed = (after - before for before, after in zip(seen, now, strict=True))
            self.longest_s = max(self.longest_s, *passed)
            seen = now
