"""Doubts: which numbers of a run are those of the planned rush on a quiet machine.

The verdict names its doubts as words (`Verdict.doubts`): what is wrong with the measurement, or
that the rush was cut short.
"""

from collections.abc import Sequence
from typing import Final

from dress_rehearsal.reports.directions import unit_of

_CUT: Final = "cut_short"
"""The doubt because of which nothing of a run counts."""

_DISTURBED: Final = frozenset(
    ("foreign_cpu", "steal", "cpu_limit", "late_sends", "clock_step", "ports", "damage")
)
"""Doubts about a run because of which its times do not count."""


def believed(doubts: Sequence[str], path: str) -> bool:
    """Return whether a number of a run with such doubts counts: what was counted does, even of a
    machine that was busy, unless the rush was cut short; times and rates do not."""
    return _CUT not in doubts and not (unit_of(path) and disturbances(doubts))


def disturbances(doubts: Sequence[str]) -> tuple[str, ...]:
    """Return the doubts because of which times and rates of a run do not count."""
    return tuple(word for word in doubts if word == _CUT or word in _DISTURBED)
