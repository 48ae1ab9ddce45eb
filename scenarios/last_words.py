"""The last words of a rush: how long each part of its end may take where workers play it.

The conductor waits for all of it together: a master that it ended earlier would leave the run
without a census.
"""

from collections.abc import Iterable
from typing import Final

LATE_S: Final = 1.0
"""What workers may be late with their end, which they know themselves."""
LAST_S: Final = 8.0
"""How long workers may take to write and send the last of what they have recorded, counted anew
whenever one of them says something."""
CAUGHT_A_STUDENT_S: Final = 1e-3
"""… and more for each student that a process still has to cut: what they were at is recorded."""
_SENT_A_STUDENT_S: Final = 4e-4
"""… and for each of all students: 40 s for 100,000."""
SPEAKING_S: Final = 16.0
"""How much longer than usual a worker that still says something is waited for, at most."""
CLOCKS_S: Final = 3.0
"""How long clocks are compared, at most."""
GONE_S: Final = 2.0
"""What workers of the master's own machine may take to end by themselves once all is said."""
_WRITTEN_S: Final = 5.0
"""What is left for all that has no time of its own, such as writing down the census."""


def last_for_students_s(students: int, workers: int) -> float:
    """Return how much longer than `LAST_S` the workers of so many students may take."""
    largest_share = -(-students // max(workers, 1))
    return CAUGHT_A_STUDENT_S * largest_share + _SENT_A_STUDENT_S * students


def awaited_until(begun_s: float, heard_s: Iterable[float], patience_s: float) -> float:
    """Return until when the last words of workers are waited for, by the same clock (s).

    Args:
        begun_s: since when they are.
        heard_s: when each that has not said its last said something.
    """
    last_s = max([begun_s, *heard_s])
    return min(last_s, begun_s + SPEAKING_S) + patience_s


def master_ends_within_s(students: int) -> float:
    """Return how long after the end of a rush its master may take until all is written down."""
    patience_s = LAST_S + last_for_students_s(students, workers=1)
    return LATE_S + SPEAKING_S + patience_s + CLOCKS_S + GONE_S + _WRITTEN_S
