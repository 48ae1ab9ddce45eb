"""Whether somebody's own scenario did what it was to: its defects are not the target's."""

import re
from collections import Counter
from typing import Final

from dress_rehearsal.records.tables import SCENARIO_TROUBLES
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.trust.doubt import Doubt
from dress_rehearsal.reports.words import counted

_ANSWERED: Final = re.compile(r".* returned nothing for 4\d\d\b.*")
"""The target said no, and the scenario has no word for it: the student failed, which is true."""
_SUCCESS: Final = re.compile(r".* (returned nothing for|in .*, after) 2\d\d\b.*")
_OR: Final = ", unless the target says yes where it means no"


def judge_scenario(evidence: Evidence) -> tuple[list[Doubt], list[str]]:
    """Return a doubt for each kind of defect that the scenario showed, and notes on the rest."""
    counts: Counter[str] = Counter()
    for event in evidence.events:
        if event.kind == "phase" and event.name == SCENARIO_TROUBLES:
            counts.update(event.detail.get("values", {}))
    doubts, notes = [], []
    for trouble, count in counts.items():
        sentence = f"In the scenario, {counted(count, 'time')}: {trouble}"
        if _ANSWERED.fullmatch(trouble):
            notes.append(f"{sentence}; each counts as failed.")
        else:
            instead = _OR if _SUCCESS.fullmatch(trouble) else ""
            doubts.append(
                Doubt(f"{sentence}; what it made of that student proves nothing{instead}.")
            )
    return doubts, notes
