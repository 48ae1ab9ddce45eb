"""The wall clock beside the monotonic one: how far they have come apart, which only a step does.

Both are slewed alike, so between two readings they differ by no more than reading them takes: a
change is the wall clock having been set, or the machine having slept.
"""

import time
from collections.abc import Callable
from typing import Final

from dress_rehearsal.records.tables import NS_PER_S

STEP_S: Final = 0.05
"""From what change on between two readings the wall clock was set."""
_TRIES: Final = 8
_GOOD_NS: Final = 100_000
_USABLE_NS: Final = 10_000_000


class ClockOffset:
    """Wall clock less monotonic clock, counted from when this was made.

    Args:
        wall_ns, monotonic_ns: the two clocks.
    """

    def __init__(
        self,
        wall_ns: Callable[[], int] = time.time_ns,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._wall_ns = wall_ns
        self._monotonic_ns = monotonic_ns
        self._first_ns: int | None = None

    def seconds(self) -> float | None:
        """Return the offset; None when this process was held up amid reading, each time.

        The wall clock is read between two readings of the other, again and again until those lie
        close together: a process that has to wait for its turn just then would tell of a step.
        """
        narrowest_ns, offset_ns = _USABLE_NS, None
        for _ in range(_TRIES):
            before_ns = self._monotonic_ns()
            wall_ns = self._wall_ns()
            width_ns = self._monotonic_ns() - before_ns
            if width_ns < narrowest_ns:
                narrowest_ns, offset_ns = width_ns, wall_ns - before_ns - width_ns // 2
            if width_ns <= _GOOD_NS:
                break
        if offset_ns is None:
            return None
        if self._first_ns is None:
            self._first_ns = offset_ns
        return (offset_ns - self._first_ns) / NS_PER_S
