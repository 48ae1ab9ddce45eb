"""Doubts: which numbers of a run are those of the planned rush on a quiet machine.

The verdict names its doubts as words (`Verdict.doubts`): what is wrong with the measurement, or
that the rush was not the planned one.
"""

from collections.abc import Sequence
from typing import Final

from dress_rehearsal.reports.trust.doubt import UNCOUNTED

_CUT: Final = "cut_short"
"""The doubt because of which nothing of a run counts."""

_DISTURBED: Final = frozenset(
    (
        *("foreign_cpu", UNCOUNTED, "steal", "cpu_limit", "late_sends", "clock_step"),
        *("clocks_apart", "ports", "damage", "smaller_rush", "undone_fault"),
    )
)
"""Doubts about a run because of which only what is nobody else's doing counts."""


def believed(doubts: Sequence[str], path: str) -> bool:
    """Return whether a number of a run with such doubts counts: nothing does where the rush was cut
    short, and where it was disturbed, only what nothing else can have done."""
    return _CUT not in doubts and not (may_be_others_doing(path) and disturbances(doubts))


def disturbances(doubts: Sequence[str]) -> tuple[str, ...]:
    """Return the doubts because of which most numbers of a run do not count."""
    return tuple(word for word in doubts if word == _CUT or word in _DISTURBED)


def may_be_others_doing(path: str) -> bool:
    """Return whether a number suffers from what else goes on on the machine.

    A wrong or a leak is nobody else's, and the measurement's own numbers are about the machine.
    """
    table, _, field = path.rpartition(".")
    return field == "settle_ms" or (table not in ("audit", "generator") and field != "leaked")
