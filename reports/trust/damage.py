"""Damage: whether everything that the run recorded could be read, and could be recorded."""

from typing import Final

from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.trust.doubt import Doubt

IN_PLAIN_SIGHT: Final = frozenset(
    {
        "oversold",
        "duplicate_students",
        "wrong_owner",
        "ineligible",
        "sold_early",
        "double_entry",
    }
)
"""Counters of the audit that stores or answers show: no missing request makes one of these."""

_DAMAGED = "part of the run's record is damaged"
_FULL = "this machine had no space left to keep anything"
"""Why something may not be the target's doing, as the end of a sentence."""


def judge_damage(evidence: Evidence) -> list[Doubt]:
    """Return a doubt for each part of the record that cannot be read."""
    excuse = _DAMAGED if evidence.rows_damaged else ""
    return [Doubt(each.sentence, "damage", excuse) for each in evidence.damage]


def why_unproven(evidence: Evidence) -> str | None:
    """Return why what seems a wrong may be none: what is missing may have gone astray here.

    Returns:
        The end of a sentence; None where what was recorded is what happened.
    """
    if evidence.timeline.out_of_space:
        return _FULL
    return _DAMAGED if evidence.stories_damaged else None
